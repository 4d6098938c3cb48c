"""What a policy blurs: unrecognisable in everything that is published, and nothing else changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import footage
from framegate import settings, wiring
from framegate.domain import serial
from framegate.domain.blurring import frames_of, is_blurred
from framegate.domain.encoding import ChunkReceipt, Encoders
from framegate.domain.ladder import (
    Chunk,
    EncodeOptions,
    EncodePlan,
    Fields,
    FieldWork,
    Grid,
)
from framegate.domain.media import FieldOrder, MediaFacts
from framegate.domain.policy import Action
from framegate.domain.span import Span
from framegate.flow.state import Ending, Outcome
from framegate.media.picture import BLUR_CELLS
from framegate.media.source_frames import SourceCount, grid_frames
from framegate.services.processing import ProcessResult
from framegate.stages.base import Progress, StageContext
from framegate.stages.encode import encode, hardware
from framegate.stages.encode.ladder import plan as make_plan
from framegate.stages.encode.proof import prove
from framegate.testing.progress import Silent
from framegate.testing.sandbox import InProcessCall, InProcessSandbox

BLUR = (Span(Fraction(3, 2), Fraction(5, 2)),)  # in the middle chunk alone
SHARE = 1 / 100
"""Of a picture's own detail, by energy, that may lie above the blur's cells: what scaling up
smoothly and an encoder add."""


def finer(luma: NDArray[np.uint8]) -> float:
    """Energy of all that is finer than a sixteenth of the width or of the height, per pixel."""
    window = np.outer(*(np.hanning(side) for side in luma.shape))  # no edge from right to left
    spectrum = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2
    down, across = (np.abs(np.fft.fftfreq(side, 1 / side)) for side in luma.shape)
    fine = np.maximum(down[:, None], across[None, :]) > BLUR_CELLS
    return float(spectrum[fine].sum() / luma.size**2)


def lumas(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [np.asarray(frame.to_ndarray(format="gray"), np.uint8) for frame in frames]


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return hardware.encoders(InProcessSandbox())


def plan_of(facts: MediaFacts) -> EncodePlan:
    """Two rungs and three chunks of a second and more."""
    plan = make_plan(facts, EncodeOptions(preset="ultrafast", max_short_side=360))
    grid = replace(plan.grid, gop_frames=12, segment_frames=12)
    cuts = (0, 24, 72, grid.frames)
    chunks = tuple(Chunk(i, cuts[i], cuts[i + 1] - cuts[i]) for i in range(3))
    top = plan.renditions[-1]
    low = replace(top, name="low", width=top.width // 2, height=top.height // 2)
    return replace(plan, renditions=(low, top), grid=grid, chunks=chunks)


def encoded(
    context: StageContext,
    source: int,
    facts: MediaFacts,
    plan: EncodePlan,
    encoders: Encoders,
    *,
    blur: Sequence[Span],
) -> list[ChunkReceipt]:
    receipts = []
    for chunk in plan.chunks:
        receipt = encode.encode_chunk(
            context, source, facts, plan, chunk, source_sha256="0", encoders=encoders, blur=blur
        )
        encode.keep(context, receipt)
        receipts.append(receipt)
    return receipts


@pytest.fixture
def source(clips: Path) -> Iterator[int]:
    fd = os.open(clips / "bigbuckbunny.mp4", os.O_RDONLY)
    yield fd
    os.close(fd)


def test_every_rung_hides_the_span_and_keeps_the_rest(
    clips: Path, tmp_path: Path, source: int, encoders: Encoders
) -> None:
    facts = footage.facts_of(clips / "bigbuckbunny.mp4")
    plan = plan_of(facts)
    context = StageContext(InProcessSandbox(), tmp_path, Silent(), None)  # type: ignore[arg-type]
    plain = encoded(context, source, facts, plan, encoders, blur=())
    clear = [encode.join_rendition(context, plan, plain, rung) for rung in plan.renditions]
    for track in clear:
        (tmp_path / track.path).rename(tmp_path / f"clear-{track.rendition.name}.mp4")
    hidden = encoded(context, source, facts, plan, encoders, blur=BLUR)
    same = [one.id == other.id for one, other in zip(plain, hidden, strict=True)]
    assert same == [True, False, True], "a chunk that the blur does not touch is not encoded again"
    assert [r.imprints.sha256 for r in plain] == [r.imprints.sha256 for r in hidden], (
        "what is compared with what was screened is the source before the blur"
    )
    videos = [encode.join_rendition(context, plan, hidden, rung) for rung in plan.renditions]
    frames = frames_of(BLUR, plan.grid, plan.fields)
    assert [(one.first, one.end) for one in frames] == [(38, 64)], "at 25 frames a second"
    for video in videos:
        clean = lumas(tmp_path / f"clear-{video.rendition.name}.mp4")
        shown = lumas(tmp_path / video.path)
        assert len(clean) == len(shown) == plan.grid.frames
        for number, (before, after) in enumerate(zip(clean, shown, strict=True)):
            if is_blurred(frames, number):
                assert finer(after) < SHARE * finer(before), (video.rendition.name, number)
            elif not 24 <= number < 72:
                assert np.array_equal(before, after), "other chunks are the same to the bit"
            else:
                apart = np.abs(before.astype(float) - after).mean()
                assert apart < 6, (video.rendition.name, number)
    scores = {
        blur: prove(context, source, facts.video, plan, videos, full=True, blur=blur)
        for blur in (BLUR, ())
    }
    worst = {
        blur: min(w.vmaf_min for one in proved for w in one.windows)
        for blur, proved in scores.items()
    }
    assert worst[BLUR] > 50, "the reference is blurred alike"
    assert worst[()] < 10, "against the clear source a blurred frame is nothing like it"


BRIGHT = 150  # luma: what is hidden is lighter, what is shown is darker, with its ringing


@pytest.mark.parametrize("at", [40, 41, 42, 43, 44])
@pytest.mark.parametrize("work", [FieldWork.FRAMES, FieldWork.FIELDS, FieldWork.FILM])
def test_no_field_of_what_is_hidden_is_shown(tmp_path: Path, work: FieldWork, at: int) -> None:
    """Between two clean frames pictures flash; whatever fields are mixed, none of it is left."""
    pictures = []
    for number in range(96):
        luma = np.full((180, 320), 50, np.uint8)
        luma[:, 2 * number : 2 * number + 60] = 90  # moves: the fields of a frame differ
        if at <= number < at + 9:
            luma[40:140] = 220
        pictures.append(footage.grey(luma))
    film = work is FieldWork.FILM
    frames = (footage.telecined if film else footage.woven)(pictures, top_first=True)
    lights = [n for n, f in enumerate(frames) if (f.to_ndarray()[:180] > BRIGHT).any()]
    path = footage.write(
        tmp_path / "source.mkv", frames, rate=Fraction(30), options={"crf": "4", "g": "12"}
    )
    facts = footage.facts_of(path)
    rate = {FieldWork.FIELDS: Fraction(60), FieldWork.FILM: Fraction(24)}.get(work, Fraction(30))
    count = int(len(frames) * rate / 30)
    plan = make_plan(facts, EncodeOptions())
    fields = Fields(work, FieldOrder.TOP_FIRST)
    plan = replace(plan, fields=fields, grid=Grid(rate, count, 12, 24))
    span = Span(Fraction(lights[0] - 1, 30), Fraction(lights[-1] + 1, 30))
    asked = encode.chunk_work(facts, plan, Chunk(0, 0, count), [span])
    shown = []
    with path.open("rb") as source:
        call = InProcessCall(serial.dump(asked), {"source": source.fileno()}, None, None, None)
        for frame in grid_frames(call, asked, SourceCount()):
            light = bool((frame.to_ndarray()[:180] > BRIGHT).any())
            shown.append((light, is_blurred(asked.blurred, frame.pts or 0)))
    assert any(light for light, _ in shown)
    assert not [n for n, (light, blurred) in enumerate(shown) if light and not blurred]
    assert sum(blurred for _, blurred in shown) <= (len(lights) + 2) * rate / 30 + 12, "no more"


POLICY = """
schema_version = 2
name = "blurs"
version = "1"

[[rules]]
id = "hide"
label = "{label}"
threshold = {threshold}
action = "blur"
blur_margin_s = 0
reason = "R."
"""


EXPLICIT = POLICY.format(label="sexual.explicit", threshold=0.25)  # two samples of the cartoon
FACES = POLICY.format(label="person.face", threshold=0.5)  # every one of the man in the car


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wiring.Application]:
    quick: dict[str, Any] = {"screen": {"text": False, "speech": False}}
    quick["encode"] = {"vmaf": "sampled", "ladder": "fixed"}
    home = tmp_path_factory.mktemp("blur") / "home"
    with wiring.opened(settings.load(paths={"home": home}, **quick)) as app:
        yield app


def tried(
    app: wiring.Application, path: Path, policy: str, out: Path, progress: Progress
) -> ProcessResult:
    file = out.parent / "policy.toml"
    file.write_text(policy)
    options = wiring.process_options(
        app.settings, output=out, policy=file, max_gap_s=0.5, max_short_side=180
    )
    (result,) = app.processing.process([path], options, lambda *_: progress, lambda _: None)
    return result


def processed(
    app: wiring.Application, path: Path, policy: str, out: Path, progress: Progress | None = None
) -> Outcome:
    result = tried(app, path, policy, out, progress or Silent())
    assert result.outcome is not None, result.error
    return result.outcome


def test_a_video_is_published_with_what_the_policy_blurs_hidden(
    app: wiring.Application, clips: Path, tmp_path: Path
) -> None:
    outcome = processed(app, clips / "bigbuckbunny.mp4", EXPLICIT, tmp_path / "out")
    verdict = outcome.decision.verdict
    assert (outcome.status, verdict.action) == (Ending.PUBLISHED, Action.ALLOW)
    assert outcome.encoded is not None
    assert outcome.encoded.blurred == verdict.blur
    length = outcome.facts.duration_measured
    share = sum(span.end - span.start for span in verdict.blur) / length
    assert 0 < share < 1
    plan, folder = outcome.encoded.plan, Path(outcome.output)
    frames = frames_of(verdict.blur, plan.grid, plan.fields)
    source = lumas(clips / "bigbuckbunny.mp4")
    for number, luma in enumerate(lumas(folder / "preview.mp4")):
        if is_blurred(frames, number):
            assert finer(luma) < SHARE * finer(source[number])
        else:
            assert finer(luma) > 0.1 * finer(source[number])
    assert finer(np.asarray(Image.open(folder / "poster.jpg").convert("L"))) > 1, (
        "the poster is of a moment that is shown"
    )
    told = json.loads((folder / "verdict.json").read_text())
    assert told["blur"] == [
        {"start_s": round(float(span.start), 9), "end_s": round(float(span.end), 9)}
        for span in verdict.blur
    ]
    assert 'id="blurred"' in (folder / "report.html").read_text()


def test_a_blur_of_everything_is_published_and_told(
    app: wiring.Application, clips: Path, tmp_path: Path
) -> None:
    outcome = processed(app, clips / "carphone_pristine.mp4", FACES, tmp_path / "out")
    assert outcome.status is Ending.PUBLISHED
    (reason,) = outcome.decision.verdict.reasons
    assert reason.words == "R. The whole video is blurred."
    source = lumas(clips / "carphone_pristine.mp4")
    least = SHARE * min(map(finer, source))
    assert all(finer(luma) < least for luma in lumas(Path(outcome.output) / "preview.mp4"))


def test_what_a_person_allows_is_blurred_where_the_policy_wanted_it(
    app: wiring.Application, clips: Path, tmp_path: Path
) -> None:
    policy = EXPLICIT.replace('version = "1"', 'version = "2"\nrequired = ["text.rapidocr"]')
    held = processed(app, clips / "bigbuckbunny.mp4", policy, tmp_path / "out")
    assert held.status is Ending.REVIEW
    released = app.reviews.resolve(
        held.asset.id, Action.ALLOW, reason="seen", actor="Ada", progress=Silent()
    )
    assert released.status is Ending.PUBLISHED
    assert released.encoded is not None
    assert released.decision.verdict.blur == released.encoded.blurred != ()
    frames = frames_of(
        released.encoded.blurred, released.encoded.plan.grid, released.encoded.plan.fields
    )
    shown = lumas(Path(released.output) / "preview.mp4")
    hidden = [finer(luma) for number, luma in enumerate(shown) if is_blurred(frames, number)]
    assert max(hidden) < 1


# what the picture that was put in scores, and no other (0.100 beside 0.074)
GRAPHIC = POLICY.format(label="violence.graphic", threshold=0.09)


class Telling(Silent):
    """Notes which steps begin; stumbles once over one of them."""

    def __init__(self, over: str) -> None:
        self.over = over
        self.began: list[str] = []

    def start(self, stage: str, total: float | None, unit: str) -> None:
        super().start(stage, total, unit)
        self.began.append(stage)
        if stage == self.over:
            self.over = ""
            raise RuntimeError("the lights went out")


def test_what_the_encode_showed_first_is_blurred_too(
    app: wiring.Application, clips: Path, tmp_path: Path
) -> None:
    video = tmp_path / "spliced.mp4"
    footage.spliced(clips, video, place=54)
    progress = Telling("package")
    assert tried(app, video, GRAPHIC, tmp_path / "out", progress).error is not None
    assert progress.began.count("encode-again") == 1
    outcome = processed(app, video, GRAPHIC, tmp_path / "out", progress)
    assert progress.began.count("encode") == progress.began.count("encode-again") == 2, "looked up"
    (report,) = Path(outcome.output).glob("report.json")
    first, second = json.loads(report.read_text())["decisions"]
    assert (first["verdict"]["blur"], len(second["verdict"]["blur"])) == ([], 1)
    assert outcome.status is Ending.PUBLISHED
    assert outcome.encoded is not None
    plan = outcome.encoded.plan
    frames = frames_of(outcome.decision.verdict.blur, plan.grid, plan.fields)
    assert is_blurred(frames, 54)
    source = lumas(video)
    for number, luma in enumerate(lumas(Path(outcome.output) / "preview.mp4")):
        if is_blurred(frames, number):
            assert finer(luma) < SHARE * finer(source[number])
    resumed = {each.stage for each in outcome.timings if each.resumed}
    assert {"encode", "encode-again"} <= resumed
