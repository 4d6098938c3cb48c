"""The luma of a decoded frame as NumPy sees it, without a copy where the layout allows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from framegate.media.container import vendor_errors

type Plane = NDArray[np.uint8] | NDArray[np.uint16]
type Tiny = NDArray[np.uint8]

TINY_WIDTH = 160  # px: enough for cuts, black and freeze; 14,400 values of a 16:9 frame
SIGNATURE = (9, 16)  # rows, columns of block means

_GREY = frozenset({"gray", "gray10le", "gray12le", "gray14le", "gray16le", "nv12", "nv21", "nv16"})
_DEEP = 8  # bits; deeper components take two bytes
_BYTE, _TWO_BYTES = np.dtype(np.uint8), np.dtype("<u2")


class Luma(NamedTuple):
    """``plane`` is a view (height, width) on the frame; values of ``bits`` bits."""

    plane: Plane
    bits: int
    full_range: bool  # else 16..235, times 2 ** (bits - 8)


class LumaReader:
    """Reads luma of the frames of one track; layouts may change on the way.

    ``full_range`` is what the track's facts say; converted layouts are always full range.
    """

    def __init__(self, *, full_range: bool) -> None:
        self._full_range = full_range
        self._reformatter = VideoReformatter()
        self._direct: dict[str, int] = {}

    def read(self, frame: VideoFrame) -> Luma:
        """Luma at source resolution; other layouts (RGB, packed) become 8-bit grey first.

        Raises `Undecodable`, `MediaLimit`.
        """
        layout = frame.format.name
        bits = self._direct.get(layout)
        if bits is None:
            bits = self._direct[layout] = _direct_bits(frame.format)
        full_range = self._full_range
        if not bits:
            # swscale's grey is full range whatever comes in
            with vendor_errors("A frame cannot be read"):
                frame = self._reformatter.reformat(frame, format="gray")
            bits, full_range = _DEEP, True
        return Luma(values_of(frame, 0, bits), bits, full_range)


def values_of(frame: VideoFrame, index: int, bits: int) -> Plane:
    """(height, width) of one plane that holds a single component of ``bits`` bits; a view."""
    plane: Any = VideoPlane(frame, index)  # `frame.planes` would make all of them
    kind = _BYTE if bits <= _DEEP else _TWO_BYTES
    picture: NDArray[Any] = np.ndarray(
        (plane.height, plane.width), kind, plane, strides=(plane.line_size, kind.itemsize)
    )
    return picture


def _direct_bits(layout: VideoFormat) -> int:
    """Bits of a format whose plane 0 is luma that can be read as it is, 0 for others."""
    component = layout.components[0]
    readable = layout.name in _GREY or (
        layout.is_planar
        and not layout.is_rgb
        and component.plane == 0
        and not layout.name.startswith(("p0", "p2", "p4"))  # semi-planar, shifted up
    )
    return component.bits if readable and not layout.is_big_endian else 0


def shrink(luma: Luma) -> Tiny:
    """Every n-th pixel of every n-th row, about `TINY_WIDTH` wide, 8 bits, contiguous.

    A mean over it estimates the mean over the whole frame, which is all that scdet, blackdetect
    and freezedetect take; nothing is smoothed away.
    """
    plane = luma.plane
    step = max(1, min(plane.shape[1] // TINY_WIDTH, plane.shape[0] // SIGNATURE[0]))
    picked = plane[step // 2 :: step, step // 2 :: step]
    if luma.bits > _DEEP:
        return (picked >> (luma.bits - _DEEP)).astype(np.uint8)
    return np.array(picked, np.uint8)


def fields_of(luma: Luma) -> tuple[Tiny, Tiny]:
    """Both fields of an interlaced frame, each as `shrink` makes it small: rows 0, 2, 4 … and 1, 3,
    5 …, of one shape.
    """
    rows = luma.plane.shape[0] // 2 * 2
    top, bottom = luma.plane[0:rows:2], luma.plane[1:rows:2]
    return (
        shrink(Luma(top, luma.bits, luma.full_range)),
        shrink(Luma(bottom, luma.bits, luma.full_range)),
    )


class Pooling:
    """Block means of a tiny luma, `SIGNATURE` blocks, for any tiny shape."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = (0, 0)
        self._rows = np.zeros((0, 0), np.float32)
        self._columns = np.zeros((0, 0), np.float32)

    def signature(self, tiny: Tiny) -> NDArray[np.float32]:
        """(9, 16) float32, 0..255."""
        if tiny.shape != self._shape:
            self._shape = tiny.shape
            self._rows = _blocks(tiny.shape[0], SIGNATURE[0])
            self._columns = _blocks(tiny.shape[1], SIGNATURE[1]).T.copy()
        return self._rows @ tiny.astype(np.float32) @ self._columns


def _blocks(size: int, blocks: int) -> NDArray[np.float32]:
    """(blocks, size) weights that average; small pictures share pixels between blocks."""
    weights = np.zeros((blocks, size), np.float32)
    for block in range(blocks):
        first = min(block * size // blocks, size - 1)
        last = max(first + 1, (block + 1) * size // blocks)
        weights[block, first:last] = 1 / (last - first)
    return weights
