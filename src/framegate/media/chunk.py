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
from dataclasses import dataclass, field
from typing import Any

from av.packet import Packet
from av.video.frame import VideoFrame

from framegate.domain import serial
from framegate.domain.blurring import is_blurred
from framegate.domain.encoding import ChunkDone, ChunkWork, EncodedPart
from framegate.domain.ladder import Rendition
from framegate.errors import Internal, Undecodable
from framegate.media.encoders import add_encoder
from framegate.media.imprint import ImprintFile
from framegate.media.picture import PictureGraph, Size
from framegate.media.source_frames import SourceCount, grid_frames
from framegate.media.writing import explained, output
from framegate.security.sandbox import Call

QUEUE_FRAMES = 4  # 4 frames of 4 rungs at 1080p are 22 MB; more would only hide stalls
REPORT_FRAMES = 12


def encode(call: Call) -> dict[str, Any]:
    """Task: encode a chunk. Descriptors: ``source``, ``out.<rendition>`` for each rendition, and
    ``imprints`` for those of the chunk's own source frames (`framegate.domain.imprint`).

    Emits ``{"frames": done}``. Raises `Undecodable`, `DiskFull`, `MediaLimit`.
    """
    work = serial.load(ChunkWork, call.request)
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
            pictures = graph.process(frame, blurred=is_blurred(work.blurred, number))
            for rung, picture in zip(rungs, pictures, strict=True):
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
    return serial.dump(done)


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
