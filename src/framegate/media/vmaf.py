"""VMAF of renditions against the source, over windows of output frames.

    source ── grid frames ── picture graph (top rung) ─────────┐
    rendition ── decode ── scale to the top rung (bicubic) ────┴─ libvmaf, a filter for each frame

The reference is what the top rung's encoder was given: same frame for each slot of the grid, same
crop, turn and colours. Every rung is compared at the top rung's size, scaled up bicubically as a
player would, which is how VMAF's default model (vmaf_v0.6.1, built into libvmaf) is meant.

libvmaf tells one pooled score, when its filter closes, in FFmpeg's log (its own log file would need
a path, which a task has not). So each scored frame f has a filter of its own, fed four pairs of
which it scores every second:

    pair        0          1          2          3
    reference   f - 1      f - 1      f          f + 1
    shown       f - 1      f - 1      rung's f   f + 1      (f - 1 and f + 1: the reference itself)
    scored      known      (motion)   f          (motion)

Pair 0 has no motion and no distortion: its score is known and taken out of the mean of two. Pairs 1
and 3 give frame f the motion that it has in the whole video (motion looks at references alone). One
filter lives at a time: 75 MB at 1080p, 270 MB at 2160p.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av.logging
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as End
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from framegate.domain import codec
from framegate.domain.encoding import ChunkWork
from framegate.domain.ladder import Chunk, QualityWindow, Rendition
from framegate.domain.proof import VmafDone, VmafWork, Window
from framegate.errors import Internal, Undecodable
from framegate.media.chunk import grid_frames
from framegate.media.container import Tally, vendor_errors
from framegate.media.picture import PictureGraph, Size
from framegate.media.renditions import frames_within
from framegate.security.sandbox import Call

MODEL = "vmaf_v0.6.1"

IDENTICAL_STILL = 97.428
"""vmaf_v0.6.1 of a picture compared with itself without motion, to 1e-3."""

_SCORE = re.compile(r"VMAF score: ([0-9.]+)")


def measure(call: Call) -> dict[str, Any]:
    """Task: score every window of every rendition. Descriptors: ``source``, ``in.<rendition>``.

    Emits ``{"frames": passed}``. Raises `Undecodable` when the source or a rendition lacks a frame.
    """
    work = codec.load(VmafWork, call.request)
    size = max(((r.width, r.height) for r in work.renditions), key=lambda s: s[0] * s[1])
    gc.freeze()  # what is there stays: collecting after each score then costs next to nothing
    rungs = [_Rung(call, rendition, work, size) for rendition in work.renditions]
    passed = 0
    for run in _runs(work.windows):
        scored = {n: window for window in run for n in window.scored()}
        last = run[-1].first + run[-1].frames - 1
        for number, around in _reference(call, work, run[0].first, last, size):
            if number in scored:
                for rung in rungs:
                    rung.score(number, around)
            passed += 1
            call.emit({"frames": passed})
    return codec.dump(VmafDone(tuple(w for rung in rungs for w in rung.windows(work.windows))))


def _runs(windows: tuple[Window, ...]) -> Iterator[list[Window]]:
    """Windows that follow each other without a hole, together: read in one go."""
    run: list[Window] = []
    for window in windows:
        if run and run[-1].first + run[-1].frames != window.first:
            yield run
            run = []
        run.append(window)
    if run:
        yield run


@dataclass(frozen=True, slots=True)
class _Around:
    """A reference frame between its neighbours. The video's first frame comes after itself: it
    has no motion. Its last frame has none after it.
    """

    before: VideoFrame
    frame: VideoFrame
    after: VideoFrame | None


def _reference(
    call: Call, work: VmafWork, first: int, last: int, size: tuple[int, int]
) -> Iterator[tuple[int, _Around]]:
    """What the top rung's encoder got for frames ``first`` to ``last``, by number."""
    start, end = max(0, first - 1), min(work.grid.frames, last + 2)
    chunk = ChunkWork(
        video=work.video,
        grid=work.grid,
        chunk=Chunk(0, start, end - start),
        renditions=work.renditions,
        deinterlace=work.deinterlace,
        max_pixels=work.max_pixels,
    )
    graph = PictureGraph(work.video, [Size(*size)], work.grid.frame_rate)
    pictures = (graph.process(frame)[0] for frame in grid_frames(call, chunk, Tally()))
    number = -1
    for number, around in enumerate(_with_neighbours(pictures), start=start):
        if first <= number <= last:
            yield number, around
    if number < last:
        raise Undecodable("The source ends before its last window")


def _with_neighbours(pictures: Iterator[VideoFrame]) -> Iterator[_Around]:
    before: VideoFrame | None = None
    frame: VideoFrame | None = None
    for after in pictures:
        if frame is not None:
            yield _Around(before or frame, frame, after)
        before, frame = frame, after
    if frame is not None:
        yield _Around(before or frame, frame, None)


class _Rung:
    """One rendition, read once from start to end; GOPs that no window needs are not decoded."""

    def __init__(
        self, call: Call, rendition: Rendition, work: VmafWork, size: tuple[int, int]
    ) -> None:
        self._name = rendition.name
        spans = [(run[0].first, run[-1].first + run[-1].frames) for run in _runs(work.windows)]
        self._frames = frames_within(
            call.fd(f"in.{rendition.name}"), work.grid, spans, max_pixels=work.max_pixels
        )
        self._size = size
        self._scale = VideoReformatter()
        self._scores: dict[int, float] = {}

    def score(self, number: int, around: _Around) -> None:
        """Compare the rendition's frame ``number`` with the reference."""
        frame = next((picture for at, picture in self._frames if at == number), None)
        if frame is None:
            raise Undecodable(f"{self._name} lacks frame {number}")
        shown = self._scale.reformat(
            frame, *self._size, "yuv420p", interpolation=Interpolation.BICUBIC, threads=1
        )
        self._scores[number] = score(around.before, around.frame, around.after, shown)

    def windows(self, windows: Sequence[Window]) -> Iterator[QualityWindow]:
        """Mean and minimum of each window."""
        for window in windows:
            scores = [self._scores[number] for number in window.scored()]
            yield QualityWindow(
                self._name,
                window.first,
                window.frames,
                window.join,
                sum(scores) / len(scores),
                min(scores),
            )


def score(
    before: VideoFrame, reference: VideoFrame, after: VideoFrame | None, shown: VideoFrame
) -> float:
    """VMAF (0..100) of ``shown`` against ``reference``; all yuv420p of one size."""
    pairs = [(before, before), (before, before), (reference, shown)]
    if after is not None:
        pairs.append((after, after))
    shape = f"video_size={reference.width}x{reference.height}:pix_fmt=yuv420p:time_base=1/25"
    previous = av.logging.get_level()
    repeats = av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)  # two frames may have the same score
    try:
        with av.logging.Capture(local=True) as log, vendor_errors("VMAF cannot be measured"):
            _compare(pairs, shape)
            gc.collect()  # the filter speaks when the last reference to its graph goes
    finally:
        av.logging.set_skip_repeated(repeats)
        av.logging.set_level(previous)
    found = [match for _, _, text in log if (match := _SCORE.search(text))]
    if len(found) != 1:
        raise Internal("VMAF gave no score", f"{len(found)} in its log")
    return min(100.0, max(0.0, 2 * float(found[0].group(1)) - IDENTICAL_STILL))


def _compare(pairs: Sequence[tuple[VideoFrame, VideoFrame]], shape: str) -> None:
    """Run libvmaf over (reference, shown) pairs; no reference to the graph outlives the call."""
    graph = Graph()
    graph.threads = 1
    main, reference = (graph.add("buffer", shape) for _ in range(2))
    vmaf = graph.add("libvmaf", f"n_threads=1:n_subsample=2:model=version={MODEL}")
    sink = graph.add("buffersink")
    main.link_to(vmaf, 0, 0)
    reference.link_to(vmaf, 0, 1)
    vmaf.link_to(sink)
    graph.configure()
    for index, (wanted, shown) in enumerate(pairs):
        for node, picture in ((main, shown), (reference, wanted)):
            picture.pts, picture.time_base = index, Fraction(1, 25)
            node.push(picture)
        _drain(sink)
    main.push(None)
    reference.push(None)
    _drain(sink)


def _drain(sink: FilterContext) -> None:
    try:
        while True:
            sink.pull()
    except (NothingYet, End):
        return
