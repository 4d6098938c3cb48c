"""What a size gives at each CRF, from a few trial points. Pure.

Between the points both numbers are interpolated where they are nearly straight lines: the logarithm
of the bitrate, and the logarithm of what VMAF lacks to `WHOLE`, over the CRF. The interpolation is
piecewise cubic and monotone (Fritsch and Carlson, SIAM J. Numer. Anal. 17, 1980), so a better
picture never comes out cheaper than a worse one. Beyond the outer points, for at most `BEYOND` of
their distance, it goes on straight.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log

from framegate.domain.pertitle import TrialPoint

WHOLE = 101.0  # just above the highest VMAF, so that its logarithm exists
STEP = 0.25  # of CRF; finer makes no difference that can be seen or counted
BEYOND = 0.3
LEAST_FALL = 1e-6  # in logarithms: what noise makes rise is taken as level


@dataclass(frozen=True, slots=True)
class Operating:
    """One size at one CRF. ``bitrate`` in bit/s."""

    rendition: str
    crf: float
    bitrate: float
    vmaf: float

    @property
    def log_rate(self) -> float:
        """Natural logarithm of the bitrate."""
        return log(self.bitrate)


def operating_points(points: Sequence[TrialPoint], *, step: float = STEP) -> tuple[Operating, ...]:
    """Every ``step`` of CRF over the range of a size's trial points, lowest CRF first: bitrate and
    VMAF never rise. ``points`` are of one size, at least one; CRFs differ.
    """
    ordered = sorted(points, key=lambda point: point.crf)
    crfs = [point.crf for point in ordered]
    rates = _falling([log(max(1, point.bitrate)) for point in ordered])
    lacks = _falling([-log(WHOLE - min(100.0, max(0.0, point.vmaf))) for point in ordered])
    return tuple(
        Operating(
            rendition=ordered[0].rendition,
            crf=crf,
            bitrate=exp(interpolate(crfs, rates, crf)),
            vmaf=min(100.0, max(0.0, WHOLE - exp(-interpolate(crfs, lacks, crf)))),
        )
        for crf in _grid(crfs, step)
    )


def interpolate(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """Monotone cubic through the points, straight beyond them; ``xs`` strictly ascend."""
    if len(xs) == 1:
        return ys[0]
    widths = [b - a for a, b in pairwise(xs)]
    rises = [(b - a) / w for (a, b), w in zip(pairwise(ys), widths, strict=True)]
    slopes = _slopes(widths, rises)
    if x <= xs[0]:
        return ys[0] + rises[0] * (x - xs[0])
    if x >= xs[-1]:
        return ys[-1] + rises[-1] * (x - xs[-1])
    at = bisect_right(xs, x) - 1
    width, t = widths[at], (x - xs[at]) / widths[at]
    u = 1 - t
    return (
        ys[at] * (1 + 2 * t) * u * u
        + slopes[at] * width * t * u * u
        + ys[at + 1] * t * t * (3 - 2 * t)
        - slopes[at + 1] * width * t * t * u
    )


def _slopes(widths: Sequence[float], rises: Sequence[float]) -> list[float]:
    """At each point: the weighted harmonic mean of the two rises beside it, 0 at a turn."""
    slopes = [rises[0]]
    for (w0, w1), (d0, d1) in zip(pairwise(widths), pairwise(rises), strict=True):
        if d0 * d1 <= 0:
            slopes.append(0.0)
        else:
            a, b = 2 * w1 + w0, w1 + 2 * w0
            slopes.append((a + b) / (a / d0 + b / d1))
    return [*slopes, rises[-1]]


def _falling(values: Sequence[float]) -> list[float]:
    fallen: list[float] = []
    for value in values:
        fallen.append(min(value, fallen[-1] - LEAST_FALL) if fallen else value)
    return fallen


def _grid(crfs: Sequence[float], step: float) -> Iterator[float]:
    beyond = BEYOND * (crfs[-1] - crfs[0])
    first = int(max(1.0, crfs[0] - beyond) / step)
    last = int((crfs[-1] + beyond) / step)
    for number in range(first, last + 1):
        yield number * step
