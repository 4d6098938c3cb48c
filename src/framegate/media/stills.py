"""Thumbnails, the poster's frame, and a progressive preview, from finished renditions."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Any

import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from framegate.domain import serial
from framegate.domain.stills import PosterWork, PreviewWork, ThumbnailWork
from framegate.errors import Undecodable
from framegate.media.container import WORK_FORMATS, Tally, open_source, packets, time_base
from framegate.media.renditions import frames_within, keyframes
from framegate.media.writing import output
from framegate.security.sandbox import Call

REPORT_PACKETS = 2000


def thumbnails(call: Call) -> dict[str, Any]:
    """Task: every n-th keyframe of descriptor ``video``, scaled, as frames in the ring.

    Each frame's ``meta`` is ``{"frame": output frame number}``. Answers ``{"frames": count}``.
    """
    work = serial.load(ThumbnailWork, call.request)
    scale = VideoReformatter()
    count = 0
    for number, frame in keyframes(
        call.fd("video"), work.grid, every=work.every, max_pixels=work.max_pixels
    ):
        call.put_frame(_rgb(scale, frame, work.width, work.height), {"frame": number})
        count += 1
    if not count:
        raise Undecodable("The rendition has no keyframe")
    return {"frames": count}


def poster(call: Call) -> dict[str, Any]:
    """Task: one output frame of descriptor ``video``, scaled, in the ring."""
    work = serial.load(PosterWork, call.request)
    span = (work.frame, work.frame + 1)
    for number, frame in frames_within(
        call.fd("video"), work.grid, [span], max_pixels=work.max_pixels, step=work.step
    ):
        pixels = _rgb(VideoReformatter(), frame, work.width, work.height)
        call.put_frame(pixels, {"frame": number})
        return {"frame": number}
    raise Undecodable(f"The rendition has no frame {work.frame}")


def preview(call: Call) -> dict[str, Any]:
    """Task: descriptors ``video`` and (if there is sound) ``audio`` by packet copy into one MP4 on
    ``out`` that plays while it loads. Answers ``{"packets": count}``.

    The index goes into space reserved at the front: FFmpeg's ``faststart`` would open the file a
    second time by its path, which a task has not.
    """
    work = serial.load(PreviewWork, call.request)
    names = ["video", "audio"] if work.audio_packets else ["video"]
    inputs = [
        open_source(call.fd(name), max_pixels=work.max_pixels, formats=WORK_FORMATS)
        for name in names
    ]
    index_bytes = 16_384 + 20 * work.video_packets + 12 * work.audio_packets
    done = 0
    try:
        with output(call.fd("out"), "mp4", moov_size=str(index_bytes)) as target:
            tracks = [_copied(container, target) for container in inputs]
            for _, packet in merge(*tracks, key=lambda timed: timed[0]):
                target.mux_one(packet)
                done += 1
                if done % REPORT_PACKETS == 0:
                    call.emit({"packets": done})
    finally:
        for container in inputs:
            container.close()
    return {"packets": done}


def _copied(
    container: InputContainer, target: OutputContainer
) -> Iterator[tuple[float, Packet[Any]]]:
    """(decode time, packet) of a container's one track, on its way into ``target``."""
    source: Stream = container.streams[0]
    # opaque: copied packets need no encoder, and libdav1d has none
    track = target.add_stream_from_template(source, opaque=True)
    clock = float(time_base(source))

    def timed() -> Iterator[tuple[float, Packet[Any]]]:
        for packet in packets(container, source, tally=Tally()):
            at = clock * (packet.dts or 0)  # for the order in the file only
            packet.stream = track
            yield at, packet

    return timed()


def _rgb(scale: VideoReformatter, frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3) full-range RGB from limited BT.709, which every rendition is."""
    shown = scale.reformat(
        frame,
        width,
        height,
        "rgb24",
        src_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.AREA,
        threads=1,
    )
    return np.asarray(shown.to_ndarray(), np.uint8)
