"""Coverage: how much was looked at, by whom, and what could have been missed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from framegate.domain.frames import Coverage, LevelCoverage, MissProbability
from framegate.domain.span import Span

DURATIONS_S = (0.1, 0.25, 0.5, 1.0, 2.0)  # of things that could be missed


@dataclass(frozen=True, slots=True)
class Looks:
    """Times at which one analyser (or the decoder) looked, ascending presentation seconds."""

    frames: int
    times: Sequence[Fraction]


@dataclass(frozen=True, slots=True)
class DecodeFacts:
    """What the decoder told. ``lost`` are stretches longer than the wanted gap, inside which the
    source has frames that could not be decoded.
    """

    in_source: int
    decoded: int
    undecodable: int
    mode: str
    mode_reason: str
    lost: tuple[Span, ...] = ()


def largest_gap(times: Sequence[Fraction], end: Fraction) -> Fraction:
    """The longest stretch of [0, ``end``] without a look, ends included."""
    if not times:
        return end
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return max([times[0], *gaps, end - times[-1], Fraction(0)])


def miss_probability(duration_s: float, gap_s: float) -> float:
    """Chance that something lasting ``duration_s``, starting anywhere in a gap, falls between two
    looks: max(0, 1 - d/g).
    """
    return max(0.0, 1.0 - duration_s / gap_s) if gap_s > 0 else 0.0


def cover(
    decode: DecodeFacts,
    samples: Sequence[Fraction],
    levels: Mapping[str, Sequence[Looks]],
    *,
    end: Fraction,
    max_gap: Fraction,
) -> Coverage:
    """``levels``: for each level of the cascade, the looks of each of its analysers; the level is
    as good as the worst of them. ``end`` is the presented duration.

    The promise is met when no two samples lie further apart than ``max_gap`` over frames that the
    source has: a slide show with one frame in ten seconds meets it, a damaged stretch does not.
    """
    gap = largest_gap(samples, end)
    return Coverage(
        frames_in_source=decode.in_source,
        frames_decoded=decode.decoded,
        frames_sampled=len(samples),
        max_gap_wanted_s=float(max_gap),
        largest_gap_s=float(gap),
        mode=decode.mode,
        mode_reason=decode.mode_reason,
        levels=tuple(level_of(name, looks, end) for name, looks in levels.items()),
        missed=tuple(
            MissProbability(duration, round(miss_probability(duration, float(gap)), 4))
            for duration in DURATIONS_S
        ),
        undecodable_frames=decode.undecodable,
        met=bool(samples) and not decode.lost,
    )


def level_of(name: str, looks: Sequence[Looks], end: Fraction) -> LevelCoverage:
    """What a level saw: as much as the one of its analysers that saw least."""
    gap, worst = max(
        ((largest_gap(each.times, end), each) for each in looks), key=lambda pair: pair[0]
    )
    return LevelCoverage(name, worst.frames, float(gap))
