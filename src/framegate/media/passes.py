"""The two passes of a probe: every packet of the tracks that count, then a few decoded frames."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.error
import av.logging
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from framegate.domain.counted import counted
from framegate.domain.limits import SourceLimits
from framegate.domain.media import FieldOrder
from framegate.errors import FramegateError, InputTooLarge, Undecodable
from framegate.media.brightness import peak_of
from framegate.media.container import Tally, decode_packets, open_source, packets
from framegate.media.filters import SAMPLE_ASPECT_UNIT, SampleAspect
from framegate.media.scan import LEAST_LINES, Scan, Verdicts, judge, measure
from framegate.media.tracks import Extent, Selection, codec_name

SOUND_SHARE = 8
"""Packets of all tracks for each frame allowed: sound has several packets a picture."""

_PROBED_FRAMES = 24
_PROBED_PIXELS = 24 * 1920 * 1088  # what those cost at 1080p; larger pictures get fewer frames
_SEEKS = 3
_SCAN_WINDOWS = 4  # of the longer look at fields …
_SCAN_FRAMES = 25  # … and frames in each: five cycles of 3:2 pulldown
_TALLEST_INTERLACED = 1152  # lines, coded; 1250-line analogue HD included
_DELAY = 48  # packets that may go into a decoder before its first frame comes out
_REFUSED_SIZE = re.compile(r"Picture size (\d+)x(\d+) (?:is invalid|exceeds)")
_REPORT_EVERY = 500  # packets; the largest hold a megabyte, and silence gets a child killed


@dataclass(slots=True)
class PacketPass:
    """What was read. ``pts`` of presented frames in file order, ticks; ``extents`` by track."""

    extents: dict[int, Extent]
    pts: array[int] = field(default_factory=lambda: array("q"))
    keyframes: list[int] = field(default_factory=list)
    damaged: int = 0  # packets that the demuxer marked incomplete
    last_ticks: int = 0  # how long the frame that is shown last says it is shown
    reordered: bool = False
    _highest: int | None = None

    def add_picture(self, packet: Packet[Any], pts: int, *, hidden: bool) -> None:
        """Take in one packet of the picture track; frames before an edit's start do not count."""
        self.damaged += packet.is_corrupt
        if packet.is_keyframe:
            self.keyframes.append(pts)
        if packet.is_discard or hidden:
            return
        self.pts.append(pts)
        self.extents[packet.stream_index].add(pts, packet.duration or 0)
        if self._highest is None or pts > self._highest:
            self._highest = pts
            self.last_ticks = packet.duration or 0
        else:
            self.reordered = True

    def add_sound(self, packet: Packet[Any], pts: int) -> None:
        """Take in one packet of a sound track."""
        if not packet.is_discard:
            self.extents[packet.stream_index].add(pts, packet.duration or 0)


@dataclass(frozen=True, slots=True)
class FramePass:
    """What a decoder said. ``side_data`` by FFmpeg's name, the container's over the frame's."""

    first: VideoFrame
    aspect: Fraction  # sample aspect of the first frame, by the frame itself
    peak: int | None  # cd/m2, of the mastering display
    flagged: float  # share of frames flagged interlaced
    scan: Scan
    captions: bool
    sizes: frozenset[tuple[int, int]]
    side_data: dict[str, bytes]


def read_packets(
    container: InputContainer,
    chosen: Selection,
    *,
    limits: SourceLimits,
    tally: Tally,
    report: Callable[[dict[str, Any]], None],
) -> PacketPass:
    """Read the whole file. Raises `InputTooLarge` past ``limits``."""
    index = chosen.video.index
    seen = PacketPass({s.index: Extent() for s in (chosen.video, *chosen.audio)})
    may_hide = codec_name(chosen.video) == "vp8"
    most = limits.max_frames * SOUND_SHARE
    for packet in packets(container, chosen.video, *chosen.audio, tally=tally):
        if tally.packets > most:
            raise InputTooLarge("The file has too many packets", f"more than {most}")
        if tally.packets % _REPORT_EVERY == 0:
            report({"packets": tally.packets})
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None:
            tally.untimed += 1
        elif packet.stream_index != index:
            seen.add_sound(packet, pts)
        else:
            seen.add_picture(packet, pts, hidden=may_hide and _is_hidden_vp8(packet))
            if len(seen.pts) > limits.max_frames:
                raise InputTooLarge(
                    "The video has too many frames", f"more than {limits.max_frames}"
                )
    return seen


def decode_some(
    fd: int,
    index: int,
    pts: NDArray[np.int64],
    *,
    side_data: dict[str, bytes],
    max_pixels: int,
    fast: bool,
) -> FramePass:
    """Frames from the start and after a few seeks. Raises `Undecodable` when there is none.

    ``fast``: more frames a second than interlaced video has.
    """
    tally = Tally()
    found: list[VideoFrame] = []
    windows: list[Verdicts] = []
    with open_source(fd, max_pixels=max_pixels) as container:
        stream: Any = container.streams[index]
        pixels = max(1, stream.codec_context.width * stream.codec_context.height)
        budget = max(2, min(_PROBED_FRAMES, _PROBED_PIXELS // pixels))
        found += _some_frames(container, stream, budget // 2, tally)
        windows.append(measure(found))
        for n in range(1, _SEEKS + 1):
            if not _seek(container, stream, pts, Fraction(n, _SEEKS + 1)):
                break  # what cannot be sought is still read in order
            more = _some_frames(container, stream, max(1, budget // (2 * _SEEKS)), tally)
            windows.append(measure(more))
            found += more
        if not found:
            raise _no_frame(fd, index, tally.corrupt, max_pixels=max_pixels)
        flagged = sum(frame.interlaced_frame for frame in found) / len(found)
        if _may_be_interlaced(found[0], windows, fast=fast, flagged=flagged > 0):
            windows = []
            for n in range(_SCAN_WINDOWS):
                if not _seek(container, stream, pts, Fraction(2 * n + 1, 2 * _SCAN_WINDOWS)):
                    break
                frames = _some_frames(container, stream, min(budget, _SCAN_FRAMES), tally)
                windows.append(measure(frames))
    return FramePass(
        first=found[0],
        aspect=Fraction(SampleAspect().of(found[0]), SAMPLE_ASPECT_UNIT),
        peak=_peak(found[0]),
        flagged=flagged,
        scan=judge(windows),
        captions=any(SideDataType.A53_CC in frame.side_data for frame in found),
        sizes=frozenset((frame.width, frame.height) for frame in found),
        side_data=_frame_side_data(found[0]) | side_data,
    )


def _peak(frame: VideoFrame) -> int | None:
    if SideDataType.MASTERING_DISPLAY_METADATA not in frame.side_data:
        return None
    return peak_of(bytes(frame.side_data[SideDataType.MASTERING_DISPLAY_METADATA]))


def _seek(
    container: InputContainer, stream: VideoStream, pts: NDArray[np.int64], share: Fraction
) -> bool:
    try:
        container.seek(int(pts[int(pts.size * share)]), stream=stream)
    except (av.error.FFmpegError, OSError):
        return False
    return True


def _may_be_interlaced(
    first: VideoFrame, windows: Sequence[Verdicts], *, fast: bool, flagged: bool
) -> bool:
    """Whether a longer look is worth it: something says so, or too little moved to tell."""
    if flagged:
        return True
    if fast or first.height > _TALLEST_INTERLACED:
        return False
    if first.height < LEAST_LINES:
        return False
    scan = judge(windows)
    return scan.combed > 0 or scan.order is FieldOrder.UNKNOWN


def _some_frames(
    container: InputContainer, stream: VideoStream, count: int, tally: Tally
) -> list[VideoFrame]:
    found: list[VideoFrame] = []
    source = _bounded(packets(container, stream, tally=tally), count + _DELAY)
    for frame in decode_packets(source, stream, tally=tally):
        found.append(frame)
        if len(found) >= count:
            break
    return found


def _no_frame(fd: int, index: int, refused: int, *, max_pixels: int) -> FramegateError:
    """Why nothing came out: FFmpeg says only in its log that a picture was over the limit."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with (
            av.logging.Capture(local=False) as log,
            open_source(fd, max_pixels=max_pixels) as container,
        ):
            stream: Any = container.streams[index]
            _some_frames(container, stream, 1, Tally())
    finally:
        av.logging.set_level(before)
    for _, _, line in log:
        size = _REFUSED_SIZE.search(line)
        if size is not None:
            return InputTooLarge(
                "The picture is too large",
                f"{size[1]} x {size[2]} pixels where {max_pixels} in all are allowed",
            )
    return Undecodable("No frame can be decoded", f"{counted(refused, 'packet')} refused")


def _bounded(source: Iterator[Packet[Any]], most: int) -> Iterator[Packet[Any]]:
    for count, packet in enumerate(source):
        if count >= most:
            return
        yield packet


def _is_hidden_vp8(packet: Packet[Any]) -> bool:
    """VP8 sends frames that are only references; their header says "do not show" (RFC 6386 9.1)."""
    return not bytes(packet)[0] >> 4 & 1


def _frame_side_data(frame: VideoFrame) -> dict[str, bytes]:
    """The display matrix that a decoder found in the bitstream (an SEI message)."""
    if SideDataType.DISPLAYMATRIX in frame.side_data:
        return {"display_matrix": bytes(frame.side_data[SideDataType.DISPLAYMATRIX])}
    return {}
