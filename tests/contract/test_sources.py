"""Whatever is odd about a source, its picture comes out as a viewer should see it: through the real
sandbox, the real encoders, and joined.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import encoded as whole
import footage
import tracks
from framegate.domain.ladder import EncodedRendition, EncodeOptions, EncodePlan, VideoCodec
from framegate.domain.layout import VIDEO
from framegate.domain.limits import SourceLimits
from framegate.domain.media import MediaFacts
from framegate.security.sandbox.host import ForkServer
from framegate.stages.encode import ladder
from framegate.stages.encode.encode import encode_chunk, join_rendition
from framegate.stages.encode.hardware import encoders
from framegate.stages.encode.stills import make_stills
from framegate.stages.probe import probe
from oddities import CORNERS, ODDITIES, Oddity

SLOW = frozenset({"hdr-pq", "hdr-hlg", "av1", "motion-jpeg", "prores-422", "turned-0-mirrored"}) | {
    f"turned-{turn}{mirrored}" for turn in (180, 270) for mirrored in ("", "-mirrored")
}

type Pictures = list[tuple[Fraction, NDArray[np.uint8]]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


LARGEST = slice(-1, None)


def encoded(
    sandbox: ForkServer, source: Path, work: Path, rungs: slice = LARGEST
) -> tuple[MediaFacts, EncodePlan, Path]:
    """Facts, plan of one rung, and its joined track."""
    context = replace(tracks.context(work), sandbox=sandbox)
    fd = os.open(source, os.O_RDONLY)
    try:
        size = source.stat().st_size
        facts = probe(context, fd, name=source.name, size_bytes=size, limits=SourceLimits())
        plan = ladder.plan(facts, EncodeOptions(crf_offset=-10))
        plan = replace(plan, renditions=plan.renditions[rungs])
        found = encoders(sandbox)
        receipts = [
            encode_chunk(context, fd, facts, plan, chunk, source_sha256="0" * 64, encoders=found)
            for chunk in plan.chunks
        ]
    finally:
        os.close(fd)
    track = join_rendition(context, plan, receipts, plan.renditions[0])
    return facts, plan, work / track.path


def pictures_of(path: Path) -> Pictures:
    """(seconds, RGB) of every picture, as a BT.709 display converts it."""
    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        context = stream.codec_context
        assert (context.color_range, context.colorspace) == (1, 1)
        assert (context.color_primaries, context.color_trc) == (1, 1)
        assert context.pix_fmt == "yuv420p"
        return [
            (
                (frame.pts or 0) * Fraction(frame.time_base.numerator, frame.time_base.denominator),
                np.asarray(frame.to_ndarray(format="rgb24", src_colorspace="ITU709"), np.uint8),
            )
            for frame in clip.decode(stream)
        ]


def corners_of(picture: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.float64]:
    left, top, width, height = box
    found = []
    for down in (1 / 7, 6 / 7):
        for across in (1 / 9, 8 / 9):
            row, column = top + round(down * height), left + round(across * width)
            found.append(picture[row - 3 : row + 4, column - 3 : column + 4].mean(axis=(0, 1)))
    return np.array(found)


def bar_of(picture: NDArray[np.uint8], box: tuple[int, int, int, int]) -> float:
    """Where the light bar is, 0..1 of the chart's width."""
    left, top, width, height = box
    row = picture[top + height // 2, left : left + width].astype(float).mean(axis=1)
    light = np.maximum(row - (row.max() + np.median(row)) / 2, 0)
    return float((light * np.arange(width)).sum() / light.sum() / width)


@pytest.mark.parametrize(
    "oddity",
    [
        pytest.param(one, id=one.name, marks=pytest.mark.slow if one.name in SLOW else ())
        for one in ODDITIES
    ],
)
def test_it_comes_out_as_a_viewer_should_see_it(
    oddity: Oddity, sandbox: ForkServer, tmp_path: Path
) -> None:
    source = oddity.make(tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    facts, plan, track = encoded(sandbox, source, work)
    assert oddity.told in "\n".join(plan.notes)
    (rung,) = plan.renditions
    assert (rung.width, rung.height) == oddity.size
    assert rung.sample_aspect == 1
    assert rung.frame_rate == oddity.rate
    shown = pictures_of(track)
    assert abs(len(shown) - oddity.frames) <= 1
    assert [at for at, _ in shown] == [n / oddity.rate for n in range(len(shown))]
    assert abs(len(shown) / oddity.rate - facts.video.duration_measured) <= 1 / oddity.rate
    whole = (0, 0, *oddity.size)
    corners = CORNERS if oddity.corners is None else oddity.corners
    for number in (oddity.since + 1, (oddity.since + len(shown)) // 2, len(shown) - 1):
        picture = shown[number][1]
        box = oddity.shown or whole
        assert np.abs(corners_of(picture, box) - corners).max() <= oddity.tolerance
        if oddity.shown is not None:
            outside = np.ones(picture.shape[:2], bool)
            left, top, width, height = box
            outside[max(0, top - 2) : top + height + 2, max(0, left - 2) : left + width + 2] = False
            assert picture[outside].max() <= 3
    # the bar moves right, evenly, until it starts anew
    places = [
        bar_of(picture, whole) for _, picture in shown[: oddity.since - 1 if oddity.since else None]
    ]
    moves = [b - a for a, b in pairwise(places) if b - a > -0.2]
    assert min(moves) > -0.01
    assert max(moves) < 0.04


@pytest.mark.parametrize(
    "codec",
    [VideoCodec.H264, *(pytest.param(c, marks=pytest.mark.slow) for c in ("h265", "av1"))],
)
def test_low_rungs_of_a_fast_source_cut_at_the_same_instants(
    codec: VideoCodec, sandbox: ForkServer, clips: Path, tmp_path: Path
) -> None:
    """Half of the pictures, but every segment as long; packaged, proven and verified as planned;
    and every rendition says its colours in the stream and in its box.
    """
    fast = Fraction(60000, 1001)
    small = [frame.reformat(768, 432) for frame in footage.pictures_of(clips / FAST_CLIP, 125)]
    twice = [footage.again(frame) for frame in small for _ in range(2)]
    options = {"preset": "ultrafast", "crf": "20"}
    source = footage.write(tmp_path / "fast.mp4", twice, rate=fast, options=options)
    preset = {VideoCodec.AV1: "12"}.get(codec, "ultrafast")
    done = whole.encode(
        sandbox, source, tmp_path, EncodeOptions(codec=VideoCodec(codec), preset=preset)
    )
    low, top = done.videos
    assert (low.rendition.name, low.rendition.frame_rate) == ("360p", fast / 2)
    assert (top.rendition.name, top.rendition.frame_rate) == ("432p", fast)
    assert (low.frames, top.frames) == (125, 250)
    assert all(video.windows for video in done.videos)
    playlists = [(done.out / "hls" / f"{v.rendition.name}.m3u8").read_text() for v in done.videos]
    cuts = [[line for line in each.splitlines() if "EXTINF" in line] for each in playlists]
    assert cuts[0] == cuts[1]
    assert len(cuts[0]) == 2
    for video in done.videos:
        init = (done.out / "media" / video.rendition.name / "init.mp4").read_bytes()
        assert b"colrnclx" + bytes([0, 1, 0, 1, 0, 1, 0]) in init  # BT.709 thrice, limited
        numbers = [n for n, _ in pictures_of(tmp_path / video.path)]
        assert numbers == [n / video.rendition.frame_rate for n in range(video.frames)]


FAST_CLIP = "bigbuckbunny.mp4"


def test_a_ladder_of_low_rungs_alone_has_its_poster(
    sandbox: ForkServer, clips: Path, tmp_path: Path
) -> None:
    """A plan may leave the larger rungs out: the grid still is of the fast rate."""
    small = [frame.reformat(768, 432) for frame in footage.pictures_of(clips / FAST_CLIP, 60)]
    source = footage.write(tmp_path / "fast.mp4", small, rate=Fraction(50))
    context = replace(tracks.context(tmp_path), sandbox=sandbox)
    _, plan, _ = encoded(sandbox, source, tmp_path, rungs=slice(0, 1))
    (low,) = plan.renditions
    assert (low.frame_rate, plan.grid.frame_rate) == (25, 50)
    path = tmp_path / VIDEO / f"{low.name}.mp4"
    made = EncodedRendition(low, str(path), "", path.stat().st_size, 1, 1, 30)
    for at in (Fraction(0), Fraction(51, 50), Fraction(119, 100)):
        stills = make_stills(context, plan, [made], [], tmp_path, poster_at=at)
        assert (tmp_path / stills.poster).stat().st_size > 1000
