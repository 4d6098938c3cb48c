"""The frames that a chunk is made of: the same wherever it begins, out of fields and film too."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import footage
from chunking import FRAMES, NTSC, pictures, short_plan
from framegate.domain import serial
from framegate.domain.ladder import (
    Chunk,
    EncodeOptions,
    EncodePlan,
    Fields,
    FieldWork,
)
from framegate.domain.media import FieldOrder, MediaFacts, Telecine
from framegate.media.source_frames import SourceCount, grid_frames
from framegate.stages.encode import encode
from framegate.stages.encode.ladder import plan as make_plan
from framegate.testing.sandbox import InProcessCall


def interlaced(path: Path) -> Path:
    """A bar that moves between fields: even lines are half a frame older than odd ones."""
    frames = []
    for n in range(60):
        luma = np.full((180, 320), 60, np.uint8)
        for field in (0, 1):
            left = 4 * n + 2 * field
            luma[field::2, left : left + 40] = 200
        frames.append(footage.grey(luma))
    options = {"g": "12", "x264-params": "tff=1:bframes=2", "crf": "8"}
    return footage.write(path, frames, options=options)


def comb(luma: NDArray[np.uint8]) -> float:
    """How much neighbouring lines differ more than lines two apart."""
    lines = luma.astype(float)
    near = np.abs(np.diff(lines, axis=0)).mean()
    return float(near - np.abs(lines[2:] - lines[:-2]).mean())


def shown_in(
    path: Path, facts: MediaFacts, plan: EncodePlan, chunk: Chunk
) -> list[tuple[int, NDArray[np.uint8]]]:
    """(frame number, luma) of what the picture graph of a chunk is given."""
    work = encode.chunk_work(facts, plan, chunk)
    with path.open("rb") as source:
        call = InProcessCall(serial.dump(work), {"source": source.fileno()}, None, None, None)
        return [
            (frame.pts or 0, np.array(frame.to_ndarray()[: frame.height], np.uint8))
            for frame in grid_frames(call, work, SourceCount())
        ]


def alike(chunks: list[list[tuple[int, NDArray[np.uint8]]]]) -> list[tuple[int, bytes]]:
    return [(number, luma.tobytes()) for shown in chunks for number, luma in shown]


def read_of(path: Path, first: int, frames: int) -> tuple[list[tuple[int, bytes]], int]:
    """A chunk's pictures, and how many frames were decoded for them."""
    facts = footage.facts_of(path)
    work = encode.chunk_work(facts, short_plan(facts), Chunk(0, first, frames))
    count = SourceCount()
    with path.open("rb") as source:
        call = InProcessCall(serial.dump(work), {"source": source.fileno()}, None, None, None)
        shown = [(f.pts or 0, bytes(f.planes[0])) for f in grid_frames(call, work, count)]
    return shown, count.tally.frames


def test_pre_roll_that_nothing_refers_to_is_not_decoded(tmp_path: Path) -> None:
    options = {"g": "1000", "x264-params": "bframes=3:b-adapt=0:scenecut=0:b-pyramid=none"}
    path = footage.write(tmp_path / "source.mp4", pictures(), options=options)
    whole, _ = read_of(path, 0, FRAMES)
    for first in (61, 72, 90):  # on every place between references
        shown, decoded = read_of(path, first, 8)
        assert shown == whole[first : first + 8]
        assert decoded < first - 20


@pytest.mark.parametrize("stays", range(40, 44))
def test_what_stays_on_the_screen_is_decoded_although_nothing_refers_to_it(
    stays: int, tmp_path: Path
) -> None:
    """Frame ``stays`` is shown for three seconds; a chunk begins within them."""
    options = {"g": "1000", "x264-params": "bframes=3:b-adapt=0:scenecut=0:b-pyramid=none"}
    pts = [n + (75 if n > stays else 0) for n in range(60)]
    path = footage.write(
        tmp_path / "source.mp4",
        pictures(60),
        pts=pts,
        time_base=Fraction(1, 25),
        options=options,
    )
    whole, _ = read_of(path, 0, pts[-1] + 1)
    assert read_of(path, stays + 50, 30)[0] == whole[stays + 50 : stays + 80]


def test_fields_become_pictures_and_the_same_in_every_chunk(tmp_path: Path) -> None:
    path = interlaced(tmp_path / "source.mkv")
    facts = footage.facts_of(path)
    plan = short_plan(facts, cuts=(0, 24, 36, 60))
    assert plan.fields == Fields(FieldWork.FRAMES, FieldOrder.TOP_FIRST)  # 180 lines: no more
    assert max(comb(luma) for _, luma in footage.lumas(path)) > 1
    for fields, parts in ((plan.fields, 1), (Fields(FieldWork.FIELDS, FieldOrder.TOP_FIRST), 2)):
        rate, frames = parts * Fraction(25), parts * 60
        grid = replace(plan.grid, frame_rate=rate, frames=frames)
        doubled = replace(plan, fields=fields, grid=grid)
        whole = shown_in(path, facts, doubled, Chunk(0, 0, frames))
        assert [n for n, _ in whole] == list(range(frames))
        assert max(comb(luma) for _, luma in whole) < 0.5
        assert len({luma.tobytes() for _, luma in whole}) == frames
        # the bar moves by two pixels a field, forward: fields are in their order
        lefts = [int(np.argmax(luma[90] > 130)) for _, luma in whole]
        assert all(0 <= b - a <= 3 * 2 // parts for a, b in pairwise(lefts[:40]))
        cuts = [parts * cut for cut in (0, 24, 36, 60)]
        alone = [
            shown_in(path, facts, doubled, Chunk(i, a, b - a))
            for i, (a, b) in enumerate(pairwise(cuts))
        ]
        assert alike(alone) == alike([whole])


@pytest.mark.parametrize("top_first", [True, False])
def test_telecined_film_is_film_again_and_the_same_in_every_chunk(
    tmp_path: Path, clips: Path, *, top_first: bool
) -> None:
    film = footage.pictures_of(clips / "bikes.mp4", 60)
    frames = footage.telecined(film, top_first=top_first)
    path = footage.write(
        tmp_path / "source.mkv", frames, rate=Fraction(30000, 1001), options={"crf": "8", "g": "12"}
    )
    facts = footage.facts_of(path)
    assert facts.video.telecine is Telecine.PICTURES
    plan = make_plan(facts, EncodeOptions())
    order = FieldOrder.TOP_FIRST if top_first else FieldOrder.BOTTOM_FIRST
    assert plan.fields == Fields(FieldWork.FILM, order)
    assert plan.grid.frame_rate == NTSC
    whole = shown_in(path, facts, plan, Chunk(0, 0, plan.grid.frames))
    assert len(whole) == plan.grid.frames
    for number, luma in whole[:-2]:  # the last five frames are no whole cycle
        original = film[number].to_ndarray()[: luma.shape[0]].astype(int)
        assert np.abs(luma - original).mean() < 2
    alone = [
        shown_in(path, facts, plan, Chunk(i, a, b - a))
        for i, (a, b) in enumerate(pairwise((0, 14, 33, plan.grid.frames)))
    ]
    assert alike(alone) == alike([whole])
