"""The imprint of a decoded frame: block means of luma and both colour differences.

Screening takes it of the frames that analysers saw, the encode of every frame it decodes; both from
the frame as the decoder gave it, so that the same pixels give the same values.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from framegate.domain.imprint import COLUMNS, PLANES, ROWS, Codes, record
from framegate.media.container import vendor_errors
from framegate.media.luma import Luma, LumaReader, Pooling, Tiny, shrink
from framegate.media.writing import explained

_GREY = 128  # both colour differences of a picture without colour
_AT_ONCE = 64  # records a write: 28 kB
_SMALL = (160, 90)  # px, of a frame whose colour can only be read by converting it


class Imprinter:
    """Takes the imprints of one track's frames; layouts and sizes may change on the way."""

    def __init__(self) -> None:
        # the range does not matter: values are compared with each other alone
        self._reader = LumaReader(full_range=True)
        self._pools = (Pooling(), Pooling())  # of luma, of colour: each keeps its weights
        self._converter = VideoReformatter()

    def take(self, frame: VideoFrame) -> Codes:
        """(`PLANES`, `ROWS`, `COLUMNS`) uint8. Raises `Undecodable`, `MediaLimit`."""
        of_luma, of_colour = self._pools
        codes = np.empty((PLANES, ROWS, COLUMNS), np.uint8)
        layout = frame.format
        parts = layout.components
        if len(parts) < 3:  # noqa: PLR2004 - luma and two colour differences
            codes[0] = _rounded(of_luma, shrink(self._reader.read(frame)))
            codes[1:] = _GREY
            return codes
        planar = layout.is_planar and not layout.is_rgb and not layout.is_big_endian
        if not planar or [parts[n].plane for n in range(3)] != [0, 1, 2]:
            with vendor_errors("A frame cannot be read"):
                frame = self._converter.reformat(
                    frame, *_SMALL, "yuv444p", interpolation=Interpolation.POINT, threads=1
                )
            parts = frame.format.components
        codes[0] = _rounded(of_luma, shrink(_plane(frame, 0, parts[0].bits)))
        for index in (1, 2):
            codes[index] = _rounded(of_colour, shrink(_plane(frame, index, parts[index].bits)))
        return codes


class ImprintFile:
    """Imprints of frames, written to a descriptor in the order they come."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._imprinter = Imprinter()
        self._waiting: list[bytes] = []

    def keep(self, frame: VideoFrame) -> None:
        """Take one frame's imprint. Raises `DiskFull`, `Internal`, and what `Imprinter` raises."""
        self._waiting.append(record(frame.pts or 0, self._imprinter.take(frame)))
        if len(self._waiting) >= _AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Write what waits."""
        rest = memoryview(b"".join(self._waiting))
        self._waiting.clear()
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            raise explained(error, "The imprints") from error


def _plane(frame: VideoFrame, index: int, bits: int) -> Luma:
    plane = frame.planes[index]
    kind = np.uint8 if bits <= 8 else np.dtype("<u2")  # noqa: PLR2004 - bits of a byte
    values: NDArray[Any] = np.frombuffer(plane, kind)
    row = plane.line_size // values.itemsize
    picture = values[: row * plane.height].reshape(plane.height, row)[:, : plane.width]
    return Luma(picture, bits, full_range=True)


def _rounded(pooling: Pooling, tiny: Tiny) -> Tiny:
    return np.rint(pooling.signature(tiny)).astype(np.uint8)
