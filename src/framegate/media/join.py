"""Join the chunks of one rendition by packet copy into one MP4.

Chunks are closed GOPs with the same codec headers, so their packets follow one another as if they
had been encoded in one go. PTS is the output frame number, as it lies in the chunk. DTS is the
packet's place in the stream, earlier by the encoder's reordering: strictly rising over every join,
and never after the PTS.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from framegate.domain import serial
from framegate.domain.encoding import JoinWork
from framegate.errors import Internal
from framegate.media.container import WORK_FORMATS, time_base, vendor_errors
from framegate.media.writing import output
from framegate.security.sandbox import Call

MOVFLAGS = "dash+delay_moov+frag_keyframe+skip_sidx+skip_trailer"
"""Fragments at keyframes, written as they come, so memory stays flat; the header waits for the
first packet, so that the edit list takes the reordering back and video starts at exactly 0
(every variant with ``empty_moov`` or ``cmaf`` starts it two frames late)."""

SAMPLE_ENTRY = {"hevc": "hvc1"}  # the one that Apple plays; FFmpeg's own choice is hev1
REPORT_PACKETS = 2000
CANNOT = "The chunks cannot be joined"


def video(call: Call) -> dict[str, Any]:
    """Task: join. Descriptors: ``chunks``, from which the NUT files can be read one after the
    other (a pipe will do), and ``out``. Emits ``{"packets": n}``.

    Raises `Internal` when the chunks do not fit together, `DiskFull`, `MediaLimit`.
    """
    work = serial.load(JoinWork, call.request)
    tick = 1 / work.frame_rate
    scale = str(work.timescale)
    seen = 0
    with output(call.fd("out"), "mp4", movflags=MOVFLAGS, video_track_timescale=scale) as target:
        track = None
        for size in work.chunk_bytes:
            file = _Stretch(call.fd("chunks"), size)
            with _opened(file) as chunk:
                source = chunk.streams.video[0]
                headers = source.codec_context.extradata or b""
                if hashlib.sha256(headers).hexdigest() != work.extradata_sha256:
                    raise Internal(CANNOT, "their codec headers differ")
                if track is None:
                    track = target.add_stream_from_template(source, opaque=True)
                    track.time_base = tick
                    if tag := SAMPLE_ENTRY.get(source.codec_context.name):
                        track.codec_tag = tag
                clock = time_base(source) / tick
                shown: list[int] = []
                for packet in _packets(chunk, source):
                    number = (packet.pts or 0) * clock
                    dts = seen - work.reorder_frames
                    if number.denominator != 1 or dts > number:
                        raise Internal(CANNOT, f"timestamps at {number}")
                    shown.append(int(number))
                    packet.stream = track
                    packet.time_base = tick
                    packet.pts, packet.dts, packet.duration = int(number), dts, 1
                    target.mux_one(packet)
                    seen += 1
                    if seen % REPORT_PACKETS == 0:
                        call.emit({"packets": seen})
                if sorted(shown) != list(range(seen - len(shown), seen)):
                    raise Internal(CANNOT, "frames are missing or moved")
            file.skip_rest()
        if seen != work.frames:
            raise Internal(CANNOT, f"{seen} of {work.frames} frames")
    return {"packets": seen}


def _opened(file: _Stretch) -> InputContainer:
    with vendor_errors(CANNOT):
        return av.open(file, "r", format="nut", options={"format_whitelist": WORK_FORMATS})


def _packets(chunk: InputContainer, source: VideoStream) -> Iterator[Packet[Any]]:
    # around reading alone: what writing raises (a full disk) is told by `output`
    with vendor_errors(CANNOT):
        for packet in chunk.demux(source):
            if packet.size and packet.pts is not None:
                yield packet


class _Stretch:
    """The next ``size`` bytes of a descriptor as a file that cannot seek."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self._left = size

    def read(self, size: int) -> bytes:
        got = os.read(self._fd, min(size, self._left))
        self._left -= len(got)
        return got

    def skip_rest(self) -> None:
        """What the demuxer had no need of, so that the next chunk begins at its beginning."""
        while self._left and self.read(self._left):
            continue
