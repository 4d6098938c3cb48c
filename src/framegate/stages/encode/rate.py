"""The output's constant frame rate from the source's, whatever that is. Pure."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from framegate.domain.media import FrameRate

STANDARD_RATES = tuple(
    Fraction(n, d)
    for n, d in (
        (12, 1), (15, 1), (24000, 1001), (24, 1), (25, 1),
        (30000, 1001), (30, 1), (48, 1), (50, 1), (60000, 1001), (60, 1),
    )
)  # fmt: skip
MAX_RATE = Fraction(60)
RATE_TOLERANCE = Fraction(1, 1000)  # 24 and 24000/1001 are exactly this far apart

MOST_DROPPED = Fraction(3, 2)
"""How far the densest frames of a variable rate may lie above its mean to be its grid: a camera
that drops every third frame. A lone short interval is no grid."""


def output_rate(rate: FrameRate) -> Fraction:
    """Output frame rate: the source's where it is constant and not above `MAX_RATE`."""
    measured = rate.measured
    if rate.variable:
        return _constant(measured, 1 / rate.shortest_interval)
    chosen = measured
    for candidate in (rate.claimed, *STANDARD_RATES):
        # containers with millisecond ticks measure 23.976 as 23.98: the claim or the standard
        # rate that it stands for is the exact one
        if candidate and abs(candidate - measured) < candidate * RATE_TOLERANCE / 2:
            chosen = candidate
            break
    else:
        chosen = measured.limit_denominator(1001)
    if chosen > MAX_RATE:
        return chosen / ceil(chosen / MAX_RATE)  # every second, third … frame: even motion
    return chosen


def _constant(mean: Fraction, peak: Fraction) -> Fraction:
    """The constant rate for a variable one: the grid that frames were dropped from, where the
    densest frames show it; else the standard rate at or above the mean, so that few are lost.
    """
    near = min(STANDARD_RATES, key=lambda standard: (abs(standard - peak), standard))
    if abs(near - peak) <= near * RATE_TOLERANCE and peak <= mean * MOST_DROPPED:
        return near
    enough = [rate for rate in STANDARD_RATES if rate >= mean * (1 - RATE_TOLERANCE)]
    return min(enough, default=max(STANDARD_RATES))
