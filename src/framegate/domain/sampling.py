"""Which frames are looked at: pure, streaming, one frame of look-ahead.

Promise: between two chosen frames (the video's first frame counts as a start) lie at most
``max_gap`` seconds, unless the source itself has no frame in between.

    frame ──► cut? ──yes──► the shot before gets its look if it had none
      │                     the new shot's look waits ``settle`` s (fades, flashes, blends);
      │                     its first frame is kept and taken too if it looks otherwise
      ├─► too late after the last look? ──► take the frame before this one (and this, over a hole)
      ├─► settled? ──► first look at the shot
      └─► unlike the last look, and ``spacing`` s after it? ──► take it
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framegate.domain.frames import SampleReason

type Signature = NDArray[np.float32]
"""A thumbnail of luma block means, 0..255, the same shape for all frames of a video."""


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """``max_gap``, ``settle`` and ``spacing`` in seconds; ``novelty`` in luma levels (0..255), the
    mean absolute difference of two signatures from which two frames count as unlike.
    """

    max_gap: Fraction = Fraction(1)
    settle: Fraction = Fraction(1, 10)
    spacing: Fraction = Fraction(2, 5)
    novelty: float = 12.0

    def __post_init__(self) -> None:
        """Raise ValueError on a rule that cannot be kept."""
        if self.max_gap <= 0 or self.settle < 0 or self.spacing < 0 or self.novelty < 0:
            raise ValueError(f"sampling rule out of range: {self}")

    def largest_gap(self, time_base: Fraction) -> int:
        """``max_gap`` in whole ticks: no difference of integers tells it from the exact value."""
        return math.floor(self.max_gap / time_base)


@dataclass(frozen=True, slots=True, eq=False)
class Chosen[T]:
    """A frame to look at; ``frame`` is what was offered."""

    frame: T
    pts: int
    shot: int
    reason: SampleReason


class _Held[T](NamedTuple):
    frame: T
    pts: int
    shot: int


class Chooser[T]:
    """Offer every decoded frame in presentation order; holds at most two frames.

    ``signature`` is asked for when a frame's picture matters, which is not so of most frames.
    Works on whole PTS ticks: comparing integers costs a hundredth of comparing fractions.
    """

    def __init__(
        self, rule: SamplingRule, time_base: Fraction, signature: Callable[[T], Signature]
    ) -> None:
        self._gap = rule.largest_gap(time_base)
        self._settle = math.ceil(rule.settle / time_base)
        self._spacing = math.ceil(rule.spacing / time_base)
        self._novelty = rule.novelty
        self._signature = signature
        self._shot = -1
        self._now: int | None = None
        self._last = 0  # PTS of the last look
        self._seen: Signature | None = None  # of the last look
        self._pending: _Held[T] | None = None  # the last frame offered, if it was not taken
        self._opening: _Held[T] | None = None  # first frame of a shot that had no look yet

    def offer(self, frame: T, pts: int, *, cut: bool) -> list[Chosen[T]]:
        """Frames to look at now, ascending; at most the ones held and this one. ``pts`` must
        ascend strictly; ``cut`` is the first frame of a new shot.
        """
        if self._now is not None and pts <= self._now:
            raise ValueError(f"frames must ascend: {pts} after {self._now}")
        chosen: list[Chosen[T]] = []
        opens = cut
        if self._now is None:
            opens = True
            self._last = pts
        self._now = pts
        pending, self._pending = self._pending, None
        if opens:
            if pending is not None and self._opening is not None:
                chosen += self._take(pending, SampleReason.SHOT)
                pending = None
            self._shot += 1
        held = _Held(frame, pts, self._shot)
        if pending is not None and self._late(pts):
            chosen += self._take(pending, SampleReason.GAP)
        if opens:
            self._opening = held
        reason = self._reason(held)
        if reason is None:
            self._pending = held
        else:
            chosen += self._take(held, reason)
        return chosen

    def finish(self) -> list[Chosen[T]]:
        """The last frame, if it was not taken."""
        pending, self._pending = self._pending, None
        return [] if pending is None else self._take(pending, SampleReason.LAST)

    def _late(self, pts: int) -> bool:
        return pts - self._last > self._gap

    def _reason(self, held: _Held[T]) -> SampleReason | None:
        if self._late(held.pts):  # only over a hole: the frame before is taken by now
            return SampleReason.GAP
        if self._opening is not None:
            settled = held.pts - self._opening.pts >= self._settle
            return SampleReason.SHOT if settled else None
        if held.pts - self._last >= self._spacing and self._unlike(self._seen, held):
            return SampleReason.NOVELTY
        return None

    def _unlike(self, seen: Signature | None, held: _Held[T]) -> bool:
        if seen is None:
            return False
        difference = np.abs(seen - self._signature(held.frame))
        return float(np.add.reduce(difference, axis=None)) > self._novelty * difference.size

    def _take(self, held: _Held[T], reason: SampleReason) -> list[Chosen[T]]:
        chosen: list[Chosen[T]] = []
        opening = self._opening
        if opening is not None and opening.shot == held.shot:
            self._opening = None
            if opening is not held and self._unlike(self._signature(opening.frame), held):
                # a flash, or a fade from black: the shot's first frame is another picture
                chosen.append(Chosen(opening.frame, opening.pts, opening.shot, SampleReason.SHOT))
                reason = SampleReason.NOVELTY
            elif reason is SampleReason.GAP:
                reason = SampleReason.SHOT
        self._last = held.pts
        self._seen = self._signature(held.frame)
        chosen.append(Chosen(held.frame, held.pts, held.shot, reason))
        return chosen
