"""Frame rate and duration from presentation timestamps. Pure and exact.

A container's clock may be too coarse for its frame rate (Matroska counts milliseconds), so the
rate is the simplest one whose grid passes within a tick of every timestamp.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from framegate.domain.media import FrameRate
from framegate.domain.span import Span

_NTSC = tuple(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120, 15))
STANDARD = (*_NTSC, *(Fraction(n) for n in range(1, 241)), Fraction(25, 2), Fraction(15, 2))
FASTEST = 1000  # frames a second; a claim beyond it is a clock, not a rate
_VARIES = Fraction(2, 100)
_MOSTLY = 0.9  # share of ordinary intervals that makes a track steady with gaps
LEAP_S = 10
LEAP_FRAMES = 20
FILM_RATES = (Fraction(24000, 1001), Fraction(24))
FIELDS_OF_FILM = 2.5  # fields that a frame of film lasts, on average
PULLDOWN_LEAST = 8  # intervals that show that two and three fields alternate
_PLAIN = 10_000  # largest denominator of a rate that is a number and not an average


@dataclass(frozen=True, slots=True)
class Timing:
    """``duration`` from the first timestamp to the end of the last frame, s. ``pulldown``: frames
    last two and three fields in turn; the rate is then the film's, and not variable.
    """

    frame_rate: FrameRate
    duration: Fraction
    pulldown: bool = False


def distinct(pts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ascending and without repeats. (`numpy.unique` imports at its first call, which a sandboxed
    child cannot.)
    """
    ordered = np.sort(pts)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]


def measure_timing(
    pts: NDArray[np.int64],
    time_base: Fraction,
    *,
    claimed: Fraction | None,
    last_ticks: int | None,
) -> Timing:
    """``pts``: at least one, ascending, distinct. ``claimed``: the header's rate.

    ``last_ticks``: how long the container says the last frame is shown; None where it does not.
    """
    if claimed is not None and not 0 < claimed <= FASTEST:
        claimed = None
    if pts.size == 1:
        return _single(time_base, claimed, last_ticks)
    intervals = np.diff(pts)
    low, high = int(intervals.min()), int(intervals.max())
    median = Fraction(int(np.median(intervals)))
    variable = high - low > 1 and high - low > _VARIES * median
    span = Fraction(int(pts[-1] - pts[0]))
    nominal = median
    rate: Fraction | None = None
    if not variable:
        rate = _constant_rate(pts, time_base, claimed)
        nominal = 1 / (rate * time_base)
        span = (int(pts.size) - 1) * nominal  # the rate is exact, the timestamps are rounded
    elif (film := _film_rate(pts, time_base)) is not None:
        length = int(pts.size) / film
        interval = FrameRate(claimed, film, False, low * time_base, high * time_base)
        return Timing(interval, length, pulldown=True)
    elif np.count_nonzero(np.abs(intervals - float(median)) <= 1) >= _MOSTLY * intervals.size:
        # a steady clock that lost some frames: the rest still lies on its grid
        rate = _gappy_rate(pts, time_base, claimed, median)
        nominal = 1 / (rate * time_base) if rate is not None else median
    last = nominal
    if last_ticks is not None and abs(last_ticks - nominal) > 1:
        last = Fraction(last_ticks)
    duration = (span + last) * time_base
    return Timing(
        FrameRate(
            claimed=claimed,
            measured=rate if rate is not None else int(pts.size) / duration,
            variable=variable,
            shortest_interval=low * time_base,
            longest_interval=max(Fraction(high), last) * time_base,
        ),
        duration,
    )


def leaps(pts: NDArray[np.int64], time_base: Fraction) -> list[Span]:
    """Where the picture stands still because the timestamps jump: longer than `LEAP_S` and than
    `LEAP_FRAMES` frames as they usually come. ``pts``: ascending, distinct.

    FFmpeg too takes ten seconds for a discontinuity (``-dts_delta_threshold``); a slide show whose
    pictures stay so long has none.
    """
    if pts.size < 2:  # noqa: PLR2004 - a jump has two ends
        return []
    intervals = np.diff(pts)
    least = max(LEAP_S / time_base, LEAP_FRAMES * Fraction(int(np.median(intervals))))
    return [
        Span(int(pts[at] - pts[0]) * time_base, int(pts[at + 1] - pts[0]) * time_base)
        for at in np.flatnonzero(intervals > float(least))
    ]


def _single(time_base: Fraction, claimed: Fraction | None, last_ticks: int | None) -> Timing:
    interval = last_ticks * time_base if last_ticks else 1 / (claimed or Fraction(25))
    rate = claimed or min(1 / interval, Fraction(FASTEST))
    return Timing(FrameRate(claimed, rate, False, interval, interval), interval)


def _constant_rate(
    pts: NDArray[np.int64], time_base: Fraction, claimed: Fraction | None
) -> Fraction:
    count = int(pts.size) - 1
    exact = Fraction(count) / (int(pts[-1] - pts[0]) * time_base)
    standard = sorted(
        (rate for rate in STANDARD if abs(rate / exact - 1) < _VARIES),
        key=lambda rate: (rate != claimed, abs(rate - exact)),
    )
    candidates = [*standard, claimed or exact]
    if exact.denominator <= _PLAIN:
        candidates.append(exact)
    simple = exact.limit_denominator(1001)
    for rate in (*candidates, simple):
        if rate > 0 and _fits(pts, 1 / (rate * time_base)):
            return rate
    return exact


def _film_rate(pts: NDArray[np.int64], time_base: Fraction) -> Fraction | None:
    """24 or 24000/1001 where frames last two and three fields in turn (soft 3:2 pulldown)."""
    intervals = np.diff(pts).astype(np.float64)
    field = float(intervals.mean()) / FIELDS_OF_FILM
    rate = 1 / (FIELDS_OF_FILM * Fraction(field) * time_base)
    near = min(FILM_RATES, key=lambda one: abs(one - rate))
    if intervals.size < PULLDOWN_LEAST or abs(near / rate - 1) > _VARIES:
        return None
    counts = np.rint(intervals / field)
    close = np.abs(intervals - counts * field) <= 1 + field / 10
    regular = close & ((counts == 2) | (counts == 3))  # noqa: PLR2004 - fields of a frame
    turns = counts[1:] != counts[:-1]
    if regular.mean() < _MOSTLY or turns.mean() < _MOSTLY:
        return None
    return near


def _gappy_rate(
    pts: NDArray[np.int64], time_base: Fraction, claimed: Fraction | None, median: Fraction
) -> Fraction | None:
    """The rate on whose grid every timestamp lies although some places are empty."""
    guess: Fraction = 1 / (median * time_base)
    near = [rate for rate in STANDARD if abs(rate / guess - 1) < _VARIES]
    near.sort(key=lambda rate: (rate != claimed, abs(rate - guess)))
    for rate in (*near, guess):
        ticks = float(1 / (rate * time_base))
        places = np.rint((pts - pts[0]) / ticks)
        if np.abs((pts - pts[0]) - places * ticks).max() <= 1 + 1e-3:
            return rate
    return None


def _fits(pts: NDArray[np.int64], ticks: Fraction) -> bool:
    """Whether the grid of ``ticks`` a frame, from the first timestamp, passes within one tick.

    Floats are enough: 4 million frames of a nanosecond clock still leave 1e-3 of a tick.
    """
    grid = np.arange(pts.size, dtype=np.float64) * float(ticks)
    return bool(np.abs((pts - pts[0]) - grid).max() <= 1 + 1e-3)
