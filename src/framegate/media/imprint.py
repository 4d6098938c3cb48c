"""The imprint of a decoded frame: block means of luma and both colour differences.

Screening takes it of the frames that analysers saw, the encode of every frame it decodes; both from
the frame as the decoder gave it, so that the same pixels give the same values.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from framegate.domain.imprint import COLUMNS, PLANES, ROWS, Codes, record
from framegate.media.container import vendor_errors
from framegate.media.luma import Luma, LumaReader, Pooling, Tiny, shrink, values_of
from framegate.media.writing import explained

_GREY = 128  # both colour differences of a picture without colour
_AT_ONCE = 64  # records a write: 28 kB
_EIGHT = (8, 8, 8)  # bits
_SMALL = (160, 90)  # px, of a frame whose colour can only be read by converting it


class Imprinter:
    """Takes the imprints of one track's frames; layouts and sizes may change on the way."""

    def __init__(self) -> None:
        # the range does not matter: values are compared with each other alone
        self._reader = LumaReader(full_range=True)
        self._pools = (Pooling(), Pooling())  # of luma, of colour: each keeps its weights
        self._converter = VideoReformatter()
        self._direct: dict[str, Sequence[int]] = {}

    def take(self, frame: VideoFrame) -> Codes:
        """(`PLANES`, `ROWS`, `COLUMNS`) uint8. Raises `Undecodable`, `MediaLimit`."""
        of_luma, of_colour = self._pools
        codes = np.empty((PLANES, ROWS, COLUMNS), np.uint8)
        layout = frame.format.name
        bits = self._direct.get(layout)
        if bits is None:
            bits = self._direct[layout] = _direct_bits(frame.format)
        if len(bits) == 1:
            codes[0] = _rounded(of_luma, shrink(self._reader.read(frame)))
            codes[1:] = _GREY
            return codes
        if not bits:
            with vendor_errors("A frame cannot be read"):
                frame = self._converter.reformat(
                    frame, *_SMALL, "yuv444p", interpolation=Interpolation.POINT, threads=1
                )
            bits = _EIGHT
        for index, pool in enumerate((of_luma, of_colour, of_colour)):
            plane = values_of(frame, index, bits[index])
            codes[index] = _rounded(pool, shrink(Luma(plane, bits[index], full_range=True)))
        return codes


def _direct_bits(layout: VideoFormat) -> Sequence[int]:
    """Bits of each plane of a format that can be read as it is; of luma alone where there is no
    more; none for a format that must be converted.
    """
    parts = layout.components
    if len(parts) < PLANES:
        return (parts[0].bits,)
    planar = layout.is_planar and not layout.is_rgb and not layout.is_big_endian
    own = [part.plane for part in parts[:PLANES]] == [0, 1, 2]
    return tuple(part.bits for part in parts[:PLANES]) if planar and own else ()


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


def _rounded(pooling: Pooling, tiny: Tiny) -> Tiny:
    return np.rint(pooling.signature(tiny)).astype(np.uint8)
