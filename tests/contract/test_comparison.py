"""Frames put into real clips, through the real decoders: which ones the encode's decode finds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

import footage
import tracks
from framegate.domain.frames import Sample
from framegate.domain.imprint import Imprints
from framegate.domain.ladder import Chunk, EncodeOptions
from framegate.domain.layout import IMPRINTS, SAMPLES
from framegate.domain.screening import Screening
from framegate.domain.unseen import Comparison, Look, find_unseen
from framegate.security.sandbox.host import ForkServer, MediaSandbox
from framegate.stages.encode.encode import encode_chunk
from framegate.stages.encode.hardware import encoders
from framegate.stages.encode.ladder import plan as plan_encode
from framegate.stages.screen.protocol import Every, Looked, Panel
from framegate.stages.screen.revisit import look_again
from framegate.stages.screen.screen import screen

SIZE = (320, 180)
FRAMES, BORDER = 72, 36  # of a clip; where its second chunk begins


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


@pytest.fixture(scope="module")
def base(clips: Path) -> list[VideoFrame]:
    return small(clips / "bigbuckbunny.mp4", FRAMES)


@pytest.fixture(scope="module")
def foreign(clips: Path) -> list[VideoFrame]:
    return small(clips / "bikes.mp4", 48)[::15]


def small(clip: Path, count: int) -> list[VideoFrame]:
    return [frame.reformat(*SIZE, "yuv420p") for frame in footage.pictures_of(clip, count)]


def _same(part: Imprints) -> Imprints:
    return part


class Watched:
    """A clip that was screened and encoded in two chunks, and what the comparison said."""

    def __init__(self, sandbox: MediaSandbox, path: Path, work: Path, cut: int = BORDER) -> None:
        self.context = replace(tracks.context(work), sandbox=sandbox)
        self.fd = os.open(path, os.O_RDONLY)
        self.facts = footage.facts_of(path)
        self.screening: Screening = screen(self.context, self.fd, self.facts, Panel())
        plan = plan_encode(self.facts, EncodeOptions(preset="ultrafast"))
        end = plan.grid.frames
        ends = [(0, cut), (cut, end)] if cut < end else [(0, end)]
        grid = replace(plan.grid, gop_frames=12, segment_frames=12)
        chunks = tuple(Chunk(at, first, last - first) for at, (first, last) in enumerate(ends))
        plan = replace(plan, grid=grid, chunks=chunks, renditions=plan.renditions[-1:])
        found = encoders(sandbox)
        receipts = [
            encode_chunk(
                self.context,
                self.fd,
                self.facts,
                plan,
                chunk,
                source_sha256="0" * 64,
                encoders=found,
            )
            for chunk in plan.chunks
        ]
        parts = [
            Imprints.unpack((self.context.work / each.imprints.path).read_bytes())
            for each in receipts
        ]
        self.files = [file.path for each in receipts for file in each.files]
        self.encoded = Imprints(
            np.concatenate([part.pts for part in parts]),
            np.concatenate([part.codes for part in parts]),
        )
        seen = Imprints.unpack((self.context.work / IMPRINTS).read_bytes())
        self.found: Comparison = find_unseen(seen, [partial(_same, part) for part in parts])

    def close(self) -> None:
        os.close(self.fd)

    def numbers(self, pts: Sequence[int]) -> set[int]:
        """Frame numbers of some PTS."""
        order = {int(each): number for number, each in enumerate(self.encoded.pts)}
        return {order[each] for each in pts}

    @property
    def sampled(self) -> set[int]:
        return self.numbers([sample.pts for sample in self.screening.samples])

    @property
    def looks(self) -> set[int]:
        return self.numbers([look.pts for look in self.found.looks])


def watched(
    sandbox: MediaSandbox, frames: Sequence[VideoFrame], folder: Path, **options: str
) -> Watched:
    path = footage.write(
        folder / "clip.mp4", map(footage.again, frames), options=options or footage.UNREFERENCED
    )
    work = folder / "work"
    work.mkdir()
    return Watched(sandbox, path, work)


@pytest.mark.parametrize(
    "places",
    [
        pytest.param([54], id="a frame that screening leaves undecoded"),
        pytest.param([52], id="one that screening decodes"),
        pytest.param([BORDER - 1], id="the last of a chunk"),
        pytest.param([BORDER], id="the first of the next"),
        pytest.param([BORDER - 1, BORDER], id="both"),
        pytest.param([0], id="the first of all"),
        pytest.param([FRAMES - 1], id="the last of all"),
        pytest.param([17, 18], id="two in a row"),
        pytest.param([9, 62], id="two apart"),
    ],
)
def test_a_spliced_frame_is_sampled_or_found(
    sandbox: ForkServer,
    base: list[VideoFrame],
    foreign: list[VideoFrame],
    tmp_path: Path,
    places: list[int],
) -> None:
    frames = list(base)
    for place, picture in zip(places, foreign[1:], strict=False):
        frames[place] = picture
    clip = watched(sandbox, frames, tmp_path)
    assert clip.found.frames == FRAMES
    assert set(places) <= clip.sampled | clip.looks
    assert clip.looks <= set(places), "nothing else is looked at again"
    if places == [54]:
        assert clip.looks == {54}
    clip.close()


def test_the_same_clip_without_it_gets_no_second_look(
    sandbox: ForkServer, base: list[VideoFrame], tmp_path: Path
) -> None:
    clip = watched(sandbox, base, tmp_path)
    assert clip.found == Comparison(FRAMES, 0)
    clip.close()


def test_a_frame_of_the_same_lightness_is_told_by_its_colour(
    sandbox: ForkServer, base: list[VideoFrame], tmp_path: Path
) -> None:
    planes = base[54].to_ndarray()
    planes[SIZE[1] :] = planes[SIZE[1] :].astype(np.int16).clip(0, 215) + 20
    frames = [*base[:54], VideoFrame.from_ndarray(planes, "yuv420p"), *base[55:]]
    clip = watched(sandbox, frames, tmp_path)
    assert 54 not in clip.sampled
    assert clip.looks == {54}
    clip.close()


@pytest.mark.parametrize("name", ["bikes.mp4", "carphone_pristine.mp4", "cityCC0.mpg"])
def test_cuts_pans_and_flashes_of_real_clips_cost_no_second_look(
    sandbox: ForkServer, clips: Path, tmp_path: Path, name: str
) -> None:
    clip = Watched(sandbox, clips / name, tmp_path, cut=60)
    assert clip.found.frames == clip.facts.video.frames_measured
    assert not clip.found.looks
    clip.close()


@pytest.mark.parametrize("layout", ["yuv420p10le", "yuv444p", "bgr0", "gray"])
def test_every_layout_of_pixels_is_compared(
    sandbox: ForkServer, clips: Path, tmp_path: Path, layout: str
) -> None:
    encoder = "libx265" if layout == "gray" else "ffv1"
    pictures = small(clips / "bigbuckbunny.mp4", 24)
    pictures[10] = small(clips / "bikes.mp4", 20)[-1]
    frames = [frame.reformat(format=layout) for frame in pictures]
    path = footage.write(tmp_path / "clip.mkv", frames, encoder=encoder)
    work = tmp_path / "work"
    work.mkdir()
    clip = Watched(sandbox, path, work, cut=FRAMES)
    assert clip.found.frames == 24
    assert 10 in clip.sampled | clip.looks
    clip.close()


def test_a_second_picture_at_the_same_time_is_not_shown(
    sandbox: ForkServer, base: list[VideoFrame], foreign: list[VideoFrame], tmp_path: Path
) -> None:
    """Screening takes the first of two frames with one timestamp; so must the encode."""
    frames = [*base[:11], foreign[1], *base[11:24]]
    pts = [*range(11), 10, *range(11, 24)]
    path = footage.write(tmp_path / "clip.mkv", map(footage.again, frames), encoder="ffv1", pts=pts)
    (tmp_path / "work").mkdir()
    clip = Watched(sandbox, path, tmp_path / "work", cut=FRAMES)
    assert clip.found == Comparison(24, 0)
    with av.open(str(clip.context.work / clip.files[0])) as chunk:
        shown = [frame.to_ndarray(format="gray") for frame in chunk.decode(video=0)]
    assert len(shown) == 24
    plain = base[10].reformat(shown[10].shape[1], shown[10].shape[0], "gray").to_ndarray()
    assert np.abs(shown[10].astype(int) - plain).mean() < 8
    clip.close()


def test_what_is_looked_at_again_is_what_the_encode_saw(
    sandbox: ForkServer, base: list[VideoFrame], foreign: list[VideoFrame], tmp_path: Path
) -> None:
    frames = list(base)
    frames[54], frames[9] = foreign[1], foreign[2]
    clip = watched(sandbox, frames, tmp_path)
    looks = clip.found.looks

    found = look_again(
        clip.context,
        clip.fd,
        clip.facts,
        Panel(),
        clip.screening,
        looks=looks,
        encoded=clip.encoded,
    )
    assert clip.numbers([sample.pts for sample in found.samples]) == {9, 54}
    assert found.unseen_frames == 0
    first = len(clip.screening.samples)
    assert [sample.index for sample in found.samples] == [first, first + 1]
    for sample in found.samples:
        assert (clip.context.work / "samples" / f"{sample.index:06d}.jpg").stat().st_size
    # a decoder that gives another picture this time has not shown what will be published
    other = Imprints(clip.encoded.pts, np.roll(clip.encoded.codes, 20, axis=0))
    wrong = look_again(
        clip.context, clip.fd, clip.facts, Panel(), clip.screening, looks=looks, encoded=other
    )
    assert wrong.unseen_frames == 2
    clip.close()


class Reader:
    """Wants one sample of each shot, as those do that read text."""

    name, version, level, labels, model, model_sha256 = "reader", "1", "text", (), None, None
    batch, every = 8, Every.SHOT

    def __init__(self) -> None:
        self.shown: list[int] = []

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        self.shown += [sample.info.pts for sample in samples]
        return Looked()

    def finish(self) -> Looked:
        return Looked()


def test_whatever_an_analyser_wants_it_is_shown_each_unseen_frame(
    sandbox: ForkServer, base: list[VideoFrame], foreign: list[VideoFrame], tmp_path: Path
) -> None:
    frames = list(base)
    frames[54], frames[57] = foreign[1], foreign[2]
    clip = watched(sandbox, frames, tmp_path)
    reader = Reader()
    found = look_again(
        clip.context,
        clip.fd,
        clip.facts,
        Panel(stills=(reader,)),
        clip.screening,
        looks=tuple(Look(int(clip.encoded.pts[at]), 1) for at in (54, 57)),
        encoded=clip.encoded,
    )
    assert len({sample.shot for sample in found.samples}) == 1
    assert clip.numbers(reader.shown) == {54, 57}
    clip.close()


def test_a_layer_is_looked_at_as_it_is_published(sandbox: ForkServer, tmp_path: Path) -> None:
    """Over black, the first time and the second: without its alpha this one is all white."""
    rgba = np.full((*SIZE[::-1], 4), 255, np.uint8)
    rgba[:, : SIZE[0] // 2, 3] = 0
    layer = VideoFrame.from_ndarray(rgba, "rgba").reformat(format="argb")
    path = footage.write(tmp_path / "layer.mov", [layer] * 12, encoder="qtrle")
    (tmp_path / "work").mkdir()
    clip = Watched(sandbox, path, tmp_path / "work")
    again = look_again(
        clip.context,
        clip.fd,
        clip.facts,
        Panel(),
        clip.screening,
        looks=(Look(int(clip.encoded.pts[5]), 1),),
        encoded=clip.encoded,
    )
    assert again.unseen_frames == 0
    assert len(again.samples) == 1
    for preview in (clip.context.work / SAMPLES).iterdir():
        with av.open(str(preview)) as picture:
            shown = next(picture.decode(video=0)).to_ndarray(format="gray")
        assert shown[:, : SIZE[0] // 2 - 8].max() < 20, preview.name
        assert shown[:, SIZE[0] // 2 + 8 :].min() > 235, preview.name
    clip.close()
