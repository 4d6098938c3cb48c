"""Sandboxed task: decode some frames of the video track once more, named by their PTS.

Request: ``index``, ``look`` (as `framegate.media.samples`), ``max_pixels``, ``keyframes`` (PTS,
ascending) and ``pts`` (ascending). Frames in the ring: previews with ``{"pts", "signals",
"imprint"}``, ascending. Answer: ``{"found"}``, how many of the frames came out.
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

from framegate.media.alpha import Opaque
from framegate.media.container import (
    Tally,
    decode_packets,
    open_source,
    packets,
    sought,
    video_track,
)
from framegate.media.preview import Look
from framegate.media.snapshot import Snapshots
from framegate.security.sandbox.call import Call

REPORT_FRAMES = 200
EARLIER = 8  # keyframes before a frame that are worth a try, then the file's start


def decode(call: Call) -> dict[str, Any]:
    """Raises what opening and converting raise; a frame that does not come out is left out."""
    look = Look.parse(call.request["look"])
    wanted = [int(pts) for pts in call.request["pts"]]
    keyframes = [int(pts) for pts in call.request["keyframes"]]
    snapshots = Snapshots(look)
    opaque = Opaque(full_range=look.full_range)
    found = 0
    for group in _groups(wanted, keyframes):
        for frame in _frames(call, group, keyframes):
            call.put_frame(*snapshots.take(opaque.show(frame)))
            found += 1
    return {"found": found}


def _groups(wanted: list[int], keyframes: list[int]) -> Iterator[list[int]]:
    """Frames that follow the same keyframe are read together."""
    group: list[int] = []
    place = -1
    for pts in wanted:
        at = bisect_right(keyframes, pts)
        if group and at != place:
            yield group
            group = []
        place = at
        group.append(pts)
    if group:
        yield group


def _frames(call: Call, wanted: list[int], keyframes: list[int]) -> Iterator[VideoFrame]:
    """The wanted frames, each once: from the nearest keyframe that gives a picture in time."""
    before = keyframes[: bisect_right(keyframes, wanted[0])][-EARLIER:]
    for seek in [*reversed(before), None]:
        frames = _read(call, seek, wanted[-1])
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


def _read(call: Call, seek: int | None, last: int) -> Iterator[VideoFrame]:
    """Every frame from a keyframe (None: the start) to ``last``."""
    index, max_pixels = int(call.request["index"]), int(call.request["max_pixels"])
    with open_source(call.fd("source"), max_pixels=max_pixels) as container:
        stream = video_track(container, index)
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
