"""Encode one chunk of the output grid, all renditions from one decode.

    decode ── slots ── picture graph ──┬─ queue ─ encoder thread ─ NUT ─ out.1080p
    (from the keyframe before)         ├─ queue ─ encoder thread ─ NUT ─ out.720p
                                       └─ …

NUT because its time base can be the grid's: each packet's PTS is its exact output frame number.
(It keeps no DTS; `media.join` derives it from the packets' order, which is what DTS is.)
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from framegate.domain import codec
from framegate.domain.encoding import ChunkDone, ChunkWork, EncodedPart
from framegate.domain.ladder import Rendition
from framegate.domain.slots import SlotRule, on_grid
from framegate.errors import Internal, Undecodable
from framegate.media.alpha import Opaque
from framegate.media.container import (
    Tally,
    decode_packets,
    open_source,
    packets,
    sought,
    video_track,
)
from framegate.media.encoders import add_encoder
from framegate.media.fields import margin, timed_pictures
from framegate.media.imprint import ImprintFile
from framegate.media.picture import PictureGraph, Size
from framegate.media.writing import explained, output
from framegate.security.sandbox import Call

QUEUE_FRAMES = 4  # 4 frames of 4 rungs at 1080p are 22 MB; more would only hide stalls
REPORT_FRAMES = 12
PREROLL_REPORT_FRAMES = 200


def encode(call: Call) -> dict[str, Any]:
    """Task: encode a chunk. Descriptors: ``source``, ``out.<rendition>`` for each rendition, and
    ``imprints`` for those of the chunk's own source frames (`framegate.domain.imprint`).

    Emits ``{"frames": done}``. Raises `Undecodable`, `DiskFull`, `MediaLimit`.
    """
    work = codec.load(ChunkWork, call.request)
    ordered = sorted(work.renditions, key=lambda r: r.width * r.height, reverse=True)
    graph = PictureGraph(
        work.video, [Size(r.width, r.height) for r in ordered], work.grid.frame_rate
    )
    rungs = [_Rung(rendition, work, call.fd(f"out.{rendition.name}")) for rendition in ordered]
    imprints = ImprintFile(call.fd("imprints"))
    count = SourceCount(imprints.keep)
    try:
        frames = 0
        for frame in grid_frames(call, work, count):
            number = frame.pts or 0
            for rung, picture in zip(rungs, graph.process(frame), strict=True):
                if number % rung.step == 0:
                    rung.put(picture)
            frames += 1
            if frames % REPORT_FRAMES == 0:
                call.emit({"frames": frames})
        if not frames:
            raise Undecodable("No frame of this part of the video can be decoded")
        imprints.finish()
    finally:
        for rung in rungs:
            rung.finish()
    parts = {rung.rendition.name: rung.result() for rung in rungs}
    done = ChunkDone(
        parts=tuple(parts[rendition.name] for rendition in work.renditions),
        source_frames=count.own,
        corrupt_packets=count.tally.corrupt,
    )
    return codec.dump(done)


@dataclass(slots=True)
class SourceCount:
    """What was decoded of the source. ``own`` counts the frames whose place is in the chunk,
    without pre-roll, so that each frame of a source counts in one chunk alone; ``heard`` gets them.
    """

    heard: Callable[[VideoFrame], None] | None = None
    own: int = 0
    tally: Tally = field(default_factory=Tally)


def grid_frames(call: Call, work: ChunkWork, count: SourceCount) -> Iterator[VideoFrame]:
    """The source's frames as output frames: PTS is the frame number, type I begins a GOP."""
    grid, chunk = work.grid, work.chunk
    rule = SlotRule.of(
        time_base=work.video.time_base, start=work.video.start, frame_rate=grid.frame_rate
    )
    source = _presented(_source_frames(call, work, rule, count.tally), work, rule, count)
    timed = timed_pictures(source, work.video, work.fields, grid, chunk)
    time_base = 1 / grid.frame_rate
    for number, frame in on_grid(timed, first=chunk.first_frame, frames=chunk.frames):
        frame.pts = number
        frame.time_base = time_base
        frame.duration = 1
        # also clears the source's own type, which encoders would obey
        frame.pict_type = PictureType.NONE if number % grid.gop_frames else PictureType.I
        yield frame
    if chunk.first_frame + chunk.frames == grid.frames:
        for _ in timed:  # a frame or two that come too late to be shown
            continue


def _presented(
    frames: Iterator[VideoFrame], work: ChunkWork, rule: SlotRule, count: SourceCount
) -> Iterator[VideoFrame]:
    """Frames as screening takes them: in order, none twice, none before the first that is presented
    (a picture at a time that has passed is one that nobody looked at). Those of the chunk's own
    stretch are counted.
    """
    chunk = work.chunk
    end = chunk.first_frame + chunk.frames
    is_last = end == work.grid.frames
    highest = ceil(work.video.start / work.video.time_base) - 1
    for frame in frames:
        pts = frame.pts
        if pts is None or pts <= highest:
            continue
        highest = pts
        slot = rule.slot(pts)
        if slot >= chunk.first_frame and (is_last or slot < end):
            count.own += 1
            if count.heard is not None:
                count.heard(frame)
        yield frame


def _source_frames(
    call: Call, work: ChunkWork, rule: SlotRule, tally: Tally
) -> Iterator[VideoFrame]:
    """Decoded frames from one that can show the chunk's first output onwards.

    Tries the nearest keyframe first. Where that does not give a picture in time (a seek that
    overshoots, a recovery point that recovers late), an earlier one, and last the file's start.
    """
    needed = work.chunk.first_frame - margin(work.fields)
    seeks: list[int | None] = []
    if work.chunk.first_frame > 0:
        seeks += [pts for pts in reversed(work.video.keyframes) if rule.slot(pts) <= needed]
    seeks.append(None)
    for seek in seeks:
        with open_source(call.fd("source"), max_pixels=work.video.decoder_pixels) as container:
            stream = video_track(container, work.video.index)
            if seek is not None and not sought(container, stream, seek):
                continue
            frames = _decoded(
                container,
                stream,
                tally,
                drop_leading=seek is not None,
                full_range=work.video.colour.full_range,
            )
            first = next(frames, None)
            if first is None or (seek is not None and rule.slot(first.pts or 0) > needed):
                continue
            yield first
            for count, frame in enumerate(frames, start=1):
                if count % PREROLL_REPORT_FRAMES == 0:
                    call.emit({"decoded": count})
                yield frame
            return


def _decoded(
    container: InputContainer,
    stream: VideoStream,
    tally: Tally,
    *,
    drop_leading: bool,
    full_range: bool,
) -> Iterator[VideoFrame]:
    """Frames in presentation order. After a seek: from the first keyframe on, without the frames
    that follow it in the file but precede it in time (open GOP: they need what came before).
    """
    key_pts: int | None = None

    def from_keyframe() -> Iterator[Packet[Any]]:
        nonlocal key_pts
        for packet in packets(container, stream, tally=tally):
            if key_pts is None:
                if not packet.is_keyframe or packet.pts is None:
                    continue
                key_pts = packet.pts
            yield packet

    source = from_keyframe() if drop_leading else packets(container, stream, tally=tally)
    opaque = Opaque(full_range=full_range)
    for frame in decode_packets(source, stream, tally=tally):
        if key_pts is not None and frame.pts is not None and frame.pts < key_pts:
            continue
        yield opaque.show(frame)


@dataclass(slots=True)
class _Ledger:
    """Counted packet by packet."""

    size_bytes: int = 0
    pts: list[int] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    segments: dict[int, int] = field(default_factory=dict)


class _Rung:
    """An encoder and its writer on a thread of their own, fed through a short queue."""

    def __init__(self, rendition: Rendition, work: ChunkWork, fd: int) -> None:
        self.rendition = rendition
        self.step = rendition.step(work.grid)
        self._segment = work.grid.segment_frames // self.step
        self._fd = fd
        end = work.chunk.first_frame + work.chunk.frames
        self._expected = range(-(-work.chunk.first_frame // self.step), -(-end // self.step))
        self._queue: queue.Queue[VideoFrame | None] = queue.Queue(QUEUE_FRAMES)
        self._failure: BaseException | None = None
        self._fed = False  # the last frame was taken
        self._ledger = _Ledger()
        self._extradata = b""
        self._thread = threading.Thread(
            target=self._run, name=f"encode-{rendition.name}", daemon=True
        )
        self._thread.start()

    def put(self, frame: VideoFrame) -> None:
        """Hand a grid frame over; waits while the queue is full. Raises what the encoder raised."""
        if self._failure is not None:
            raise explained(self._failure, self.rendition.name) from self._failure
        if self.step > 1:
            frame.pts = (frame.pts or 0) // self.step
            frame.time_base = 1 / self.rendition.frame_rate
        self._queue.put(frame)

    def finish(self) -> None:
        """Let the encoder drain and wait for it; never raises."""
        self._queue.put(None)
        self._thread.join()

    def result(self) -> EncodedPart:
        """What was written. Raises what the encoder raised, `Internal` when frames are missing."""
        if self._failure is not None:
            raise explained(self._failure, self.rendition.name) from self._failure
        ledger = self._ledger
        numbers = sorted(ledger.pts)
        if numbers != list(self._expected):
            raise Internal(
                f"The encoder of {self.rendition.name} did not return what it was given",
                f"{len(numbers)} of {len(self._expected)} frames",
            )
        return EncodedPart(
            rendition=self.rendition.name,
            frames=len(numbers),
            size_bytes=ledger.size_bytes,
            extradata_sha256=hashlib.sha256(self._extradata).hexdigest(),
            first_pts=numbers[0],
            last_pts=numbers[-1],
            reorder_frames=max(at - (pts - numbers[0]) for at, pts in enumerate(ledger.pts)),
            keyframes=tuple(ledger.keyframes),
            segment_bytes=tuple(ledger.segments[key] for key in sorted(ledger.segments)),
        )

    def _run(self) -> None:
        try:
            self._encode()
        except BaseException as error:  # noqa: BLE001 - re-raised on the caller's thread
            self._failure = error
            # the failure may come after the last frame, with the trailer: then none follows
            while not self._fed and self._queue.get() is not None:
                continue  # keep taking frames, so that the decoder never waits for a dead rung

    def _encode(self) -> None:
        # NUT keeps no DTS, so the first one may be negative; FFmpeg would shift the PTS for it
        with output(self._fd, "nut", avoid_negative_ts="disabled") as container:
            stream = add_encoder(container, self.rendition)
            while True:
                frame = self._queue.get()
                self._fed = frame is None
                for packet in stream.encode(frame):
                    self._count(packet)
                    container.mux_one(packet)
                if frame is None:
                    break
            self._extradata = stream.codec_context.extradata or b""

    def _count(self, packet: Packet[Any]) -> None:
        ledger, number = self._ledger, packet.pts
        if number is None:
            raise Internal("The encoder returned a packet without a timestamp")
        ledger.pts.append(number)
        ledger.size_bytes += packet.size
        segment = number // self._segment
        ledger.segments[segment] = ledger.segments.get(segment, 0) + packet.size
        if packet.is_keyframe:
            ledger.keyframes.append(number)
