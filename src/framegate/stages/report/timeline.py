"""Geometry of the timeline: everything that has a time, as lanes over the video's length. Pure.

Positions are percent of the width, so that the page can stretch lanes without stretching text.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from framegate.domain.counted import counted
from framegate.domain.findings import Finding, Status
from framegate.domain.frames import SampleInfo
from framegate.domain.media import MediaFacts
from framegate.domain.screening import Screening
from framegate.domain.span import Span
from framegate.stages.report.terms import WHY_SAMPLED
from framegate.stages.report.words import clock

BARS = 360  # most bars in a lane: about three pixels each on a wide screen
POINTS = 480  # most points of a curve
LEAST = 0.28  # percent: a still must be visible
SHOWN_FROM = 0.02  # a bar under two percent is not drawn

NEUTRAL = frozenset({"text.overlay"})
STRONG, MEDIUM = 0.8, 0.5  # shades of a score; the policy's thresholds decide, not these


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle in a lane: percent from the left, percent wide, share of the lane's height."""

    x: float
    width: float
    height: float
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A line over the lane: SVG path in a 1000 x 100 box, y down."""

    path: str
    area: str
    tone: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One row. ``note`` stands at the right end: the peak, a count."""

    name: str
    note: str
    kind: str  # shots, ticks, score, curve, intervals
    bars: tuple[Bar, ...] = ()
    curve: Curve | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the time axis."""

    x: float
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """All lanes and their common axis."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    duration_s: float


def build(screening: Screening, facts: MediaFacts) -> Timeline:
    """The timeline of one screening."""
    length = _length(screening, facts)
    axis = _Axis(length)
    lanes = [
        _shots(screening, axis),
        _samples(screening.samples, axis),
        *_scores(screening.findings, screening.samples, axis),
        *_curves(screening, facts, axis),
        *_intervals(screening, axis),
    ]
    return Timeline(tuple(lanes), axis.ticks(), float(length))


class _Axis:
    """Seconds to percent."""

    def __init__(self, length: Fraction) -> None:
        self.length = length

    def at(self, seconds: Fraction | float) -> float:
        return round(min(100.0, max(0.0, float(seconds) / float(self.length) * 100)), 3)

    def bar(self, start: Fraction, end: Fraction, height: float, tone: str, title: str) -> Bar:
        left = min(self.at(start), 100 - LEAST)
        width = max(LEAST, self.at(end) - left)
        return Bar(left, round(width, 3), round(height, 4), tone, title)

    def ticks(self) -> tuple[Tick, ...]:
        """Four to eight round marks, and the end."""
        steps = (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
        total = float(self.length)
        step = next((s for s in steps if total / s <= 6), math.ceil(total / 6))  # noqa: PLR2004 -- labels that fit a phone
        marks = [i * step for i in range(int(total / step) + 1)]
        anchors = ["start", *["middle"] * (len(marks) - 1)]
        if len(marks) > 1 and total - marks[-1] < step * 0.3:
            anchors[-1] = "end"
        return tuple(
            Tick(self.at(mark), clock(mark).removesuffix(".0"), anchor)
            for mark, anchor in zip(marks, anchors, strict=True)
        )


def _length(screening: Screening, facts: MediaFacts) -> Fraction:
    ends = [facts.video.duration_measured, *(shot.end for shot in screening.shots)]
    return max([*ends, Fraction(1, 1000)])


def _shots(screening: Screening, axis: _Axis) -> Lane:
    bars = tuple(
        axis.bar(
            shot.start,
            shot.end,
            1.0,
            "odd" if number % 2 else "even",
            f"Shot {shot.index + 1}: {clock(shot.start)} to {clock(shot.end)}",
        )
        for number, shot in enumerate(_thin(screening.shots))
    )
    count = len(screening.shots)
    return Lane("Shots", counted(count, "shot"), "shots", bars)


def _samples(samples: Sequence[SampleInfo], axis: _Axis) -> Lane:
    bars = tuple(
        axis.bar(
            sample.time,
            sample.time,
            1.0 if sample.reason == "shot" else 0.6,
            "tick",
            f"Sample {sample.index} at {clock(sample.time)}: {WHY_SAMPLED[sample.reason]}",
        )
        for sample in _thin(samples)
    )
    return Lane("Samples", f"{len(samples)} looked at", "ticks", bars)


def _scores(
    findings: Iterable[Finding], samples: Sequence[SampleInfo], axis: _Axis
) -> Iterable[Lane]:
    """One lane per label, worst first; the bars of one column show the highest score in it."""
    ends = [*(sample.time for sample in samples[1:]), axis.length]
    times = {s.index: (s.time, end) for s, end in zip(samples, ends, strict=False)}
    lanes: dict[str, dict[int, tuple[float, Fraction, Fraction, Finding]]] = defaultdict(dict)
    for finding in findings:
        if finding.status is not Status.OK:
            continue
        score = 1.0 if finding.number is None else finding.number
        start, end = _when(finding, times, axis.length)
        column = int(axis.at(start) * BARS / 100)
        held = lanes[finding.label].get(column)
        if held is None or (score, -start) > (held[0], -held[1]):
            lanes[finding.label][column] = (score, start, end, finding)
    ranked = sorted(
        lanes.items(),
        key=lambda item: (neutral(item[0]), -max(v[0] for v in item[1].values()), item[0]),
    )
    for label, columns in ranked:
        peak = max(value[0] for value in columns.values())
        bars = tuple(
            axis.bar(start, end, min(1.0, score), tone(score, label), _title(finding, score, start))
            for _, (score, start, end, finding) in sorted(columns.items())
            if score >= SHOWN_FROM
        )
        yield Lane(label, f"peak {peak:.2f}", "score", bars)


def neutral(label: str) -> bool:
    """Whether a label only describes: a face or a caption is no concern, however certain."""
    return label in NEUTRAL or label.split(".", maxsplit=1)[0] == "person"


def tone(score: float, label: str) -> str:
    """Shade of a score."""
    if neutral(label):
        return "plain"
    return "high" if score >= STRONG else "mid" if score >= MEDIUM else "low"


def _title(finding: Finding, score: float, start: Fraction) -> str:
    kind = "calibrated" if finding.score is not None else "raw"
    return f"{finding.label} {score:.2f} ({kind}) at {clock(start)}, {finding.analyser}"


def _when(
    finding: Finding, times: dict[int, tuple[Fraction, Fraction]], length: Fraction
) -> tuple[Fraction, Fraction]:
    """A still stands for the time until the next look."""
    if finding.sample in times:
        return times[finding.sample]
    if finding.span is not None:
        return finding.span.start, finding.span.end
    return Fraction(0), length


def _curves(screening: Screening, facts: MediaFacts, axis: _Axis) -> Iterable[Lane]:
    """Scene score, brightness and motion; peaks survive the thinning."""
    frames = screening.signals.frames
    base, origin = facts.video.time_base, facts.video.start
    xs = [axis.at(pts * base - origin) * 10 for pts in frames.pts]
    for name, values, top in (
        ("Scene change", frames.scene, 100.0),
        ("Brightness", frames.luma, 255.0),
        ("Motion", frames.motion, max([*frames.motion, 16.0])),
    ):
        if len(values) != len(xs) or len(xs) < 2:  # noqa: PLR2004 -- two points make a line
            continue
        points = list(_peaks(list(zip(xs, values, strict=True))))
        line = " ".join(f"{x:.1f},{100 - min(1, max(0, v / top)) * 100:.1f}" for x, v in points)
        first, last = points[0][0], points[-1][0]
        curve = Curve(f"M{line}", f"M{first:.1f},100 L{line} L{last:.1f},100Z", name.split()[0])
        yield Lane(name, f"peak {max(values):.0f}", "curve", curve=curve)


def _peaks(points: list[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    """At most `POINTS` points: of each group the highest, so that a cut is never thinned away."""
    group = max(1, math.ceil(len(points) / POINTS))
    for index in range(0, len(points), group):
        yield max(points[index : index + group], key=lambda point: point[1])


def _intervals(screening: Screening, axis: _Axis) -> Iterable[Lane]:
    signals = screening.signals
    for name, found in (
        ("Black", signals.black),
        ("Frozen", signals.freeze),
        ("Silence", signals.silence),
    ):
        if found:
            total = sum((i.end - i.start for i in found), Fraction(0))
            yield Lane(
                name,
                f"{float(total):.1f} s in all",
                "intervals",
                tuple(_interval(name, interval, axis) for interval in _thin(found)),
            )


def _interval(name: str, interval: Span, axis: _Axis) -> Bar:
    title = f"{name}: {clock(interval.start)} to {clock(interval.end)}"
    return axis.bar(interval.start, interval.end, 1.0, name.lower(), title)


def _thin[T](items: Sequence[T]) -> Sequence[T]:
    """At most twice `BARS` items, evenly spread: more could not be told apart on a screen."""
    if len(items) <= 2 * BARS:
        return items
    last = len(items) - 1
    return [items[round(i * last / (2 * BARS - 1))] for i in range(2 * BARS)]
