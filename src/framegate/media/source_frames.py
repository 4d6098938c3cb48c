"""The source's frames as output frames: what chunks, trials and proofs are made from.

keyframe before ── decode ── over black ── presented order ── whole pictures ── grid
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from framegate.domain.encoding import ChunkWork
from framegate.domain.ladder import FieldWork
from framegate.domain.slots import SlotRule, on_grid
from framegate.media.alpha import Opaque
from framegate.media.container import (
    Tally,
    decode_packets,
    open_source,
    packets,
    sought,
    video_track,
)
from framegate.media.fields import margin, timed_pictures
from framegate.security.sandbox import Call

REPORT_FRAMES = 200  # of pre-roll

SAY_FOR_CERTAIN = ("h264", "mpeg1video", "mpeg2video", "mpeg4")
"""Codecs in which "no picture refers to this one" is meant without reserve. (H.265 means it of one
temporal layer.)"""

REORDER = 16  # frames: how far H.264, which goes farthest, may put pictures in another order


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
    whole_from = _whole_from(work, needed)
    seeks: list[int | None] = []
    if work.chunk.first_frame > 0:
        seeks += [pts for pts in reversed(work.video.keyframes) if rule.slot(pts) <= needed]
    seeks.append(None)
    for seek in seeks:
        with open_source(call.fd("source"), max_pixels=work.video.decoder_pixels) as container:
            stream = video_track(container, work.video.index)
            if seek is not None and not sought(container, stream, seek):
                continue
            source = packets(container, stream, tally=tally)
            if stream.codec_context.name in SAY_FOR_CERTAIN:
                source = _leaving_out(source, stream, rule, whole_from)
            frames = _decoded(
                source,
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
                if count % REPORT_FRAMES == 0:
                    call.emit({"decoded": count})
                yield frame
            return


def _whole_from(work: ChunkWork, needed: int) -> int:
    """The first slot from which every frame must be decoded, for the picture shown in ``needed`` to
    be right: no two frames are farther apart than the longest interval. What deinterlaces, or takes
    pulldown back, counts every frame.
    """
    if work.fields.work is not FieldWork.KEEP:
        return 0
    longest = work.video.frame_rate.longest_interval * work.grid.frame_rate
    return needed - ceil(longest) - REORDER


def _leaving_out(
    source: Iterator[Packet[Any]], stream: VideoStream, rule: SlotRule, whole_from: int
) -> Iterator[Packet[Any]]:
    """Packets, with the decoder told to pass over pre-roll that no other picture refers to: what
    follows comes out the same, bit by bit, for a quarter to a third less.
    """
    context: Any = stream.codec_context
    for packet in source:
        early = packet.pts is not None and rule.slot(packet.pts) < whole_from
        context.skip_frame = "NONREF" if early else "DEFAULT"
        yield packet


def _decoded(
    source: Iterator[Packet[Any]],
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
        for packet in source:
            if key_pts is None:
                if not packet.is_keyframe or packet.pts is None:
                    continue
                key_pts = packet.pts
            yield packet

    opaque = Opaque(full_range=full_range)
    wanted = from_keyframe() if drop_leading else source
    for frame in decode_packets(wanted, stream, tally=tally):
        if key_pts is not None and frame.pts is not None and frame.pts < key_pts:
            continue
        yield opaque.show(frame)
