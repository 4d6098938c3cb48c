"""VMAF windows, and scores of real encodes against a real source."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracks
from framegate.domain.ladder import Chunk, EncodePlan, Grid
from framegate.domain.media import (
    Colour,
    Crop,
    FieldOrder,
    FrameRate,
    HdrKind,
    Rotation,
    VideoFacts,
)
from framegate.errors import Undecodable
from framegate.media.container import time_base
from framegate.stages.encode import proof
from framegate.stages.encode.proof import full_windows, prove, sampled_windows

RATE = Fraction(24000, 1001)


def facts_of(path: Path, frames: int) -> VideoFacts:
    """Facts of a track that `tracks.make` made, read back."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = time_base(stream)
        keys = tuple(p.pts or 0 for p in container.demux(stream) if p.size and p.is_keyframe)
        width, height = stream.width, stream.height
    return VideoFacts(
        0, "h264", "High", width, height, width, height, Fraction(1), Rotation(), Crop(),
        "yuv420p", 8, "420", False,
        Colour(None, None, None, None, "bt709", "bt709", "bt709", False),
        HdrKind.SDR, FieldOrder.PROGRESSIVE, 0.0,
        FrameRate(RATE, RATE, False, 1 / RATE, 1 / RATE),
        base, Fraction(0), None, frames / RATE, None, frames, keys, True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, VideoFacts]]:
    work = tmp_path_factory.mktemp("source")
    _, videos, _ = tracks.make(work, RATE, 120, audio=0, names=("360p",), crf=10)
    path = work / videos[0].path
    with path.open("rb") as file:
        yield file.fileno(), facts_of(path, 120)


def test_a_copy_scores_high_and_a_ruin_low(source: tuple[int, VideoFacts], tmp_path: Path) -> None:
    fd, facts = source
    plan, videos, _ = tracks.make(tmp_path, RATE, 120, audio=0, names=("360p",), crf=48)
    (ruined,) = prove(tracks.context(tmp_path), fd, facts, plan, videos)
    (tmp_path / videos[0].path).write_bytes(Path(f"/proc/self/fd/{fd}").read_bytes())
    (copied,) = prove(tracks.context(tmp_path), fd, facts, plan, videos)
    assert min(window.vmaf_min for window in copied.windows) > 97
    assert max(window.vmaf_mean for window in copied.windows) > 99
    assert max(window.vmaf_mean for window in ruined.windows) < 75
    assert all(window.vmaf_min <= window.vmaf_mean for window in ruined.windows)


def test_every_rung_is_scored_at_the_top_size_and_joins_are_looked_at(
    source: tuple[int, VideoFacts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "MOST_COST", 1)  # five seconds could not pay for both windows
    fd, facts = source
    plan, videos, _ = tracks.make(tmp_path, RATE, 120, audio=0, crf=24)
    chunked = EncodePlan(plan.renditions, (), plan.grid, (Chunk(0, 0, 96), Chunk(1, 96, 24)))
    top, low = prove(tracks.context(tmp_path), fd, facts, chunked, videos)
    assert [(w.first_frame, w.frames, w.join) for w in top.windows] == [
        (50, 20, False),
        (94, 4, True),
    ]
    for better, worse in zip(top.windows, low.windows, strict=True):
        assert better.vmaf_mean > worse.vmaf_mean + 5


def test_full_scores_all_frames(source: tuple[int, VideoFacts], tmp_path: Path) -> None:
    fd, facts = source
    plan, videos, _ = tracks.make(tmp_path, RATE, 120, audio=0, names=("360p",), crf=30)
    (full,) = prove(tracks.context(tmp_path), fd, facts, plan, videos, full=True)
    assert sum(window.frames for window in full.windows) == 120
    (some,) = prove(tracks.context(tmp_path), fd, facts, plan, videos)
    mean = sum(window.vmaf_mean * window.frames for window in full.windows) / 120
    assert abs(mean - some.windows[0].vmaf_mean) < 8


def test_a_rendition_that_stops_short_is_an_error(
    source: tuple[int, VideoFacts], tmp_path: Path
) -> None:
    fd, facts = source
    _, videos, _ = tracks.make(tmp_path, RATE, 60, audio=0, names=("360p",))
    plan = tracks.plan_for(RATE, 120, audio=0, names=("360p",))
    with pytest.raises(Undecodable, match="360p lacks frame"):
        prove(tracks.context(tmp_path), fd, facts, plan, videos, full=True)


@given(
    frames=st.integers(1, 200_000),
    rate=st.sampled_from([Fraction(1), Fraction(25), Fraction(30000, 1001), Fraction(60)]),
    chunk_segments=st.integers(1, 20),
)
def test_windows_are_few_inside_and_apart(frames: int, rate: Fraction, chunk_segments: int) -> None:
    gop = max(1, round(2 * rate))
    grid = Grid(rate, frames, gop, 2 * gop)
    size = grid.segment_frames * chunk_segments
    chunks = tuple(
        Chunk(index, first, min(size, frames - first))
        for index, first in enumerate(range(0, frames, size))
    )
    rungs = tracks.plan_for(rate, frames, audio=0, names=("180p", "360p")).renditions
    plan = EncodePlan(rungs, (), grid, chunks)
    windows = sampled_windows(plan)
    assert 1 <= len(windows) <= 16
    scored = sum(len(window.scored()) for window in windows)
    pixels = [rung.width * rung.height for rung in rungs]
    # a score of a rung costs more than encoding a frame of the top one: 1.6 times
    afforded = 0.15 * frames * sum(pixels) / max(pixels)
    assert len(rungs) * scored * 1.6 <= afforded or len(windows) == 1
    end = 0
    for window in windows:
        assert window.first >= end
        scored_here = window.scored()
        assert window.first <= scored_here[0]
        if len(scored_here) == 4:
            assert sorted(number % 4 for number in scored_here) == [0, 1, 2, 3]
        assert scored_here[-1] < window.first + window.frames
        end = window.first + window.frames
        assert end <= frames
    assert sum(window.frames for window in full_windows(plan)) == frames


def test_short_videos_get_few_windows_and_long_ones_all() -> None:
    def windows(seconds: int) -> list[tuple[int, bool]]:
        plan = tracks.plan_for(Fraction(25), 25 * seconds, audio=0, names=("180p", "360p"))
        size = 30 * 25
        chunks = tuple(
            Chunk(i, first, min(size, plan.grid.frames - first))
            for i, first in enumerate(range(0, plan.grid.frames, size))
        )
        found = sampled_windows(replace(plan, chunks=chunks))
        return [(len(window.scored()), window.join) for window in found]

    ((least, _),) = windows(1)
    ((some, _),) = windows(9)
    assert 1 == least < some <= 4
    assert sorted(windows(60)) == [(4, False), (4, False), (4, True)]
    assert len(windows(3600)) == 16
