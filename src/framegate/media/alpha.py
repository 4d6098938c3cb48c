"""Pictures with an alpha channel over black, as a player that shows nothing behind them does.

Done where frames are decoded, for screening and encoding alike: what only shows once the picture is
composited would otherwise be published without having been looked at.
"""

from __future__ import annotations

from fractions import Fraction

from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from framegate.media.container import vendor_errors
from framegate.media.filters import Line, Shape, shape_of

_DEPTHS = (8, 10, 12)  # bits for which FFmpeg's premultiply has both layouts


class Opaque:
    """Composites the frames of one track over black; frames without alpha pass as they are."""

    def __init__(self, *, full_range: bool) -> None:
        self._range = "pc" if full_range else "tv"
        self._plain: set[str] = set()  # formats known to have no alpha
        self._shape: Shape | None = None
        self._line: Line | None = None

    def show(self, frame: VideoFrame) -> VideoFrame:
        """The frame without alpha, with its PTS. Raises `Undecodable`, `MediaLimit`."""
        if frame.format.name in self._plain:  # nearly every frame there is: nothing else is asked
            return frame
        with vendor_errors("A picture with an alpha channel cannot be shown"):
            if not has_alpha(frame.format):
                self._plain.add(frame.format.name)
                return frame
            shape = shape_of(frame)
            if self._line is None or shape != self._shape:
                self._shape = shape
                self._line = self._build(shape, frame.format)
            (shown,) = self._line.push(frame)
            shown.time_base = frame.time_base
            return shown

    def _build(self, shape: Shape, layout: VideoFormat) -> Line:
        bits = max(component.bits for component in layout.components)
        depth = next((some for some in _DEPTHS if some >= bits), _DEPTHS[-1])
        suffix = "" if depth == _DEPTHS[0] else f"{depth}le"
        is_rgb = layout.is_rgb or layout.has_palette
        with_alpha, without = ("gbrap", "gbrp") if is_rgb else ("yuva444p", "yuv444p")
        steps = [
            # premultiply scales from black, and where that is depends on the range
            ("setparams", f"range={'pc' if is_rgb else self._range}"),
            ("format", with_alpha + suffix),
            ("premultiply", "inplace=1"),
            ("format", without + suffix),
        ]
        return Line(shape, steps, time_base=Fraction(1, 1000))


def has_alpha(layout: VideoFormat) -> bool:
    """Whether pictures of this format have an alpha channel (palettes do)."""
    return layout.has_palette or any(component.is_alpha for component in layout.components)
