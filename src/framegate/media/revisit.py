"""Sandboxed task: decode some frames of the video track once more, named by their PTS.

Request: `RevisitWork`. Frames in the ring: previews with ``{"pts", "signals", "imprint"}``,
ascending. Answer: ``{"found"}``, how many of the frames came out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from framegate.domain import serial
from framegate.domain.decoding import RevisitWork
from framegate.media.alpha import Opaque
from framegate.media.container import (
    Tally,
    decode_packets,
    open_source,
    packets,
    sought,
    video_track,
)
from framegate.media.preview import View
from framegate.media.snapshot import Snapshots
from framegate.security.sandbox.call import Call

REPORT_FRAMES = 200
EARLIER = 8  # keyframes before a frame that are worth a try, then the file's start

serial.prepare(RevisitWork)


def decode(call: Call) -> dict[str, Any]:
    """Raises what opening and converting raise; a frame that does not come out is left out."""
    work = serial.load(RevisitWork, call.request)
    snapshots = Snapshots(View.of(work.video))
    opaque = Opaque(full_range=work.video.colour.full_range)
    found = 0
    for group in _groups(work):
        for frame in _frames(call, work, group):
            call.put_frame(*snapshots.take(opaque.show(frame)))
            found += 1
    return {"found": found}


def _groups(work: RevisitWork) -> Iterator[list[int]]:
    """Frames that follow the same keyframe are read together."""
    group: list[int] = []
    place = -1
    for pts in work.pts:
        at = bisect_right(work.video.keyframes, pts)
        if group and at != place:
            yield group
            group = []
        place = at
        group.append(pts)
    if group:
        yield group


def _frames(call: Call, work: RevisitWork, wanted: list[int]) -> Iterator[VideoFrame]:
    """The wanted frames, each once: from the nearest keyframe that gives a picture in time."""
    keyframes = work.video.keyframes
    before = keyframes[: bisect_right(keyframes, wanted[0])][-EARLIER:]
    for seek in [*reversed(before), None]:
        frames = _read(call, work, seek, wanted[-1])
        first = next(frames, None)
        if first is None or (seek is not None and _pts(first) > wanted[0]):
            continue
        left = set(wanted)
        for frame in chain([first], frames):
            if _pts(frame) in left:
                left.discard(_pts(frame))
                yield frame
        return


def _pts(frame: VideoFrame) -> int:
    assert frame.pts is not None  # decode_packets yields none without
    return frame.pts


def _read(call: Call, work: RevisitWork, seek: int | None, last: int) -> Iterator[VideoFrame]:
    """Every frame from a keyframe (None: the start) to ``last``."""
    video = work.video
    with open_source(call.fd("source"), max_pixels=video.decoder_pixels) as container:
        stream = video_track(container, video.index)
        if seek is not None and not sought(container, stream, seek):
            return
        tally = Tally()
        source = _from_keyframe(container, stream, tally, any_packet=seek is None)
        for count, frame in enumerate(decode_packets(source, stream, tally=tally), start=1):
            if count % REPORT_FRAMES == 0:
                call.emit({"decoded": count})
            yield frame
            if _pts(frame) >= last:
                return


def _from_keyframe(
    container: InputContainer, stream: VideoStream, tally: Tally, *, any_packet: bool
) -> Iterator[Packet[Any]]:
    begun = any_packet
    for packet in packets(container, stream, tally=tally):
        begun = begun or bool(packet.is_keyframe)
        if begun:
            yield packet
