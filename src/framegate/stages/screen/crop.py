"""Black bars: where the active picture is, from previews alone.

A bar must be black, even, and end in an edge; a dark scene has none of these for certain. Within a
shot the active area only grows: one bright sample shows that a "bar" was a dark wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framegate.domain.frames import Pixels

BLACK = 28  # levels: limited-range black, its noise and ringing after conversion
EVEN = 3.0  # levels of standard deviation inside a bar
EDGE = 12.0  # levels of mean between the bar and the line inside it
THINNEST = 0.015  # of the side: thinner bars change no score
THICKEST = 0.45  # of the side, each
LIT = 40  # levels; with less than `LIT_SHARE` of the picture at it, it is too dark to tell bars in
LIT_SHARE = 0.05
ALIKE = 0.03  # of the side: how far two opposite bars may differ


@dataclass(frozen=True, slots=True)
class Box:
    """Rows [top, bottom) and columns [left, right) of a preview."""

    top: int
    bottom: int
    left: int
    right: int

    def grown_to(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
        )

    def of(self, pixels: Pixels) -> Pixels:
        """The part of ``pixels`` inside; a view."""
        return pixels[self.top : self.bottom, self.left : self.right]


class BarFinder:
    """Feed it samples in order; all previews of a video have one size."""

    def __init__(self) -> None:
        self._shot = -1
        self._box: Box | None = None  # of the current shot

    def active(self, shot: int, pixels: Pixels) -> Box:
        """Where the picture is in this sample, judged with the samples before it in its shot."""
        if shot != self._shot:
            self._shot, self._box = shot, None
        height, width = pixels.shape[:2]
        seen = find_box(pixels)
        if seen is None:  # too dark to tell: what the shot showed before, else everything
            return self._box or Box(0, height, 0, width)
        self._box = seen if self._box is None else self._box.grown_to(seen)
        return self._box


def find_box(pixels: Pixels) -> Box | None:
    """The active area of one RGB preview; None when it is too dark to tell."""
    picked = _light(pixels[::4, ::4])
    if np.count_nonzero(picked >= LIT) < LIT_SHARE * picked.size:
        return None
    height, width = pixels.shape[:2]
    top, bottom = _bars(pixels)
    left, right = _bars(pixels[top : height - bottom].swapaxes(0, 1))
    return Box(top, height - bottom, left, width - right)


def _light(pixels: Pixels) -> NDArray[np.uint8]:
    """The brightest channel of every pixel."""
    return np.maximum(np.maximum(pixels[:, :, 0], pixels[:, :, 1]), pixels[:, :, 2])


def _bars(lines: Pixels) -> tuple[int, int]:
    """Thickness of the bars at the first and at the last lines; both or none, and about alike."""
    if max(lines[0].max(), lines[-1].max()) > BLACK:
        return 0, 0  # most pictures have no bars: done after two lines
    light = _light(lines)
    size = light.shape[0]
    peak = light.max(axis=1)
    first, last = _run(light, peak <= BLACK), _run(light[::-1], peak[::-1] <= BLACK)
    thick = min(first, last)
    if thick < max(1, THINNEST * size) or max(first, last) > THICKEST * size:
        return 0, 0
    if abs(first - last) > max(2, ALIKE * size):
        return 0, 0
    inside = min(size - 1, first + 2), max(0, size - 1 - last - 2)
    edges = (
        light[inside[0]].mean() - light[first - 1].mean(),
        light[inside[1]].mean() - light[size - last].mean(),
    )
    return (first, last) if min(edges) >= EDGE else (0, 0)


def _run(light: NDArray[np.uint8], dark: NDArray[np.bool_]) -> int:
    """How many rows at the top are dark, and even."""
    lit = np.flatnonzero(~dark)
    rows = int(lit[0]) if lit.size else dark.size
    uneven = np.flatnonzero(light[:rows].std(axis=1, dtype=np.float32) > EVEN)
    return int(uneven[0]) if uneven.size else rows
