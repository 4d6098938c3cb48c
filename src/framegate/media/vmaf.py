"""VMAF of renditions against the source, over windows of output frames.

    source ── grid frames ── picture graph (top rung) ─────────┐
    rendition ── decode ── scale to the top rung (bicubic) ────┴─ libvmaf, frame by frame

The reference is what the top rung's encoder was given: same frame for each slot of the grid, same
crop, turn and colours, blurred where that was. Every rung is compared at the top rung's size,
scaled up bicubically as a player would, which is how VMAF's default model (vmaf_v0.6.1, built into
libvmaf) is meant.

A rung of half the rate is scored where it shows a frame of its own.

Each scored frame is given with its neighbours, so that it has the motion that it has in the whole
video (see `framegate.media.libvmaf`). All rungs share one scorer: 100 MB at 1080p.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from framegate.domain import serial
from framegate.domain.blurring import is_blurred
from framegate.domain.encoding import ChunkWork
from framegate.domain.ladder import Chunk, QualityWindow, Rendition
from framegate.domain.media import decoder_pixels
from framegate.domain.proof import VmafDone, VmafWork, Window
from framegate.errors import Undecodable
from framegate.media.libvmaf import Scorer
from framegate.media.picture import PictureGraph, Size
from framegate.media.renditions import frames_within
from framegate.media.source_frames import SourceCount, grid_frames
from framegate.security.sandbox import Call


def measure(call: Call) -> dict[str, Any]:
    """Task: score every window of every rendition. Descriptors: ``source``, ``in.<rendition>``.

    Emits ``{"frames": passed}``. Raises `Undecodable` when the source or a rendition lacks a frame.
    """
    work = serial.load(VmafWork, call.request)
    size = max(((r.width, r.height) for r in work.renditions), key=lambda s: s[0] * s[1])
    with Scorer(*size) as scorer:
        rungs = [_Rung(call, rendition, work, size) for rendition in work.renditions]
        added: list[tuple[_Rung, int]] = []
        passed = 0
        for run in _runs(work.windows):
            wanted = {n for window in run for n in window.scored()}
            last = run[-1].first + run[-1].frames - 1
            for number, around in _reference(call, work, run[0].first, last, size):
                if number in wanted:
                    for rung in rungs:
                        if number % rung.step == 0:
                            scorer.add(*around.of(rung.shown(number)))
                            added.append((rung, number))
                passed += 1
                call.emit({"frames": passed})
        for (rung, number), score in zip(added, scorer.scores(), strict=True):
            rung.scores[number] = score
    return serial.dump(VmafDone(tuple(w for rung in rungs for w in rung.windows(work.windows))))


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

    def of(self, shown: VideoFrame) -> tuple[VideoFrame, VideoFrame, VideoFrame, VideoFrame]:
        """What `Scorer.add` takes."""
        return self.before, self.frame, self.after or self.before, shown


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
        fields=work.fields,
    )
    graph = PictureGraph(work.video, [Size(*size)], work.grid.frame_rate)
    pictures = (
        graph.process(frame, blurred=is_blurred(work.blurred, frame.pts or 0))[0]
        for frame in grid_frames(call, chunk, SourceCount())
    )
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
        self.step = rendition.step(work.grid)
        spans = [(run[0].first, run[-1].first + run[-1].frames) for run in _runs(work.windows)]
        self._frames = frames_within(
            call.fd(f"in.{rendition.name}"),
            work.grid,
            spans,
            max_pixels=decoder_pixels(rendition.width, rendition.height),
            step=self.step,
        )
        self._size = size
        self._scale = VideoReformatter()
        self.scores: dict[int, float] = {}

    def shown(self, number: int) -> VideoFrame:
        """Frame ``number`` at the top rung's size; ascending. Raises `Undecodable`."""
        frame = next((picture for at, picture in self._frames if at == number), None)
        if frame is None:
            raise Undecodable(f"{self._name} lacks frame {number}")
        return self._scale.reformat(
            frame, *self._size, "yuv420p", interpolation=Interpolation.BICUBIC, threads=1
        )

    def windows(self, windows: Sequence[Window]) -> Iterator[QualityWindow]:
        """Mean and minimum of each window in which this rung shows one of the scored frames."""
        for window in windows:
            scores = [self.scores[n] for n in window.scored() if n % self.step == 0]
            if not scores:
                continue
            yield QualityWindow(
                self._name,
                window.first,
                window.frames,
                window.join,
                sum(scores) / len(scores),
                min(scores),
            )
