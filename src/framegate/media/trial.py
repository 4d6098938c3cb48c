"""Encode short stretches of a video at several sizes and CRFs, and score each against the source.

    source ── grid frames ── picture graph (all rungs) ──┬─ encoder ─ decoder ─ scale up ─┬─ libvmaf
    (each stretch once)                                  ├─ encoder ─ decoder ─ scale up ─┤
                                                         └─ …                             │
                                  the top rung's picture ─────────────────────────────────┘

The encoders are those of the chunks, flag by flag, one thread each: what is tried is what is made.
A stretch is shorter than a GOP, so its keyframe weighs too much in its size, and what follows it
too little; the bitrate told is that of a whole GOP (`EARLY`, `FIRST_KEY`).
"""

from __future__ import annotations

import io
from collections.abc import Container, Iterator, Sequence
from concurrent.futures.thread import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import av
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from framegate.domain import serial
from framegate.domain.encoding import ChunkWork
from framegate.domain.ladder import Chunk, Grid, Rendition, VideoCodec
from framegate.domain.pertitle import TrialPoint
from framegate.domain.proof import Window
from framegate.domain.slots import SlotRule
from framegate.domain.trial import TrialDone, TrialWork
from framegate.errors import Internal, Undecodable
from framegate.media.container import Tally, decode_packets, packets
from framegate.media.encoders import add_encoder
from framegate.media.libvmaf import Scorer
from framegate.media.picture import PictureGraph, Size
from framegate.media.source_frames import SourceCount, grid_frames
from framegate.media.writing import explained
from framegate.security.sandbox import Call

serial.prepare(TrialWork, TrialDone)

AT_ONCE = 4  # encoders side by side; each is one thread, so their number changes no byte
PIXELS_AT_ONCE = 1920 * 1088  # of the largest size: so a job at 1080p stays under 1.2 GB

EARLY = {VideoCodec.H264: 0.3, VideoCodec.H265: 0.3, VideoCodec.AV1: 0.45}
"""By how much less a frame right after a keyframe takes than the mean of its GOP: the keyframe is
better than the pictures after it, which live off it for a while; and where a stretch ends, the
lookahead finds nothing to save for. Measured on GOPs in mid-stream, with each codec's default
preset: stretches of 12 and 16 frames beside all 50, four clips at two CRFs (of H.265 and AV1, two
at one).
"""

FIRST_KEY = {VideoCodec.H264: 0.78, VideoCodec.H265: 0.92, VideoCodec.AV1: 0.95}
"""Size of an encode's first keyframe beside the same picture in mid-stream, measured with them:
rate control that has seen nothing yet takes the video for as hard as that one picture."""


def measure(call: Call) -> dict[str, Any]:
    """Task: make every trial. Descriptor: ``source``.

    Emits ``{"trials": done}``, counted over all windows. Raises `Undecodable` when no window can be
    decoded, `MediaLimit`, `ComponentMissing`, `Internal`.
    """
    work = serial.load(TrialWork, call.request)
    top = max(work.sizes, key=lambda size: size.width * size.height)
    sums = [_Sum() for _ in work.trials]
    windows: list[Window] = []
    at_once = max(1, min(AT_ONCE, PIXELS_AT_ONCE // (top.width * top.height)))
    with ThreadPoolExecutor(at_once) as pool:
        for window, pictures in _stretches(call, work):
            windows.append(window)
            made = pool.map(
                lambda trial, window=window, pictures=pictures: _try(
                    trial, work.grid, window, pictures, (top.width, top.height)
                ),
                work.trials,
            )
            tried: list[_Tried] = []
            for trial in made:
                tried.append(trial)
                call.emit({"trials": (len(windows) - 1) * len(work.trials) + len(tried)})
            # after the encoders and not beside them: at 4K either takes half a gigabyte
            with Scorer(top.width, top.height) as scorer:
                scored: list[_Sum] = []
                for total, trial in zip(sums, tried, strict=True):
                    total.rates.append(trial.bitrate)
                    for number, shown in trial.shown:
                        scorer.add(*pictures.around(top.name, number), shown)
                        scored.append(total)
                for total, score in zip(scored, scorer.scores(), strict=True):
                    total.scores.append(score)
            del made, tried, trial, shown, pictures  # not kept while the next are decoded
    if not windows:
        raise Undecodable("No part of the video can be tried")
    points = (total.point(trial) for total, trial in zip(sums, work.trials, strict=True))
    return serial.dump(TrialDone(tuple(points), tuple(windows)))


class _Sum:
    """One trial over all windows."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.scores: list[float] = []

    def point(self, trial: Rendition) -> TrialPoint:
        return TrialPoint(
            rendition=trial.name,
            width=trial.width,
            height=trial.height,
            crf=trial.crf,
            bitrate=round(sum(self.rates) / len(self.rates)),
            vmaf=sum(self.scores) / len(self.scores),
        )


class _Pictures:
    """A stretch and a frame on either side of it, at the needed sizes, by grid frame number."""

    def __init__(self, names: Sequence[str], needed: Container[str]) -> None:
        self._names = names
        self._needed = needed
        self._sizes: dict[int, dict[str, VideoFrame]] = {}

    def add(self, number: int, pictures: Sequence[VideoFrame]) -> None:
        named = zip(self._names, pictures, strict=True)
        self._sizes[number] = {name: picture for name, picture in named if name in self._needed}

    def has(self, window: Window) -> bool:
        return all(n in self._sizes for n in range(window.first, window.first + window.frames))

    def of(self, name: str, numbers: range) -> list[VideoFrame]:
        return [self._sizes[number][name] for number in numbers]

    def around(self, name: str, number: int) -> tuple[VideoFrame, VideoFrame, VideoFrame]:
        """The frame between its neighbours, as `Scorer.add` takes them."""
        frame = self._sizes[number][name]
        before = self._sizes.get(number - 1, {name: frame})[name]
        after = self._sizes.get(number + 1, {name: before})[name]
        return before, frame, after


def _stretches(call: Call, work: TrialWork) -> Iterator[tuple[Window, _Pictures]]:
    """Each window that can be decoded, with its pictures."""
    ordered = sorted(work.sizes, key=lambda size: size.width * size.height, reverse=True)
    names = [size.name for size in ordered]
    needed = {names[0], *(trial.name for trial in work.trials)}
    graph = PictureGraph(
        work.video, [Size(size.width, size.height) for size in ordered], work.grid.frame_rate
    )
    for run in _runs(work):
        start = max(0, run[0].first - 1)
        end = min(work.grid.frames, run[-1].first + run[-1].frames + 1)
        chunk = ChunkWork(
            video=work.video,
            grid=work.grid,
            chunk=Chunk(0, start, end - start),
            renditions=work.sizes,
            fields=work.fields,
        )
        waiting = list(run)
        pictures = _Pictures(names, needed)
        for frame in grid_frames(call, chunk, SourceCount()):
            number, window = frame.pts or 0, waiting[0]
            if number >= window.first - 1:
                pictures.add(number, graph.process(frame))
            if number == min(end - 1, window.first + window.frames):
                if pictures.has(window):
                    yield window, pictures
                pictures = _Pictures(names, needed)
                waiting.pop(0)
                if not waiting:
                    break


def _runs(work: TrialWork) -> Iterator[list[Window]]:
    """Windows that no keyframe lies between, together: one decode instead of one for each."""
    rule = SlotRule.of(
        time_base=work.video.time_base, start=work.video.start, frame_rate=work.grid.frame_rate
    )
    keys = [rule.slot(pts) for pts in work.video.keyframes]
    run: list[Window] = []
    for window in work.windows:
        if run:
            end = run[-1].first + run[-1].frames
            if end + 1 < window.first and any(end < key < window.first for key in keys):
                yield run
                run = []
        run.append(window)
    if run:
        yield run


@dataclass(frozen=True, slots=True)
class _Tried:
    """One trial of one window: bit/s, and the frames to score, by grid number."""

    bitrate: float
    shown: tuple[tuple[int, VideoFrame], ...]


def _try(
    trial: Rendition, grid: Grid, window: Window, pictures: _Pictures, size: tuple[int, int]
) -> _Tried:
    step = trial.step(grid)
    numbers = range(window.first, window.first + window.frames, step)
    buffer = io.BytesIO()
    sizes: list[int] = []
    try:
        with av.open(buffer, "w", format="nut") as container:
            stream = add_encoder(container, trial)
            for at, frame in enumerate([*pictures.of(trial.name, numbers), None]):
                if frame is not None:
                    frame.pts, frame.time_base, frame.duration = at, 1 / trial.frame_rate, 1
                    frame.pict_type = PictureType.NONE if at else PictureType.I
                for packet in stream.encode(frame):
                    sizes.append(packet.size)
                    container.mux_one(packet)
    except Exception as error:
        raise explained(error, trial.name) from error
    if len(sizes) != len(numbers):
        raise Internal(f"The encoder of {trial.name} did not return what it was given")
    wanted = {min(numbers, key=lambda number: abs(number - scored)) for scored in window.scored()}
    mean = gop_mean(sizes, max(1, grid.gop_frames // step), trial.codec)
    rate = 8 * mean * float(trial.frame_rate)
    return _Tried(rate, tuple(_shown(buffer, numbers, wanted, size)))


def gop_mean(sizes: Sequence[int], gop: int, kind: VideoCodec) -> float:
    """Mean bytes a frame in GOPs of ``gop`` frames of a video like this stretch, whose packets, the
    keyframe first, have ``sizes``.
    """
    key, later = sizes[0] / FIRST_KEY[kind], sizes[1:]
    if not later:
        return key
    covered = min(1.0, len(sizes) / gop)
    mean = sum(later) / len(later) / (1 - EARLY[kind] * (1 - covered))
    return (key + (gop - 1) * mean) / gop


def _shown(
    buffer: io.BytesIO, numbers: range, wanted: set[int], size: tuple[int, int]
) -> Iterator[tuple[int, VideoFrame]]:
    """What a viewer would see of the wanted frames, at the top rung's size."""
    scale = VideoReformatter()
    buffer.seek(0)
    with av.open(buffer, "r", format="nut") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        tally = Tally()
        frames = decode_packets(packets(container, stream, tally=tally), stream, tally=tally)
        last = max(wanted)
        for number, frame in zip(numbers, frames, strict=False):
            if number in wanted:
                yield (
                    number,
                    scale.reformat(
                        frame, *size, "yuv420p", interpolation=Interpolation.BICUBIC, threads=1
                    ),
                )
            if number == last:
                return
        raise Internal("A trial's last frames cannot be decoded")
