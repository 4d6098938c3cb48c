"""A rendition keeps its ceiling over every join, and nobody sees where a join is.

The source is made to be hard just there: real clips under camera noise that no ceiling holds, set
in right before a join, right at it, and all along. Chunks are eight seconds, so each encoder starts
with a buffer of which the one before it has left nothing.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import mean

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

import footage
from chunking import run_chunks
from framegate.domain.ladder import EncodeOptions, EncodePlan, Rendition, VideoCodec
from framegate.media.libvmaf import Scorer
from framegate.security.sandbox.host import MediaSandbox
from framegate.stages.base import StageContext
from framegate.stages.encode import encode
from framegate.stages.encode.ladder import plan as make_plan
from framegate.testing.sandbox import InProcessSandbox

RATE, SECONDS, CHUNK_S = 25, 24, 8
WIDTH, HEIGHT = 320, 180
NOISE = 30.0  # standard deviation of luma, codes
NOISY = ((4, 12), (15, 17), (20, 24))  # s: over a join, a burst at one, and quiet before
JOINS = range(CHUNK_S * RATE, SECONDS * RATE, CHUNK_S * RATE)
OVER_MAXRATE = 1.1
JOIN_FRAMES, NEIGHBOURS = 2, 10  # on each side

slow = partial(pytest.param, marks=pytest.mark.slow)
CODECS = (VideoCodec.H264, slow(VideoCodec.H265), slow(VideoCodec.AV1))


def reel(path: Path) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.int16]]]:
    while True:
        with av.open(str(path)) as clip:
            for frame in clip.decode(video=0):
                small = frame.reformat(WIDTH, HEIGHT, "yuv420p")
                yield small.to_ndarray().astype(np.int16)


def pictures(clips: Path, noisy: Sequence[tuple[int, int]]) -> Iterator[VideoFrame]:
    """A cut every four seconds, on the joins too."""
    noise = np.random.default_rng(7)
    reels = [reel(clips / name) for name in ("bikes.mp4", "bigbuckbunny.mp4", "cityCC0.mpg")]
    for number in range(SECONDS * RATE):
        second = number / RATE
        picture = next(reels[int(second // 4) % len(reels)])
        if any(start <= second < end for start, end in noisy):
            picture[:HEIGHT] += noise.normal(0, NOISE, (HEIGHT, WIDTH)).astype(np.int16)
        yield VideoFrame.from_ndarray(picture.clip(16, 235).astype(np.uint8), "yuv420p")


def source(clips: Path, path: Path, noisy: Sequence[tuple[int, int]]) -> Path:
    options = {"preset": "ultrafast", "crf": "4", "g": "50"}
    return footage.write(path, pictures(clips, noisy), options=options)


@pytest.fixture(scope="module")
def hard(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source(clips, tmp_path_factory.mktemp("hard") / "source.mkv", NOISY)


@pytest.fixture(scope="module")
def usual(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source(clips, tmp_path_factory.mktemp("usual") / "source.mkv", ())


def encoded(
    path: Path, work: Path, kind: VideoCodec, sandbox: MediaSandbox
) -> tuple[EncodePlan, Rendition, Path, list[int]]:
    """(plan, top rung, its joined track, bytes of its segments)."""
    work.mkdir()
    context = StageContext(sandbox, work, None, None)  # type: ignore[arg-type]
    facts = footage.facts_of(path)
    plan = make_plan(facts, EncodeOptions(codec=kind, chunk_s=CHUNK_S))
    assert [chunk.first_frame for chunk in plan.chunks] == [0, *JOINS]
    receipts = run_chunks(context, path, facts, plan)
    (rung,) = plan.renditions
    track = encode.join_rendition(context, plan, receipts, rung)
    parts = [receipt.done.parts[0] for receipt in receipts]
    return plan, rung, work / track.path, [size for part in parts for size in part.segment_bytes]


def underflow(path: Path, rung: Rendition) -> float:
    """How much a decoder's buffer lacks at worst, as a share of it: one that starts full and is
    filled at ``maxrate`` (ISO/IEC 14496-10 annex C, one picture each 1 / fps).
    """
    with av.open(str(path)) as clip:
        bits = [8 * packet.size for packet in clip.demux(video=0) if packet.size]
    size = float(rung.bufsize_bits)
    level, lowest = size, 0.0
    for each in bits:
        level -= each
        lowest = min(lowest, level)
        level = min(size, level + float(rung.maxrate / rung.frame_rate))
    return -lowest / size


@pytest.mark.parametrize("kind", CODECS)
def test_segments_and_the_buffer_keep_the_ceiling_over_joins(
    kind: VideoCodec, hard: Path, tmp_path: Path
) -> None:
    plan, rung, track, segments = encoded(hard, tmp_path / "work", kind, InProcessSandbox())
    seconds = Fraction(plan.grid.segment_frames) / plan.grid.frame_rate
    peaks = [float(8 * size / seconds / rung.maxrate) for size in segments]
    assert len(peaks) == SECONDS / seconds
    assert max(peaks) <= OVER_MAXRATE, peaks
    assert max(peaks) > 0.75, "the source is too easy to test anything"
    assert underflow(track, rung) == 0


def vmaf_around(path: Path, track: Path, at: range) -> dict[int, float]:
    """VMAF of single output frames, which are the source's own."""
    wanted = {number + k for number in at for k in range(-NEIGHBOURS, NEIGHBOURS)}
    shown: dict[int, VideoFrame] = {}
    references: dict[int, VideoFrame] = {}
    for clip_path, kept, also in ((track, shown, ()), (path, references, (-1, 0, 1))):
        with av.open(str(clip_path)) as clip:
            for number, frame in enumerate(clip.decode(video=0)):
                if any(number + k in wanted for k in also or (0,)):
                    kept[number] = frame
    order = sorted(wanted)
    with Scorer(WIDTH, HEIGHT) as scorer:
        for number in order:
            scorer.add(
                references[number - 1], references[number], references[number + 1], shown[number]
            )
        return dict(zip(order, scorer.scores(), strict=True))


@pytest.mark.parametrize("kind", CODECS)
def test_frames_at_a_join_look_like_their_neighbours(
    kind: VideoCodec, usual: Path, tmp_path: Path
) -> None:
    _, _, track, _ = encoded(usual, tmp_path / "work", kind, InProcessSandbox())
    scores = vmaf_around(usual, track, JOINS)
    for join in JOINS:
        for side in (range(join - JOIN_FRAMES, join), range(join, join + JOIN_FRAMES)):
            away = -1 if side[0] < join else 1
            first = side[0] if away < 0 else side[-1]
            others = [first + away * k for k in range(1, NEIGHBOURS - JOIN_FRAMES)]
            near, far = mean(scores[n] for n in side), mean(scores[n] for n in others)
            assert abs(near - far) <= 3, (join, [round(scores[n], 1) for n in sorted(scores)])
