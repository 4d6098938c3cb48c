"""Sandboxed task: decode one photo to RGB, upright, small enough to look for faces.

Request: ``{"max_pixels", "long_side"}``. One frame in the ring, (height, width, 3) RGB. Answer:
``{"width", "height"}`` as stored in the file.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from framegate.errors import InputError, NotAPhoto, Undecodable
from framegate.media.alpha import Opaque
from framegate.media.container import Tally, open_source, packets, vendor_errors
from framegate.media.geometry import rotation_of
from framegate.security.sandbox.call import Call

FORMATS = "jpeg_pipe,png_pipe,webp_pipe"
DECODERS = "mjpeg,png,webp,vp8"
"""What phones and browsers save, each by a demuxer that reads one picture and opens nothing."""

_HEAD = 12  # bytes
_FULL = 2  # AVColorRange
_BT601, _BT709 = 5, 1  # swscale's numbers; stills without a matrix are JPEG's
_SHORTEST = 16  # px
_WAY_OUT = "Send another photo, or this one saved as a JPEG of ordinary size"


def decode(call: Call) -> dict[str, Any]:
    """See the module. Raises `NotAPhoto`, `Undecodable`, `MediaLimit`."""
    fd, most = call.fd("source"), int(call.request["max_pixels"])
    if not is_photo(os.pread(fd, _HEAD, 0)):
        raise NotAPhoto("The file is not a photo", "its bytes are no JPEG, PNG or WebP")
    try:
        frame = _first_frame(fd, most)
        shown = _shown(frame, int(call.request["long_side"]))
    except InputError as error:
        # the decoder says the same of both
        why = f"it is damaged, or has more than {most / 1e6:.0f} million pixels"
        raise Undecodable("The photo cannot be decoded", why, _WAY_OUT) from error
    call.put_frame(shown, {})
    return {"width": frame.width, "height": frame.height}


def _first_frame(fd: int, most: int) -> VideoFrame:
    """Raises leaves of `InputError`, `MediaLimit`."""
    doing = "The photo cannot be decoded"
    with open_source(fd, max_pixels=most, formats=FORMATS, decoders=DECODERS) as container:
        if not container.streams.video:
            raise Undecodable(doing, "there is no picture in it")
        stream = container.streams.video[0]
        with vendor_errors(doing):
            for packet in packets(container, stream, tally=Tally()):
                for frame in stream.decode(packet):
                    return frame
            # a still's decoder may hold its one picture until it is told that no more come
            for frame in stream.decode(None):
                return frame
    raise Undecodable(doing, "no picture came out")


def is_photo(head: bytes) -> bool:
    """Whether a file's first 12 bytes are those of a JPEG, PNG or WebP."""
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


def _shown(frame: VideoFrame, long_side: int) -> NDArray[np.uint8]:
    """(height, width, 3) RGB: alpha over black, scaled down, mirrored and turned as EXIF says."""
    matrix = bytes(frame.side_data[SideDataType.DISPLAYMATRIX]) if _is_turned(frame) else b""
    rotation, _exact = rotation_of(matrix)
    with vendor_errors("The photo cannot be shown"):
        full = frame.color_range == _FULL
        frame = Opaque(full_range=full).show(frame)
        shrink = min(1.0, long_side / max(frame.width, frame.height))
        picture = VideoReformatter().reformat(
            frame,
            max(_SHORTEST, round(frame.width * shrink)),
            max(_SHORTEST, round(frame.height * shrink)),
            "rgb24",
            src_colorspace=_BT709 if frame.colorspace == _BT709 else _BT601,
            src_color_range=2 if full else 1,
            dst_color_range=2,
            interpolation=Interpolation.AREA if shrink < 1 else Interpolation.BICUBIC,
            threads=1,
        )
        pixels = np.asarray(picture.to_ndarray(), np.uint8)
    if rotation.flip_horizontal:
        pixels = pixels[:, ::-1]
    return np.rot90(pixels, -(rotation.clockwise_deg // 90))


def _is_turned(frame: VideoFrame) -> bool:
    return SideDataType.DISPLAYMATRIX in frame.side_data
