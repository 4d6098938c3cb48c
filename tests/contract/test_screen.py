"""Screen on real and derived clips, without models: what is sampled, shown and promised."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image
from scenedetect import AdaptiveDetector, ContentDetector, detect

import footage
from framegate.domain.findings import Finding, Status
from framegate.domain.frames import Sample
from framegate.domain.options import ScreenMode
from framegate.domain.screening import Screening
from framegate.errors import Internal
from framegate.security.sandbox.host import ForkServer
from framegate.stages.screen.protocol import (
    Every,
    Looked,
    Panel,
    PdqHash,
    Unavailable,
)
from framegate.testing.clips import (
    ClipSpec,
    Tone,
    draw,
    frame_index_of,
    make_clip,
    passed_on,
)
from looking import Ear, look_at


class Recorder:
    """An analyser that sees nothing and remembers what it was shown."""

    version, labels, model, model_sha256 = "1", ("nothing",), None, None

    def __init__(self, name: str, level: str, every: Every, batch: int = 3) -> None:
        self.name, self.level, self.every, self.batch = name, level, every, batch
        self.shown: list[tuple[int, int]] = []  # shot, sample
        self.batches: list[int] = []

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        self.shown += [(sample.info.shot, sample.info.index) for sample in samples]
        self.batches.append(len(samples))
        if self.level != "hash":
            return Looked()
        same = "0" * 64
        return Looked(pdq=tuple(PdqHash(sample.info.index, same, 100) for sample in samples))

    def finish(self) -> Looked:
        return Looked(reason="done")


class Passes(Recorder):
    """A judge that passes every sample over."""

    def consider(self, sample: Sample, _pdq: PdqHash | None, _seen: Sequence[Finding]) -> None:
        self.shown.append((sample.info.shot, sample.info.index))


def gaps(found: Screening) -> list[Fraction]:
    times = [Fraction(0), *(sample.time for sample in found.samples), found.shots[-1].end]
    return [later - earlier for earlier, later in pairwise(times)]


def test_six_shots_as_pyscenedetect_cuts_them(clips: Path, tmp_path: Path) -> None:
    path = clips / "bikes.mp4"
    for mode in ScreenMode:
        found = look_at(path, tmp_path / mode, mode=mode)
        assert len(found.shots) == 6
        for detector in (AdaptiveDetector(), ContentDetector()):
            theirs = [start.seconds for start, _end in detect(str(path), detector)]
            ours = [float(shot.start) for shot in found.shots]
            # one frame, or one skipped frame beside it
            assert ours == pytest.approx(theirs, abs=0.081)
        assert found.coverage.met
        assert max(gaps(found)) <= 1
        assert {sample.shot for sample in found.samples} == set(range(6))
    assert found.coverage.frames_decoded == 250


def test_skipping_leaves_frames_out_and_says_so(clips: Path, tmp_path: Path) -> None:
    found = look_at(clips / "bikes.mp4", tmp_path)
    assert found.coverage.mode == "reference-frames"
    assert found.coverage.frames_decoded < 0.6 * found.coverage.frames_in_source
    assert str(250 - found.coverage.frames_decoded) in found.coverage.mode_reason


def test_a_copy_has_the_samples_of_its_original_where_a_judge_is_asked(
    clips: Path, tmp_path: Path
) -> None:
    original = clips / "bikes.mp4"
    copy = passed_on(original, tmp_path / "copy.mp4")
    taken = []
    for number, path in enumerate((original, copy)):
        judge = Passes("judge", "vlm", Every.SAMPLE)
        found = look_at(path, tmp_path / str(number), Panel(judges=(judge,)))
        assert found.coverage.frames_decoded == 250
        assert "same samples" in found.coverage.mode_reason
        assert len(judge.shown) == len(found.samples)
        taken.append([float(sample.time) for sample in found.samples])
    assert taken[1] == pytest.approx(taken[0], abs=0.041)  # a frame: novelty is a threshold
    chosen = ScreenMode.REFERENCE_FRAMES
    panel = Panel(judges=(Passes("judge", "vlm", Every.SAMPLE),))
    found = look_at(original, tmp_path / "chosen", panel, mode=chosen)
    assert found.coverage.mode == chosen


def test_a_gap_that_skipping_would_break_is_decoded_in_full(clips: Path, tmp_path: Path) -> None:
    found = look_at(clips / "bikes.mp4", tmp_path, max_gap_s=0.05)
    assert found.coverage.mode == "full"
    assert found.coverage.mode_reason == "skipping left a gap"
    assert max(gaps(found)) <= Fraction(1, 20)
    assert len(found.samples) >= 240
    times = [sample.pts for sample in found.samples]
    assert times == sorted(set(times))


def test_previews_and_signals_are_kept(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "000999.jpg").write_bytes(b"left over")
    found = look_at(clips / "bigbuckbunny.mp4", tmp_path)
    kept = sorted((tmp_path / "samples").iterdir())
    assert [path.name for path in kept] == [f"{n:06d}.jpg" for n in range(len(found.samples))]
    assert Image.open(kept[0]).size == (320, 180)
    rows = json.loads((tmp_path / "signals.json").read_text())
    assert len(rows["pts"]) == len(rows["scene"]) == found.coverage.frames_decoded == 132
    assert found.signals.loudness_lufs == pytest.approx(-34.0, abs=0.2)
    assert all(sample.signals for sample in found.samples)
    assert {part.name for part in found.quality.parts} == {
        "resolution", "sharpness", "blockiness", "noise", "exposure", "stability", "loudness"
    }  # fmt: skip


@pytest.mark.parametrize("vfr", [False, True])
def test_a_sample_shows_the_frame_of_its_time(*, vfr: bool, tmp_path: Path) -> None:
    spec = ClipSpec(size=(640, 360), seconds=Fraction(3), vfr=vfr)
    path = make_clip(tmp_path / "clip.mp4", spec)
    found = look_at(path, tmp_path / "work")
    assert max(gaps(found)) <= 1
    with av.open(str(path)) as clip:
        drawn = {
            frame.pts: frame_index_of(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            for frame in clip.decode(video=0)
        }
    for sample in found.samples:
        preview = tmp_path / "work/samples" / f"{sample.index:06d}.jpg"
        assert frame_index_of(np.asarray(Image.open(preview))) == drawn[sample.pts]
    assert found.samples[-1].reason == "last"


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_previews_stand_upright(turn: int, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", seconds=Fraction(1), rotation=turn)
    found = look_at(path, tmp_path / "work")
    assert (found.samples[0].width > found.samples[0].height) == (turn % 180 == 0)
    shown = np.asarray(Image.open(tmp_path / "work/samples/000000.jpg"))
    upright = np.rot90(shown, turn // 90)  # back to the coded picture
    plain = look_at(make_clip(tmp_path / "plain.mp4", seconds=Fraction(1)), tmp_path / "plain")
    expected = np.asarray(Image.open(tmp_path / "plain/samples/000000.jpg"))
    assert plain.samples[0].pts == found.samples[0].pts
    assert np.abs(upright.astype(int) - expected).mean() < 3


def test_a_truncated_file_is_screened_as_far_as_it_goes(clips: Path, tmp_path: Path) -> None:
    whole = (clips / "cityCC0.mpg").read_bytes()
    path = tmp_path / "short.mpg"
    path.write_bytes(whole[: len(whole) // 2])
    found = look_at(path, tmp_path / "work")
    assert 80 < found.coverage.frames_decoded < 120
    assert found.coverage.largest_gap_s <= 1.0


def test_a_damaged_stretch_breaks_the_promise(clips: Path, tmp_path: Path) -> None:
    data = bytearray((clips / "bikes.mp4").read_bytes())
    with av.open(str(clips / "bikes.mp4")) as clip:
        for packet in clip.demux(video=0):
            if packet.pts is None or packet.pos is None:
                continue
            if packet.size and 2 <= packet.pts * packet.time_base < 5:
                data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    found = look_at(path, tmp_path / "work")
    assert not found.coverage.met
    assert found.coverage.undecodable_frames > 50
    assert found.coverage.largest_gap_s > 2


def test_a_wrong_timestamp_that_hides_frames_breaks_the_promise(tmp_path: Path) -> None:
    # no frame is held back by this decoder: when the leap comes, nothing after it was read yet
    plain = make_clip(tmp_path / "plain.mkv", seconds=Fraction(4), codec="mpeg4")
    path = tmp_path / "leap.mkv"
    with av.open(str(plain)) as clip, av.open(str(path), "w") as out:
        copy = out.add_stream_from_template(clip.streams.video[0])
        for packet in clip.demux(video=0):
            if packet.pts is None:
                continue
            if 1 <= packet.pts * packet.time_base < 1.03:
                packet.pts += round(2 / packet.time_base)  # the two seconds that follow come late
            packet.stream = copy
            out.mux(packet)
    found = look_at(path, tmp_path / "work")
    assert found.coverage.largest_gap_s > 1.5
    assert not found.coverage.met


def test_samples_reach_analysers_by_their_wish(clips: Path, tmp_path: Path) -> None:
    hashes = Recorder("hash.same", "hash", Every.SAMPLE, batch=4)
    every = Recorder("see.all", "detectors", Every.SAMPLE)
    novel = Recorder("see.new", "detectors", Every.NOVEL)
    shot = Recorder("see.shot", "text", Every.SHOT)
    panel = Panel(
        (hashes, every, novel, shot),
        unavailable=(
            Unavailable("speech.x", "no model", "speech"),
            Unavailable("text.y", "switched off", "text", off=True),
        ),
    )
    found = look_at(clips / "bikes.mp4", tmp_path, panel)
    total = len(found.samples)
    assert [index for _shot, index in hashes.shown] == list(range(total))
    assert every.shown == hashes.shown
    # all hashes are alike: one look for each shot
    assert [shot_of for shot_of, _index in novel.shown] == list(range(6))
    assert shot.shown == novel.shown
    assert max(every.batches) <= 3
    assert all(sample.pdq == "0" * 64 for sample in found.samples)
    runs = {run.analyser: run for run in found.runs}
    assert runs["see.all"].samples_seen == total
    assert runs["see.shot"].reason == "done"
    assert runs["speech.x"].status is Status.UNAVAILABLE
    assert runs["text.y"].status is Status.NOT_RUN
    levels = {level.level: level for level in found.coverage.levels}
    assert levels["detectors"].frames == 6  # as good as the worst of the level
    assert levels["detectors"].largest_gap_s > levels["hash"].largest_gap_s


def test_bars_are_cut_off_before_analysers_look(tmp_path: Path) -> None:
    """Of what they are shown, not of the preview that people see."""

    class Framed(Recorder):
        def analyse(self, samples: Sequence[Sample]) -> Looked:
            sizes.extend((sample.pixels.shape[:2], sample.active.shape[:2]) for sample in samples)
            return Looked()

    sizes: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    pictures = []
    for number in range(25):
        barred = np.zeros((180, 320, 3), np.uint8)
        barred[24:156] = draw(number, 0, (320, 132))
        pictures.append(VideoFrame.from_ndarray(barred, "rgb24").reformat(format="yuv420p"))
    source = footage.write(tmp_path / "barred.mkv", pictures, encoder="ffv1")
    look_at(source, tmp_path / "work", Panel(stills=(Framed("a", "detectors", Every.SAMPLE),)))
    assert sizes
    assert {whole for whole, _ in sizes} == {(180, 320)}
    assert all(abs(height - 132) <= 2 and width == 320 for _, (height, width) in sizes)


def test_sound_is_heard_in_time(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "tone.mp4", seconds=Fraction(3), audio=(Tone(),))
    ear = Ear()
    found = look_at(path, tmp_path / "work", Panel(audio=(ear,)))
    assert found.spoken_language == "en"
    heard = np.concatenate([sound for _start, sound in ear.blocks])
    assert heard.size == pytest.approx(3 * 16_000, rel=0.05)
    assert abs(float(ear.blocks[0][0])) < 0.1
    loudest = np.argmax(np.abs(np.fft.rfft(heard[:16_000])))
    assert loudest == pytest.approx(440, abs=2)
    assert found.signals.loudness_lufs is not None


def test_speech_without_sound_is_skipped(clips: Path, tmp_path: Path) -> None:
    found = look_at(clips / "bikes.mp4", tmp_path, Panel(audio=(Ear(),)))
    assert [(run.status, run.reason) for run in found.runs] == [
        (Status.SKIPPED, "the video has no sound")
    ]


def test_an_analyser_that_fails_stops_the_screen(clips: Path, tmp_path: Path) -> None:
    class Broken(Recorder):
        def analyse(self, samples: Sequence[Sample]) -> Looked:
            raise Internal("model", f"{len(samples)} samples")

    panel = Panel((Broken("broken", "detectors", Every.SAMPLE, batch=1),))
    with pytest.raises(Internal, match="1 samples"):
        look_at(clips / "bikes.mp4", tmp_path, panel)


def test_behind_the_walls_the_same_is_seen(clips: Path, tmp_path: Path) -> None:
    """A child cannot open files any more: nothing may be imported late."""
    tone = make_clip(tmp_path / "tone.mp4", seconds=Fraction(1), audio=(Tone(),), rotation=90)
    with ForkServer() as server:
        for path in (clips / "bikes.mp4", tone):
            ears = Panel(audio=(Ear(),))
            walled = look_at(path, tmp_path / "walled", ears, server)
            assert walled.samples == look_at(path, tmp_path / "open").samples
        assert walled.signals.loudness_lufs is not None
