"""What the output's pictures are made of, and how many there are a second. Pure.

Every output has a constant rate. What video engineers expect of each kind of source:

- constant: its exact rate (24000/1001 stays 24000/1001), up to `MAX_RATE`; above, every second,
  third … picture;
- interlaced: a picture for each field (25 frames become 50 pictures), where that many are allowed:
  half of the motion is thrown away otherwise;
- 3:2 telecined film: the film's own pictures, 24000/1001 a second;
- variable: the nearest standard rate (decision 5).

Rungs of `LOW_LINES` and below take every second picture above `LOW_RATE`.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from framegate.domain.ladder import Fields, FieldWork
from framegate.domain.media import INTERLACED_LEAST, FieldOrder, FrameRate, Telecine, VideoFacts

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

LOW_LINES = 360
LOW_RATE = Fraction(30)
"""The most pictures a second for `LOW_LINES` and below, as Apple's HLS Authoring Specification has
it: bits are better spent on sharpness there, and weak devices play these rungs."""

FILM = Fraction(4, 5)  # pictures that make a frame of 3:2 pulldown


def field_work(video: VideoFacts, lines: int) -> Fields:
    """What to do about fields. ``lines`` are the largest rung's, on its short side.

    The measure counts; flags only where nothing moved enough to be measured.
    """
    order = video.field_order_measured
    if order not in (FieldOrder.TOP_FIRST, FieldOrder.BOTTOM_FIRST):
        order = video.field_order_claimed
    if order is FieldOrder.PROGRESSIVE:
        order = FieldOrder.UNKNOWN
    if video.telecine is Telecine.PICTURES:
        return Fields(FieldWork.FILM, order)
    if video.interlaced_measured >= INTERLACED_LEAST:
        rate = video.frame_rate
        pictures = 2 * _exact(rate)
        doubled = not rate.variable and pictures <= MAX_RATE and _low(pictures, lines) == pictures
        return Fields(FieldWork.FIELDS if doubled else FieldWork.FRAMES, order)
    still = video.field_order_measured is FieldOrder.UNKNOWN
    if still and video.interlaced_flagged > 1 / 2 and video.telecine is Telecine.NONE:
        return Fields(FieldWork.FRAMES, order)
    return Fields()


def output_rate(video: VideoFacts, fields: Fields, lines: int) -> Fraction:
    """Pictures a second of the largest rung, which has ``lines`` lines on its short side."""
    rate = video.frame_rate
    chosen = _constant(rate, video.time_base) if rate.variable else _exact(rate)
    if fields.work is FieldWork.FILM:
        chosen *= FILM
    elif fields.work is FieldWork.FIELDS:
        chosen *= 2
    if chosen > MAX_RATE:
        chosen /= ceil(chosen / MAX_RATE)  # even motion
    return _low(chosen, lines)


def rung_step(rate: Fraction, lines: int) -> int:
    """Of how many pictures of the grid a rung of ``lines`` lines takes one."""
    return int(rate / _low(rate, lines))


def _low(rate: Fraction, lines: int) -> Fraction:
    return rate / ceil(rate / LOW_RATE) if lines <= LOW_LINES else rate


def _exact(rate: FrameRate) -> Fraction:
    """Containers with millisecond ticks measure 23.976 as 23.98: the claim, or the standard rate
    that it stands for, is the exact one.
    """
    for candidate in (rate.claimed, *STANDARD_RATES):
        if candidate and abs(candidate - rate.measured) < candidate * RATE_TOLERANCE / 2:
            return candidate
    return rate.measured.limit_denominator(1001)


def _constant(rate: FrameRate, tick: Fraction) -> Fraction:
    """The constant rate for a variable one: the grid that frames were dropped from, where the
    densest frames show it; else the standard rate nearest to the mean, by ratio.

    ``tick`` of the container's clock: an interval is known no better.
    """
    mean, shortest = rate.measured, rate.shortest_interval
    near = _nearest(1 / shortest)
    off = abs(1 / near - shortest)
    if off <= max(tick, shortest * RATE_TOLERANCE) and near <= mean * MOST_DROPPED:
        return near
    return _nearest(mean)


def _nearest(rate: Fraction) -> Fraction:
    return min(STANDARD_RATES, key=lambda one: (max(one / rate, rate / one), one))
