"""From a decoded frame to the preview that analysers and people see.

Upright, square pixels, clean aperture only, long side at most 640 px, full-range RGB with the
right matrix. PQ and HLG are tone-mapped to BT.709 by swscale's perceptual intent.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import av.filter
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from framegate.domain.frames import PREVIEW_LONG_SIDE
from framegate.domain.media import HLG_TRANSFER, PQ_TRANSFER, VideoFacts
from framegate.media.container import vendor_errors

type Rgb = NDArray[np.uint8]  # (height, width, 3)

MATRICES = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 5, "smpte240m": 7, "bt2020nc": 9}
"""H.273 matrix names to swscale's numbers (SWS_CS_*); constant luminance is shown as not."""
_H273_MATRICES = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "bt2020nc": 9}
_H273_TRANSFERS = {PQ_TRANSFER: 16, HLG_TRANSFER: 18}
_BT2020 = 9
_LIMITED, _FULL = 1, 2  # AVColorRange
_SHORTEST = 16  # px: extreme aspect ratios are squeezed rather than lost


@dataclass(frozen=True, slots=True)
class View:
    """How the frames of a track must be shown."""

    width: int
    height: int
    crop: tuple[int, int, int, int]  # left, top, right, bottom
    sample_aspect: Fraction
    clockwise_deg: int
    flip_horizontal: bool
    matrix: str
    full_range: bool
    transfer: str | None  # of HDR, else None
    long_side: int

    @classmethod
    def of(cls, video: VideoFacts) -> Self:
        """As the facts say."""
        crop = video.clean_aperture
        return cls(
            width=video.width,
            height=video.height,
            crop=(crop.left, crop.top, crop.right, crop.bottom),
            sample_aspect=video.sample_aspect,
            clockwise_deg=video.rotation.clockwise_deg,
            flip_horizontal=video.rotation.flip_horizontal,
            matrix=video.colour.matrix,
            full_range=video.colour.full_range,
            transfer=video.hdr_transfer,
            long_side=PREVIEW_LONG_SIDE,
        )

    def scaled(self) -> tuple[int, int, slice, slice]:
        """Width and height that the whole coded frame is scaled to (never up), and the rows and
        columns of that which are shown, before turning.
        """
        left, top, right, bottom = self.crop
        shown_width = (self.width - left - right) * self.sample_aspect
        shown_height = Fraction(self.height - top - bottom)
        shrink = min(Fraction(1), self.long_side / max(shown_width, shown_height))
        across, down = shrink * self.sample_aspect, shrink
        width = max(_SHORTEST, round(shown_width * shrink))
        height = max(_SHORTEST, round(shown_height * shrink))
        first_column, first_row = round(left * across), round(top * down)
        return (
            max(first_column + width, round(self.width * across)),
            max(first_row + height, round(self.height * down)),
            slice(first_row, first_row + height),
            slice(first_column, first_column + width),
        )


class Previewer:
    """Makes previews of one track; all have the same size, whatever the frames have.

    The clean aperture is of frames of the track's own size. One of another size is shown whole, as
    the encode publishes it.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._width, self._height, self._rows, self._columns = view.scaled()
        self._scaler = VideoReformatter()
        self._converter = VideoReformatter()
        self._mapper: _ToneMapper | None = None

    def make(self, frame: VideoFrame) -> Rgb:
        """(height, width, 3) RGB, any strides. Raises `Undecodable`, `MediaLimit`."""
        view = self._view
        rows, columns = self._rows, self._columns
        size = (self._width, self._height)
        if (frame.width, frame.height) != (view.width, view.height):
            size = (columns.stop - columns.start, rows.stop - rows.start)
            rows = columns = slice(None)
        with vendor_errors("A preview cannot be made"):
            picture = self._tone_map(frame, size) if view.transfer else self._convert(frame, size)
            plane = picture.planes[0]
            pixels: Rgb = np.ndarray(  # a view; the only copy is the one into the ring
                (picture.height, picture.width, 3),
                np.uint8,
                memoryview(plane),
                strides=(plane.line_size, 3, 1),
            )
        shown = pixels[rows, columns]
        if view.flip_horizontal:
            shown = shown[:, ::-1]
        return np.rot90(shown, -(view.clockwise_deg // 90))

    def _convert(self, frame: VideoFrame, size: tuple[int, int]) -> VideoFrame:
        """Scale first, in 4:2:0, then convert the small picture: half the cost of doing both in
        one pass, within 1.5 levels of it.
        """
        view = self._view
        matrix = MATRICES.get(view.matrix, MATRICES["bt709"])
        source_range = _FULL if view.full_range else _LIMITED
        if frame.format.is_planar and frame.format.components[0].is_luma:
            frame = self._scaler.reformat(
                frame,
                *size,
                "yuv420p",
                src_colorspace=matrix,
                dst_colorspace=matrix,
                src_color_range=source_range,
                dst_color_range=source_range,
                interpolation=Interpolation.AREA,
                threads=1,
            )
        return self._converter.reformat(
            frame,
            *size,
            "rgb24",
            src_colorspace=matrix,
            src_color_range=source_range,
            dst_color_range=_FULL,
            interpolation=Interpolation.AREA,
            threads=1,
        )

    def _tone_map(self, frame: VideoFrame, size: tuple[int, int]) -> VideoFrame:
        layout = (frame.width, frame.height, frame.format.name)
        if self._mapper is None or self._mapper.layout != layout:
            self._mapper = _ToneMapper(frame, self._view, *size)
        return self._mapper.map(frame)


class _ToneMapper:
    """HDR to SDR through the scale filter: only there is swscale's intent a choice."""

    def __init__(self, frame: VideoFrame, view: View, width: int, height: int) -> None:
        self.layout = (frame.width, frame.height, frame.format.name)
        self._view = view
        graph: Any = av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=Fraction(1, 1000),
        )
        scale = graph.add(
            "scale",
            f"w={width}:h={height}:flags=area:intent=perceptual:out_color_matrix=bt709:"
            "out_primaries=bt709:out_transfer=bt709:out_range=full",
        )
        layout = graph.add("format", "pix_fmts=rgb24")
        sink = graph.add("buffersink")
        source.link_to(scale)
        scale.link_to(layout)
        layout.link_to(sink)
        graph.configure()
        self._graph = graph

    def map(self, frame: VideoFrame) -> VideoFrame:
        """The frame as SDR RGB."""
        frame.colorspace = _H273_MATRICES.get(self._view.matrix, _BT2020)
        frame.color_trc = _H273_TRANSFERS.get(self._view.transfer or "", 1)
        frame.color_primaries = _BT2020
        frame.color_range = _FULL if self._view.full_range else _LIMITED
        self._graph.push(frame)
        shown: VideoFrame = self._graph.pull()
        return shown
