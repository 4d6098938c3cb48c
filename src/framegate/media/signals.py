"""Signals of every decoded frame on a tiny luma: cuts, black, freeze, motion.

The formulas are FFmpeg's (``vf_scdet``, ``vf_blackdetect``, ``vf_freezedetect``), computed on the
tiny luma with NumPy: 0.03 ms a frame, where a filter graph on the same tiny frame takes 0.2 ms.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from framegate.media.luma import Tiny

CUT_SCORE = (
    8.0  # scdet score 0..100; its author names 8 to 14, and 6 is the most seen without a cut
)
CUT_RATIO = 3.0  # and so many times the recent mean score: hand-held motion is no cut
BLACK_PIXEL = 0.10  # blackdetect's pixel_black_th: share of the luma range
BLACK_SHARE = 0.98  # blackdetect's picture_black_ratio_th
FREEZE_NOISE = 0.001  # freezedetect's noise: mean difference over the full scale
LASTING_S = Fraction(2)  # shortest black or frozen stretch, as in both filters
_RECENT = 0.8  # weight of the past in the running mean of scores


class Measured(NamedTuple):
    """One frame: ``scene`` 0..100 (scdet), ``luma`` and ``motion`` 0..255 (full range)."""

    scene: float
    luma: float
    motion: float
    cut: bool


class Stretches:
    """Collects [start, end) stretches, in PTS, for which something held at least `LASTING_S`."""

    def __init__(self, shortest_pts: Fraction) -> None:
        # compared with whole ticks, for nearly every frame: a fraction would cost a tenth of it all
        self._shortest = math.ceil(shortest_pts)
        self._start: int | None = None
        self.found: list[tuple[int, int]] = []

    def begin(self, pts: int) -> None:
        """It holds from ``pts`` on, unless it already did."""
        if self._start is None:
            self._start = pts

    def end(self, pts: int) -> None:
        """It holds no more at ``pts``."""
        if self._start is not None and pts - self._start >= self._shortest:
            self.found.append((self._start, pts))
        self._start = None


class _Seen(NamedTuple):
    tiny: Tiny
    total: int  # of its values


class FrameMeter:
    """Measures frames in presentation order."""

    def __init__(self, time_base: Fraction, *, cut_score: float = CUT_SCORE) -> None:
        self._cut_score = cut_score
        self._before: _Seen | None = None
        self._difference_before = 0.0
        self._recent = 0.0
        self._still: _Seen | None = None  # the frame that a freeze is measured against
        self._black = Stretches(LASTING_S / time_base)
        self._freeze = Stretches(LASTING_S / time_base)

    @property
    def black(self) -> list[tuple[int, int]]:
        """Black stretches in PTS; complete after `finish`."""
        return self._black.found

    @property
    def freeze(self) -> list[tuple[int, int]]:
        """Frozen stretches in PTS; complete after `finish`."""
        return self._freeze.found

    def measure(self, pts: int, tiny: Tiny, *, full_range: bool) -> Measured:
        """The signals of one frame; a change of size counts as a cut."""
        low, scale = (0, 1.0) if full_range else (16, 255 / 219)
        now = _Seen(tiny, _total(tiny))
        mean = now.total / tiny.size
        black = low + BLACK_PIXEL * 255 / scale
        # a brighter mean than this cannot have so many black pixels: most frames stop here
        if mean <= BLACK_SHARE * black + (1 - BLACK_SHARE) * 255 and (
            np.count_nonzero(tiny <= black) >= BLACK_SHARE * tiny.size
        ):
            self._black.begin(pts)
        else:
            self._black.end(pts)

        before = self._before
        resized = before is not None and before.tiny.shape != tiny.shape
        if before is None or resized:
            difference, score = 0.0, 100.0 if resized else 0.0
        else:
            difference = _mean_difference(before, now)
            # ff_scdet: min(mafd, |mafd - mafd before|), mafd in percent of the scale
            percent = difference * 100 / 256
            score = min(percent, abs(percent - self._difference_before * 100 / 256), 100.0)
        cut = score >= self._cut_score and score >= CUT_RATIO * self._recent
        self._recent = self._recent * _RECENT + (0 if cut else score) * (1 - _RECENT)
        self._follow_freeze(pts, now, difference)
        self._before, self._difference_before = now, difference
        level = (mean - low) * scale
        return Measured(score, min(max(level, 0.0), 255.0), difference * scale, cut)

    def finish(self, pts: int) -> None:
        """Close what is open; ``pts`` is where the last frame ends."""
        self._black.end(pts)
        self._freeze.end(pts)

    def _follow_freeze(self, pts: int, now: _Seen, difference: float) -> None:
        """Against the first frame of the still stretch, as freezedetect does: slow pans move."""
        still = self._still
        if still is None or still.tiny.shape != now.tiny.shape:
            moved = True
        else:
            if still is not self._before:
                difference = _mean_difference(still, now)
            moved = difference > FREEZE_NOISE * 255
        if moved:
            self._freeze.end(pts)
            self._freeze.begin(pts)
            self._still = now


def _mean_difference(one: _Seen, other: _Seen) -> float:
    """Mean absolute difference: |a - b| is 2 max(a, b) - a - b, and both totals are known."""
    greater = _total(np.maximum(one.tiny, other.tiny))
    return (2 * greater - one.total - other.total) / one.tiny.size


def _total(tiny: Tiny) -> int:
    # reduced flat and without NumPy's own method in between: half the time, the same sum
    return int(np.add.reduce(tiny.ravel(), dtype=np.uint32))
