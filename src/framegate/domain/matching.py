"""Which rules of a policy are met by which findings, and how firmly. Pure.

decide makes reasons of it, explain tells it. Everything here only grows with findings: more of them
never un-meet a rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from framegate.domain.findings import EXACT_LEVEL, Finding, Status
from framegate.domain.frames import SampleReason
from framegate.domain.labels import covers
from framegate.domain.policy import Condition, Rule
from framegate.domain.screening import Screening
from framegate.domain.span import Span


@dataclass(frozen=True, slots=True)
class Evidence:
    """What findings are weighed with: built once for all rules.

    ``exact`` are analysers that match known bytes and pictures; ``between`` samples that were
    looked at because the encode found them unlike all others; ``bridge`` the seconds between two
    looks that make one stretch.
    """

    findings: tuple[Finding, ...]
    exact: frozenset[str]
    between: frozenset[int]
    times: Mapping[int, Fraction]
    bridge: Fraction
    length: Fraction


@dataclass(frozen=True, slots=True)
class Weighed:
    """One condition against the evidence."""

    condition: Condition
    seen: tuple[Finding, ...]  # of its label, whatever their number
    hits: tuple[Finding, ...]  # at or over the threshold where enough analysers agree
    met: bool
    firm: bool  # met by calibrated and exact findings alone
    short: tuple[Finding, ...]  # hits between two samples that could never meet what it asks for
    unknown: tuple[Finding, ...]  # without a number that could be compared
    samples: int  # places of the hits
    duration: Fraction  # of the hits, near ones merged, seconds


@dataclass(frozen=True, slots=True)
class Match:
    """One rule against the evidence; ``all`` and ``any`` in the order of the rule."""

    rule: Rule
    all: tuple[Weighed, ...]
    any: tuple[Weighed, ...]

    @property
    def met(self) -> bool:
        """Whether the rule fires."""
        return _joined(self, lambda one: one.met)

    @property
    def firm(self) -> bool:
        """Whether calibrated and exact findings alone would make it fire."""
        return _joined(self, lambda one: one.firm)

    @property
    def hits(self) -> tuple[Finding, ...]:
        """The findings of every condition that is met."""
        return tuple(f for one in (*self.all, *self.any) if one.met for f in one.hits)

    @property
    def short(self) -> tuple[Finding, ...]:
        """Hits between samples, if with them the rule would fire."""
        if not _joined(self, lambda one: one.met or bool(one.short)):
            return ()
        return tuple(f for one in (*self.all, *self.any) for f in one.short)

    @property
    def unknown(self) -> tuple[Finding, ...]:
        """Findings without a number, if with them the rule might fire."""
        if not _joined(self, lambda one: one.met or bool(one.unknown)):
            return ()
        return tuple(f for one in (*self.all, *self.any) for f in one.unknown)


def evidence_of(screening: Screening, length: Fraction) -> Evidence:
    """What a screening of a video of ``length`` seconds gives to weigh."""
    levels: dict[str, set[str]] = defaultdict(set)
    for run in screening.runs:
        levels[run.analyser].add(run.level)
    gap = screening.coverage.max_gap_wanted_s
    return Evidence(
        # a set first: a finding that is told twice is still one finding
        findings=tuple(f for f in set(screening.findings) if f.status is Status.OK),
        exact=frozenset(name for name, found in levels.items() if found == {EXACT_LEVEL}),
        between=frozenset(s.index for s in screening.samples if s.reason is SampleReason.UNSEEN),
        times={sample.index: sample.time for sample in screening.samples},
        bridge=Fraction(gap).limit_denominator(10**6),
        length=length,
    )


def match(rule: Rule, evidence: Evidence) -> Match:
    """Weigh every condition of a rule."""
    return Match(
        rule,
        tuple(weigh(one, evidence) for one in rule.needs),
        tuple(weigh(one, evidence) for one in rule.any),
    )


def _joined(of: Match, holds: Callable[[Weighed], bool]) -> bool:
    return all(map(holds, of.all)) and (not of.any or any(map(holds, of.any)))


def weigh(condition: Condition, evidence: Evidence) -> Weighed:
    """One condition against the evidence."""
    exact = evidence.exact
    seen = [f for f in evidence.findings if covers(condition.label, f.label)]
    over = [f for f in seen if f.analyser in exact or _at_least(f, condition.threshold)]
    hits = _agreed(over, condition.min_analysers, exact)
    sure = [f for f in hits if f.analyser in exact or is_calibrated(f)]
    asks_for_more = condition.min_samples > 1 or condition.min_duration_s > 0
    return Weighed(
        condition=condition,
        seen=tuple(seen),
        hits=tuple(hits),
        met=_enough(hits, condition, evidence),
        firm=_enough(_agreed(sure, condition.min_analysers, exact), condition, evidence),
        short=tuple(f for f in hits if f.sample in evidence.between) if asks_for_more else (),
        unknown=tuple(f for f in seen if f.analyser not in exact and f.number is None),
        samples=places(hits),
        duration=_duration(hits, evidence),
    )


def _enough(hits: Collection[Finding], condition: Condition, evidence: Evidence) -> bool:
    if not hits or places(hits) < condition.min_samples:
        return False
    wanted = Fraction(condition.min_duration_s).limit_denominator(10**6)
    return not wanted or _duration(hits, evidence) >= wanted


def _duration(hits: Iterable[Finding], evidence: Evidence) -> Fraction:
    """What is about the whole video lasts as long as it."""
    found = list(hits)
    if any(f.span is None and f.sample is None for f in found):
        return evidence.length
    spans = merged(spans_of(found, evidence.times), evidence.bridge)
    return sum((span.end - span.start for span in spans), Fraction(0))


def spans_of(findings: Iterable[Finding], times: Mapping[int, Fraction]) -> Iterable[Span]:
    """Where findings lie; a sample is a moment, what has no place is left out."""
    for finding in findings:
        if finding.span is not None:
            yield finding.span
        elif finding.sample is not None and finding.sample in times:
            yield Span(times[finding.sample], times[finding.sample])


def merged(spans: Iterable[Span], bridge: Fraction) -> tuple[Span, ...]:
    """Spans in order; closer ones than ``bridge`` are one (no look lies between)."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if found and span.start - found[-1].end <= bridge:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return tuple(found)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One order for any input order: by time, then by every other field."""
    return tuple(sorted(set(findings), key=lambda f: (_start(f), repr(f))))


def places(findings: Iterable[Finding]) -> int:
    """How many different ones."""
    return len({_place(finding) for finding in findings})


def is_calibrated(finding: Finding) -> bool:
    """Whether its score is a probability."""
    return finding.score is not None and finding.calibration_id is not None


def _at_least(finding: Finding, threshold: float) -> bool:
    return finding.number is not None and finding.number >= threshold


def _agreed(findings: Iterable[Finding], analysers: int, exact: Collection[str]) -> list[Finding]:
    """Those of places where so many different analysers hit; an exact match needs no second."""
    at: dict[_Place, list[Finding]] = defaultdict(list)
    for finding in findings:
        at[_place(finding)].append(finding)
    return [
        finding
        for found in at.values()
        if len({f.analyser for f in found}) >= analysers or any(f.analyser in exact for f in found)
        for finding in found
    ]


type _Place = tuple[int | None, Span | None]


def _place(finding: Finding) -> _Place:
    """The sample; what has none (speech) is placed by its span, what has neither is one place."""
    return (finding.sample, None if finding.sample is not None else finding.span)


def _start(finding: Finding) -> tuple[Fraction, int]:
    return (finding.span.start if finding.span else Fraction(0), finding.sample or 0)
