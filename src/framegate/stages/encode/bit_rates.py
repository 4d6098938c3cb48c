"""Bit rates of tracks, as manifests state them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from framegate.errors import Internal


@dataclass(frozen=True, slots=True)
class Rates:
    """Bit/s of one playlist."""

    mean: int
    peak: int


def measure(sizes: Sequence[int], durations: Sequence[Fraction], target_s: int | Fraction) -> Rates:
    """Mean and peak rate of segments of ``sizes`` bytes (the peak as RFC 8216, 4.3.4.2 has it).

    The mean rounds up and the peak is never under it, which the rule alone does not ensure for
    tracks shorter than half a target duration.
    """
    total = sum(durations, Fraction(0))
    if not sizes or total <= 0:
        raise Internal("A rate cannot be measured", "no segments")
    mean = _rate(sum(sizes), total)
    bits = [0, *accumulate(sizes)]
    time = [Fraction(0), *accumulate(durations)]
    peak = mean
    for first in range(len(sizes)):
        for last in range(first + 1, len(sizes) + 1):
            span = time[last] - time[first]
            if span > Fraction(3, 2) * target_s:
                break
            if span >= Fraction(1, 2) * target_s:
                peak = max(peak, _rate(bits[last] - bits[first], span))
    return Rates(mean, peak)


def _rate(size_bytes: int, duration: Fraction) -> int:
    return -(-size_bytes * 8 * duration.denominator // duration.numerator)
