"""VMAF of renditions against the source, over windows of output frames.

    source ── grid frames ── picture graph (top rung) ──────────┬─ libvmaf ─ mean
    rendition ── decode ── scale to the top rung (bicubic) ─────┴─ libvmaf ─ min

The reference is what the top rung's encoder was given: same frame for each slot of the grid, same
crop, turn and colours. Every rung is compared at the top rung's size, scaled up bicubically as a
player would, which is how VMAF's default model (vmaf_v0.6.1, built into libvmaf) is meant.

libvmaf tells a pooled score when its filter closes, in FFmpeg's log (its own log file would need a
path, which a task has not), so the mean and the minimum take a filter each. Motion compares with
the frame before: each window is led in by one reference frame compared with itself, whose score is
known and taken out of the mean again.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
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

_SCORE = re.compile(r"VMAF score: ([0-9.]+)")


def measure(call: Call) -> dict[str, Any]:
    """Task: score every window of every rendition. Descriptors: ``source``, ``in.<rendition>``.

    Emits ``{"frames": done}``. Raises `Undecodable` when the source or a rendition lacks a frame.
    """
    work = codec.load(VmafWork, call.request)
    size = max(((r.width, r.height) for r in work.renditions), key=lambda s: s[0] * s[1])
    rungs = [_Rung(call, rendition, work, size) for rendition in work.renditions]
    done = 0
    for run in _runs(work.windows):
        pictures = _reference(call, work, run[0].first, run[-1].first + run[-1].frames, size)
        lead: VideoFrame | None = next(pictures) if run[0].first > 0 else None
        for window in run:
            for offset in range(window.frames):
                picture = next(pictures, None)
                if picture is None:
                    raise Undecodable("The source ends before its last window")
                for rung in rungs:
                    before = picture if lead is None else lead
                    rung.compare(window, offset, picture, before)
                lead = picture
                done += 1
                call.emit({"frames": done})
            for rung in rungs:
                rung.close(window)
    return codec.dump(VmafDone(tuple(score for rung in rungs for score in rung.scores)))


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


def _reference(
    call: Call, work: VmafWork, first: int, end: int, size: tuple[int, int]
) -> Iterator[VideoFrame]:
    """What the top rung's encoder got for frames ``first - 1`` (if there is one) to ``end - 1``."""
    start = max(0, first - 1)
    chunk = ChunkWork(
        video=work.video,
        grid=work.grid,
        chunk=Chunk(0, start, end - start),
        renditions=work.renditions,
        deinterlace=work.deinterlace,
        max_pixels=work.max_pixels,
    )
    graph = PictureGraph(work.video, [Size(*size)], work.grid.frame_rate)
    for frame in grid_frames(call, chunk, Tally()):
        yield graph.process(frame)[0]


class _Rung:
    """One rendition, read once from start to end; GOPs that no window needs are not decoded."""

    def __init__(
        self, call: Call, rendition: Rendition, work: VmafWork, size: tuple[int, int]
    ) -> None:
        self.scores: list[QualityWindow] = []
        self._name = rendition.name
        spans = [(window.first, window.first + window.frames) for window in work.windows]
        self._frames = frames_within(
            call.fd(f"in.{rendition.name}"), work.grid, spans, max_pixels=work.max_pixels
        )
        self._size = size
        self._scale = VideoReformatter()
        self._mean: _Comparison | None = None
        self._min: _Comparison | None = None

    def compare(self, window: Window, offset: int, reference: VideoFrame, lead: VideoFrame) -> None:
        """The next frame of a window; ``lead`` is the reference frame before it."""
        if self._mean is None or self._min is None:
            self._mean = _Comparison(self._size, window.step, "mean", lead)
            self._min = _Comparison(self._size, window.step, "min", lead)
        number, frame = next(self._frames, (None, None))
        if frame is None or number != window.first + offset:
            raise Undecodable(f"{self._name} lacks frame {window.first + offset}")
        shown = self._scale.reformat(
            frame, *self._size, "yuv420p", interpolation=Interpolation.BICUBIC, threads=1
        )
        self._mean.add(reference, shown)
        self._min.add(reference, shown)

    def close(self, window: Window) -> None:
        """Score the window that was just compared."""
        assert self._mean is not None
        assert self._min is not None
        mean, lowest = self._mean.finish(), self._min.finish()
        self._mean = self._min = None
        self.scores.append(
            QualityWindow(
                self._name, window.first, window.frames, window.join, mean, min(mean, lowest)
            )
        )


class _Comparison:
    """A libvmaf filter with one way of pooling."""

    def __init__(self, size: tuple[int, int], step: int, pool: str, lead: VideoFrame) -> None:
        self._step, self._pool = step, pool
        self._graph: Graph | None = Graph()
        self._graph.threads = 1
        shape = f"video_size={size[0]}x{size[1]}:pix_fmt=yuv420p:time_base=1/1000"
        shown, reference = (self._graph.add("buffer", shape) for _ in range(2))
        options = f"n_threads=1:n_subsample={step}:pool={pool}:model=version={MODEL}"
        score, sink = self._graph.add("libvmaf", options), self._graph.add("buffersink")
        shown.link_to(score, 0, 0)
        reference.link_to(score, 0, 1)
        score.link_to(sink)
        self._graph.configure()
        self._ends: tuple[FilterContext, ...] = (shown, reference, sink)
        self._pairs = 0
        self.add(lead, lead)

    def add(self, reference: VideoFrame, shown: VideoFrame) -> None:
        """One pair of pictures, in order."""
        for node, picture in zip(self._ends, (shown, reference), strict=False):
            picture.pts, picture.time_base = self._pairs, Fraction(1, 1000)
            node.push(picture)
        self._pairs += 1
        self._drain()

    def finish(self) -> float:
        """Close the filter and read the pooled score, without the lead-in's share."""
        self._end()
        previous = av.logging.get_level()
        av.logging.set_level(av.logging.INFO)
        try:
            with av.logging.Capture(local=True) as log:
                # the filter speaks when the last reference to its graph goes
                self._ends, self._graph = (), None
                gc.collect()
        finally:
            av.logging.set_level(previous)
        found = [match for _, _, text in log if (match := _SCORE.search(text))]
        if len(found) != 1:
            raise Internal("VMAF gave no score", f"{len(found)} in its log")
        return self._without_lead(float(found[0].group(1)))

    def _end(self) -> None:
        # its own frame: a node left in a local variable would keep the graph alive
        for node in self._ends[:2]:
            node.push(None)
        self._drain()

    def _without_lead(self, pooled: float) -> float:
        scored = (self._pairs - 1) // self._step
        if self._pool == "mean":
            pooled += (pooled - IDENTICAL_STILL) / scored
        return min(100.0, max(0.0, pooled))

    def _drain(self) -> None:
        with vendor_errors("VMAF cannot be measured"):
            try:
                while True:
                    self._ends[-1].pull()
            except (NothingYet, End):
                return


IDENTICAL_STILL = 97.428
"""vmaf_v0.6.1 of a picture compared with itself, without motion (the lead-in), to 1e-3. The
minimum of a window that scores above it is told as this."""
