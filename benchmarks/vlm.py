"""What the cascade asks a vision-language model on real clips, against asking about every frame.

    python -m benchmarks vlm [--quick]

The model here answers "none" to everything and takes no time: what is counted is which frames are
asked about, in how many requests. Baselines are one frame a second, and every frame. A shot counts
as seen when a frame of it was in a question. Second, what a copy at 240p costs when the original
is remembered, with the frames decoded that others need and with all: where an encoder put its B
frames decides which are left out. Third, how near in PDQ the same frames are after real
edits, and how far different frames of one clip are: what `memory.NEAR` rests on.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import sources
from benchmarks.answers import Answer, Row
from benchmarks.keeping import measure_facts
from framegate.cache.embedded import EmbeddedCache
from framegate.cache.protocol import Bounds
from framegate.domain.hashlist import MIN_QUALITY, distance
from framegate.domain.options import ScreenMode
from framegate.domain.vision import Answer as Said
from framegate.domain.vision import Choice, Profile, Question, Served, Urgency, VisionUse
from framegate.models.vision import profiles
from framegate.security.sandbox.host import ForkServer
from framegate.stages.base import StageContext
from framegate.stages.screen.analysers.hashes import HashAnalyser, hashed
from framegate.stages.screen.analysers.vlm.build import shipped_prompt, vision_judge
from framegate.stages.screen.analysers.vlm.memory import NEAR
from framegate.stages.screen.protocol import Panel
from framegate.stages.screen.screen import screen
from framegate.testing.clips import passed_on
from framegate.testing.progress import Silent

CLIPS = ("trailer_bbb.mp4", "bikes.mp4", "bigbuckbunny.mp4", "cityCC0.mpg", "carphone_pristine.mp4")
PROFILE = "scout-int4-1x80"
MOST_A_MINUTE = 7  # of the shipped profiles: docs/reference/vision-models.md
COPY_HEIGHT = 240
WHOLE_S = 30  # clips shorter than this are too short for a number a minute
type Pixels = NDArray[np.uint8]


class AllClear:
    """Answers "none" to every triage, at once, and counts."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.asked: list[Question] = []
        prompt = shipped_prompt(profile.prompt)
        self._none = {order.system: order.none for order in prompt.orders}

    def describe(self, options: Sequence[str] = ()) -> Served:  # noqa: ARG002 - the protocol's
        """A server that does all."""
        return Served("none", None, "", tokenizer_checked=True, processed=True, priorities=True)

    def ask(self, question: Question, *, urgency: Urgency = Urgency.TRIAGE) -> Future[Said]:  # noqa: ARG002 - the protocol's
        """The letter for none of the labels."""
        self.asked.append(question)
        future: Future[Said] = Future()
        if isinstance(question.answer, Choice):
            none = self._none[question.system]
            chosen = {one: float(one == none) for one in question.answer.options}
            future.set_result(Said(chosen=chosen, mass=1.0))
        else:
            future.set_result(Said())
        return future

    def use(self) -> VisionUse:
        """What was asked."""
        return VisionUse(asked=len(self.asked))

    def close(self) -> None:
        """Nothing to end."""


def bench(*, runs: int, quick: bool) -> Answer:  # noqa: ARG001 - counts do not vary
    """Count on each clip, then measure edits."""
    rows: list[Row] = []
    counted: list[dict[str, Any]] = []
    profile = profiles.named(PROFILE)
    with TemporaryDirectory() as folder, ForkServer() as server:
        for name in CLIPS[:2] if quick else CLIPS:
            clip = sources.CLIPS / name
            if not clip.is_file():
                continue
            told = count(clip, server, Path(folder), profile)
            counted.append(told)
            short = clip.stem
            rows.append(Row(f"{short}: shots in no question", told["unseen"], at_most=0))
            allowed = told["allowed"] if told["seconds"] >= WHOLE_S else None
            rows.append(Row(f"{short}: questions", told["questions"], at_most=allowed))
            rows.append(Row(f"{short}: frames asked / 1 fps", told["frames"] / told["at_1_fps"]))
            rows.append(Row(f"{short}: questions / every frame", told["questions"] / told["all"]))
            copied = copies(clip, server, Path(folder), profile)
            told["copies"] = copied
            rows += [
                Row(
                    f"{short}: frames of a 240p copy asked about, {mode}",
                    one["new"] / one["frames"],
                )
                for mode, one in copied.items()
            ]
    edits = near_matches([sources.CLIPS / name for name in CLIPS[: 2 if quick else 4]])
    rows.append(
        Row(f"re-encoded at 240p within {NEAR} bits", edits["240p"]["within"], at_least=0.95)
    )
    rows.append(
        Row(f"other frames within {NEAR} bits", edits["other shots"]["within"], at_most=0.001)
    )
    return Answer(name="vlm", rows=tuple(rows), details={"clips": counted, "edits": edits})


def copies(clip: Path, server: ForkServer, work: Path, profile: Profile) -> dict[str, Any]:
    """What a copy at 240p asks after its original, by how much is decoded."""
    told = {}
    copy = passed_on(clip, work / f"{clip.stem}-{COPY_HEIGHT}.mp4")
    for mode in (ScreenMode.AUTO, ScreenMode.REFERENCE_FRAMES):
        bounds = Bounds(10_000, timedelta(days=1))
        cache = EmbeddedCache(
            work / f"{clip.stem}-{mode}.sqlite", bounds, lambda: datetime.now(UTC)
        )
        count(clip, server, work, profile, cache=cache, mode=mode)
        told[mode.value] = count(copy, server, work, profile, cache=cache, mode=mode)
    return told


def count(
    clip: Path,
    server: ForkServer,
    work: Path,
    profile: Profile,
    *,
    cache: EmbeddedCache | None = None,
    mode: ScreenMode = ScreenMode.AUTO,
) -> dict[str, Any]:
    """What one clip makes the cascade ask."""
    vision = AllClear(profile)
    context = StageContext(server, work, Silent(), lambda: datetime.now(UTC))
    facts = measure_facts(context, clip)
    judge = vision_judge(vision, remembered=cache, clock=context.clock, lists=(), source_sha256="")
    with clip.open("rb") as source:
        panel = Panel(stills=(HashAnalyser(),), judges=(judge,))
        screening = screen(context, source.fileno(), facts, panel, mode=mode)
    (run,) = [run for run in screening.runs if run.level == "vlm"]
    seconds = float(facts.video.duration_measured)
    triage = [one for one in vision.asked if isinstance(one.answer, Choice)]
    looked = set(judge.looked)
    unseen = sum(
        not any(shot.start <= time < shot.end for time in looked) for shot in screening.shots
    )
    return {
        "clip": clip.name,
        "seconds": round(seconds, 2),
        "shots": len(screening.shots),
        "unseen": unseen,
        "samples": len(screening.samples),
        "frames": run.samples_seen,
        "new": run.samples_seen - dict(run.counts).get("remembered", 0),
        "questions": len(triage),
        "detail": len(vision.asked) - len(triage),
        "allowed": max(1, int(MOST_A_MINUTE * max(seconds, 1) / 60)),
        "at_1_fps": max(1, round(seconds)),
        "all": facts.video.frames_measured,
    }


def near_matches(clips: list[Path]) -> dict[str, dict[str, float]]:
    """Bits between frames (one a second) and themselves edited, and between frames of two shots."""
    found: dict[str, list[int]] = {}
    for clip in clips:
        if not clip.is_file():
            continue
        frames = [_small(frame) for frame in _frames(clip)]
        hashes = [hashed(frame) for frame in frames]
        for name, edit in EDITS.items():
            for frame, (digest, quality) in zip(frames, hashes, strict=True):
                edited, edited_quality = hashed(edit(frame))
                if min(quality, edited_quality) >= MIN_QUALITY:
                    found.setdefault(name, []).append(distance(digest, edited))
        for at, (digest, quality) in enumerate(hashes):
            for other, (second, other_quality) in enumerate(hashes[:at]):
                if at - other > 2 and min(quality, other_quality) >= MIN_QUALITY:
                    found.setdefault("other shots", []).append(distance(digest, second))
    return {
        name: {
            "pairs": len(bits),
            "median": statistics.median(bits),
            "p95": float(np.percentile(bits, 95)),
            "most": max(bits),
            "least": min(bits),
            "within": sum(bit <= NEAR for bit in bits) / len(bits),
        }
        for name, bits in found.items()
    }


def _frames(clip: Path) -> list[Pixels]:
    kept: list[Pixels] = []
    due = Fraction(0)
    with av.open(str(clip)) as container:
        track = container.streams.video[0]
        for frame in container.decode(track):
            time = Fraction(frame.pts or 0) * frame.time_base
            if time >= due:
                kept.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                due = time + 1
    return kept


def _small(frame: Pixels, side: int = 640) -> Pixels:
    scale = min(1.0, side / max(frame.shape))
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(frame: Pixels, quality: int) -> Pixels:
    _done, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _cropped(frame: Pixels, share: float) -> Pixels:
    rows, columns = frame.shape[:2]
    top, left = round(rows * share / 2), round(columns * share / 2)
    return frame[top : rows - top, left : columns - left]


EDITS: dict[str, Callable[[Pixels], Any]] = {  # OpenCV promises no type of pixels
    "240p": lambda frame: _jpeg(_small(frame, 426), 40),
    "brighter by a tenth": lambda frame: cv2.convertScaleAbs(frame, alpha=1.1),
    "logo in a corner": lambda frame: cv2.rectangle(
        frame.copy(), (8, 8), (8 + frame.shape[1] // 10, 8 + frame.shape[0] // 10), (255,) * 3, -1
    ),
    "2 % cropped": lambda frame: _cropped(frame, 0.02),
    "5 % cropped": lambda frame: _cropped(frame, 0.05),
    "mirrored": lambda frame: np.ascontiguousarray(frame[:, ::-1]),
}
