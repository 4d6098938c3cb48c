"""Why a verdict is what it is: each rule beside what was found, and how far off it was. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from framegate.domain.findings import Finding
from framegate.domain.matching import Evidence, Weighed, evidence_of, is_calibrated, match, weigh
from framegate.domain.media import MediaFacts
from framegate.domain.policy import Action, Policy, Reason, Rule, Verdict
from framegate.domain.screening import Screening


class State(StrEnum):
    """What became of a rule."""

    MET = "met"
    DOUBT = "doubt"  # not met, but a person must look: no usable score, or seen too briefly
    NOT_MET = "not-met"
    UNSEEN = "unseen"  # no finding of any of its labels


@dataclass(frozen=True, slots=True)
class Told:
    """One condition: what it asks for and what there was.

    ``turns_at`` is the threshold at which the condition turns over, all else equal: met from a
    threshold of so much or less where it is not met, and no longer met above it where it is. None
    where no threshold would: exact matches ignore it, and what was not seen meets none.
    """

    label: str
    threshold: float
    met: bool
    best: Finding | None  # the highest that was found, exact matches first
    exact: bool  # at least one hit is an exact match
    findings: int  # of the label
    samples: int
    min_samples: int
    analysers: tuple[str, ...]  # that hit
    min_analysers: int
    duration_s: float
    min_duration_s: float
    turns_at: float | None

    @property
    def distance(self) -> float | None:
        """How far the best score is over (or, negative, under) the threshold."""
        if self.exact or self.best is None or self.best.number is None:
            return None
        return self.best.number - self.threshold


@dataclass(frozen=True, slots=True)
class RuleTold:
    """One rule. ``asked`` is what its file says, ``got`` what its reasons came to."""

    id: str
    asked: str
    got: Action | None
    state: State
    decisive: bool  # one of the gravest reasons is its
    words: tuple[str, ...]
    all: tuple[Told, ...]
    any: tuple[Told, ...]
    change: str  # what would change that, in words


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict, rule by rule; ``others`` are reasons that are framegate's own."""

    verdict: Verdict
    rules: tuple[RuleTold, ...]
    others: tuple[Reason, ...]


def explain(
    screening: Screening, facts: MediaFacts, policy: Policy, verdict: Verdict
) -> Explanation:
    """Tell ``verdict``, which is the one that decide gives of the other three."""
    evidence = evidence_of(screening, facts.duration_measured)
    known = {rule.id for rule in policy.rules}
    return Explanation(
        verdict=verdict,
        rules=tuple(_rule(rule, evidence, verdict) for rule in policy.rules),
        others=tuple(reason for reason in verdict.reasons if reason.rule not in known),
    )


def asked_action(rule: Rule) -> str:
    """The action as version 2 of the format names it, with what belongs to it."""
    if rule.blur:
        return "blur"
    if rule.hidden_from:
        return f"block for {', '.join(rule.hidden_from)}"
    if rule.action is Action.RESTRICT:
        words = "age-restrict" if rule.audience[:1].isdigit() else "restrict to"
        return f"{words} {rule.audience}"
    return rule.action.value


def _rule(rule: Rule, evidence: Evidence, verdict: Verdict) -> RuleTold:
    found = match(rule, evidence)
    reasons = [reason for reason in verdict.reasons if reason.rule == rule.id]
    seen = any(one.seen for one in (*found.all, *found.any))
    state = State.NOT_MET if seen else State.UNSEEN
    if reasons:
        state = State.MET if found.met else State.DOUBT
    told_all = tuple(_told(one, evidence) for one in found.all)
    told_any = tuple(_told(one, evidence) for one in found.any)
    got = max((reason.action for reason in reasons), key=list(Action).index, default=None)
    return RuleTold(
        id=rule.id,
        asked=asked_action(rule),
        got=got,
        state=state,
        decisive=any(reason.action is verdict.action for reason in reasons)
        and (verdict.action is not Action.ALLOW or any(reason.blur for reason in reasons)),
        words=tuple(reason.words for reason in reasons),
        all=told_all,
        any=told_any,
        change=_change(state, told_all, told_any),
    )


def _told(one: Weighed, evidence: Evidence) -> Told:
    exact = any(finding.analyser in evidence.exact for finding in one.hits)
    return Told(
        label=one.condition.label,
        threshold=one.condition.threshold,
        met=one.met,
        best=max(one.seen, key=lambda f: _rank(f, evidence), default=None),
        exact=exact,
        findings=len(one.seen),
        samples=one.samples,
        min_samples=one.condition.min_samples,
        analysers=tuple(sorted({finding.analyser for finding in one.hits})),
        min_analysers=one.condition.min_analysers,
        duration_s=float(one.duration),
        min_duration_s=one.condition.min_duration_s,
        turns_at=turns_at(one, evidence),
    )


def _rank(finding: Finding, evidence: Evidence) -> tuple[bool, float, str]:
    number = -1.0 if finding.number is None else finding.number
    return (finding.analyser in evidence.exact, number, repr(finding))


def turns_at(one: Weighed, evidence: Evidence) -> float | None:
    """The highest threshold at which the condition is met: a search, for it only gets harder."""
    numbers = sorted({f.number for f in one.seen if f.number is not None})
    ours = replace(evidence, findings=one.seen)

    def missed(threshold: float) -> bool:
        return not weigh(replace(one.condition, threshold=threshold), ours).met

    if not missed(2.0):  # above every score: exact matches alone suffice
        return None
    at = bisect_left(numbers, True, key=missed)
    return numbers[at - 1] if at else None


def _change(state: State, every: Sequence[Told], some: Sequence[Told]) -> str:
    """The smallest changes of thresholds that would turn the rule over."""
    if state is State.UNSEEN:
        return "Nothing of the kind was found: no threshold would change that."
    if state is State.DOUBT:
        return "It is not met, yet a person must look; a threshold does not change that."
    if state is State.MET:
        ways = [_up(one) for one in every]
        if some:
            ways.append(_together(_up(one) for one in some if one.met))
        found = [way for way in ways if way]
        return f"Not met if {' or if '.join(found)}." if found else "Exact: thresholds don't count."
    ways = [_down(one) for one in every if not one.met]
    if some and not any(one.met for one in some):
        ways.append(" or ".join(filter(None, (_down(one) for one in some))))
    if not all(ways):
        return "No threshold would make it met: too little was found."
    return f"Met if {' and if '.join(ways)}."


def _up(one: Told) -> str:
    return (
        f"{one.label} had a threshold above {one.turns_at:.4g}" if one.turns_at is not None else ""
    )


def _together(ways: Iterable[str]) -> str:
    found = list(ways)
    return " and ".join(found) if all(found) else ""


def _down(one: Told) -> str:
    return (
        f"{one.label} had a threshold of {one.turns_at:.4g} or less"
        if one.turns_at is not None
        else ""
    )


def number_of(finding: Finding) -> str:
    """``0.93 raw`` or ``0.81 calibrated``."""
    if finding.number is None:
        return "no number"
    return f"{finding.number:.4g} {'calibrated' if is_calibrated(finding) else 'raw'}"
