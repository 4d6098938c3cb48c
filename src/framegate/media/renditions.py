"""Read finished renditions back by output frame number, decoding no GOP that isn't needed.

A rendition's GOPs are closed, so each can be decoded alone. There is no seeking: the files have no
index, and passing packets by costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from framegate.domain.ladder import Grid
from framegate.errors import Undecodable
from framegate.media.container import (
    WORK_FORMATS,
    Tally,
    decode_packets,
    open_source,
    packets,
)


def frames_within(
    fd: int, grid: Grid, spans: Sequence[tuple[int, int]], *, max_pixels: int, step: int = 1
) -> Iterator[tuple[int, VideoFrame]]:
    """(output frame number, picture) of all frames inside ``spans`` (first, end), in order.

    ``step``: of how many frames of the grid the rendition shows one (`Rendition.step`).
    """
    with open_source(fd, max_pixels=max_pixels, formats=WORK_FORMATS) as container:
        stream = container.streams.video[0]
        tally = Tally()
        for gop in _gops(container, stream, tally):
            first = frame_number(gop[0], grid)
            after = first + step * len(gop)
            if not any(start < after and end > first for start, end in spans):
                continue
            for frame in decode_packets(gop, stream, tally=tally):
                number = frame_number(frame, grid)
                if any(start <= number < end for start, end in spans):
                    yield number, frame
            stream.codec_context.flush_buffers()


def keyframes(
    fd: int, grid: Grid, *, every: int, max_pixels: int
) -> Iterator[tuple[int, VideoFrame]]:
    """(output frame number, picture) of each ``every``-th keyframe; nothing else is decoded."""
    with open_source(fd, max_pixels=max_pixels, formats=WORK_FORMATS) as container:
        stream = container.streams.video[0]
        tally = Tally()
        for index, gop in enumerate(_gops(container, stream, tally)):
            if index % every:
                continue
            for frame in decode_packets(gop[:1], stream, tally=tally):
                yield frame_number(frame, grid), frame
            stream.codec_context.flush_buffers()


def frame_number(timed: Packet[Any] | VideoFrame, grid: Grid) -> int:
    """The place of a packet or frame on the output grid."""
    if timed.pts is None or timed.time_base is None:
        raise Undecodable("A rendition has a frame without a time")
    base = Fraction(timed.time_base.numerator, timed.time_base.denominator)
    return round(timed.pts * base * grid.frame_rate)


def _gops(
    container: InputContainer, stream: VideoStream, tally: Tally
) -> Iterator[list[Packet[Any]]]:
    """Packets from one keyframe to before the next."""
    gop: list[Packet[Any]] = []
    for packet in packets(container, stream, tally=tally):
        if packet.is_keyframe and gop:
            yield gop
            gop = []
        gop.append(packet)
    if gop:
        yield gop
