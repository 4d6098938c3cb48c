"""Decide: findings and a policy in, a verdict out. Pure, so that it can be replayed and disputed.

Four things hold (each has a property test):

- the same findings in any order give the same verdict;
- one finding more never makes a verdict milder;
- a detector without calibration restricts or sends to review, it never blocks, unless the rule
  says ``require_calibration = false`` (the reason then says so); a hash-list match is exact
  evidence and may block;
- where a look that the policy requires did not happen, or the promised coverage was not kept, a
  person decides; so too where what lies between two samples meets a rule that asks for more.

``guarantee`` stays None: only thresholds chosen by risk control on labelled material carry one,
and no such choice is among the inputs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from framegate.domain.counted import counted
from framegate.domain.findings import EXACT_LEVEL, AnalyserRun, Finding, Status
from framegate.domain.frames import SampleReason
from framegate.domain.labels import covers
from framegate.domain.media import MediaFacts
from framegate.domain.policy import Action, Policy, Reason, Rule, Verdict
from framegate.domain.screening import Screening
from framegate.domain.span import Span

SEVERITY = {action: rank for rank, action in enumerate(Action)}  # mildest first, as declared

# levels that look at every sample
PICTURE_LEVELS = frozenset({EXACT_LEVEL, "detectors", "signals"})

GAP_TOLERANCE_S = 1e-6  # gaps reach decide as floats; exact times were rounded once


def decide(screening: Screening, facts: MediaFacts, policy: Policy) -> Verdict:
    """The verdict of ``policy`` on what was screened. Never raises on any valid value."""
    reasons = [
        *_required(screening, policy),
        *_coverage(screening, policy),
        *_integrity(screening, facts),
        *_rules(screening, policy),
    ]
    reasons.sort(key=lambda reason: (-SEVERITY[reason.action], reason.rule))
    action = max((reason.action for reason in reasons), key=SEVERITY.__getitem__, default=None)
    fired = {reason.rule for reason in reasons}
    limits = {
        rule.audience
        for rule in policy.rules
        if rule.id in fired and rule.action is Action.RESTRICT
    }
    return Verdict(
        action=action or Action.ALLOW,
        audience=max(limits, key=_strictness, default=""),
        reasons=tuple(reasons),
        policy=policy.name,
        policy_version=policy.version,
        policy_sha256=policy.sha256,
        models=_models(screening.runs),
        guarantee=None,
        spans=_merged(screening, reasons),
        escalate=any(reason.escalate for reason in reasons),
    )


def _required(screening: Screening, policy: Policy) -> Iterable[Reason]:
    """Every required analyser must have looked: only ``ok`` is evidence of absence."""
    for name in sorted(set(policy.required)):
        runs = [run for run in screening.runs if run.analyser == name]
        blind = [f for f in screening.findings if f.analyser == name and f.status in _BLIND]
        failed: list[tuple[Status, str]] = sorted(
            {(r.status, r.reason) for r in runs if r.status is not Status.OK}
        )
        failed += sorted({(f.status, f.detail or "a part was not looked at") for f in blind})
        if not runs:
            failed = [(Status.NOT_RUN, "it was not part of this run")]
        if failed:
            status, why = failed[0]
            words = f"The policy requires “{name}”, which was {_STATUS_WORDS[status]}"
            yield Reason(
                rule=f"framegate.required.{name}",
                action=Action.REVIEW,
                words=f"{words}: {why}." if why else f"{words}.",
                findings=_sorted(blind),
                status=status,
            )


_BLIND = frozenset({Status.UNAVAILABLE, Status.NOT_RUN})
_STATUS_WORDS = {
    Status.OK: "fine",
    Status.UNAVAILABLE: "not available",
    Status.SKIPPED: "skipped",
    Status.NOT_RUN: "not run",
}


def _coverage(screening: Screening, policy: Policy) -> Iterable[Reason]:
    """The promise about gaps: what the sampler was asked for, and what the policy demands."""
    coverage = screening.coverage
    wrong: list[str] = []
    if not coverage.met:
        wrong.append(
            f"a look at least every {coverage.max_gap_wanted_s:g} s was promised, "
            f"the largest gap is {coverage.largest_gap_s:.3g} s"
        )
    if policy.max_gap_s is not None:
        allowed = policy.max_gap_s + GAP_TOLERANCE_S
        # A picture that the source itself holds for ten seconds is a gap in time but not in frames:
        # "met" is about frames, so where the policy's own gap was asked for, "met" answers it.
        asked = coverage.max_gap_wanted_s <= allowed and coverage.met
        if coverage.largest_gap_s > allowed and not asked:
            wrong.append(
                f"the policy allows a gap of {policy.max_gap_s:g} s, "
                f"the largest is {coverage.largest_gap_s:.3g} s"
            )
        if asked:
            allowed = max(allowed, coverage.largest_gap_s + GAP_TOLERANCE_S)
        required = {run.level for run in screening.runs if run.analyser in policy.required}
        wrong += [
            f"level “{level.level}” has a gap of {level.largest_gap_s:.3g} s"
            for level in sorted(coverage.levels, key=lambda level: level.level)
            if level.level in required & PICTURE_LEVELS and level.largest_gap_s > allowed
        ]
    if wrong:
        yield Reason(
            rule="framegate.coverage",
            action=Action.REVIEW,
            words=f"Not enough was looked at: {'; '.join(wrong)}.",
        )


def _integrity(screening: Screening, facts: MediaFacts) -> Iterable[Reason]:
    """Broken parts are told, not judged: only what was screened gets published. What is to be
    published and was not seen is for a person.
    """
    if facts.truncated:
        yield Reason(
            rule="framegate.truncated",
            action=Action.ALLOW,
            words=(
                f"The file ends early: {facts.readable_share:.0%} of the claimed duration could "
                "be read. Only that part was screened, and only that part can be published."
            ),
        )
    unseen = screening.coverage.unseen_frames
    if unseen:
        yield Reason(
            rule="framegate.unseen",
            action=Action.REVIEW,
            words=(
                f"{counted(unseen, 'frame')} of what was encoded "
                f"{'are' if unseen > 1 else 'is'} unlike anything that was looked at, and could "
                "not be looked at then either."
            ),
        )
    broken = screening.coverage.undecodable_frames
    if broken:
        yield Reason(
            rule="framegate.undecodable",
            action=Action.ALLOW,
            words=f"{counted(broken, 'frame')} could not be decoded.",
        )


def _rules(screening: Screening, policy: Policy) -> Iterable[Reason]:
    """One reason for each rule that its findings meet."""
    levels: dict[str, set[str]] = defaultdict(set)
    for run in screening.runs:
        levels[run.analyser].add(run.level)
    exact = {name for name, found in levels.items() if found == {EXACT_LEVEL}}
    between = {s.index for s in screening.samples if s.reason is SampleReason.UNSEEN}
    # A set first: a finding that is told twice is still one finding.
    findings = [f for f in set(screening.findings) if f.status is Status.OK]
    for rule in policy.rules:
        ours = [f for f in findings if covers(rule.label, f.label)]
        over = [f for f in ours if f.analyser in exact or _at_least(f, rule.threshold)]
        hits = _agreed(over, rule.min_analysers, exact)
        met = _places(hits) >= rule.min_samples
        if met:
            sure = [f for f in hits if f.analyser in exact or _calibrated(f)]
            firm = _agreed(sure, rule.min_analysers, exact)
            yield _reason(rule, hits, firm)
        if not met or rule.action is Action.RESTRICT:
            # also beside a restriction: one finding more must not make the verdict milder
            yield from _too_short(rule, [f for f in hits if f.sample in between])
        unknown = [f for f in ours if f.analyser not in exact and f.number is None]
        if unknown and rule.action is not Action.ALLOW:
            yield Reason(
                rule=rule.id,
                action=Action.REVIEW,
                words=f"“{rule.label}” was reported without a score that could be compared.",
                findings=_sorted(unknown),
                wanted=rule.action,
                dsa_category=rule.dsa_category,
                escalate=rule.escalate,
            )


def _reason(rule: Rule, hits: Sequence[Finding], firm: Sequence[Finding]) -> Reason:
    """What follows from a rule that is met: its action, or review where proof is too thin."""
    reason = Reason(
        rule=rule.id,
        action=rule.action,
        words=_words(rule),
        findings=_sorted(hits),
        dsa_category=rule.dsa_category,
        escalate=rule.escalate,
    )
    if rule.action is not Action.BLOCK or _places(firm) >= rule.min_samples:
        return reason
    if not rule.require_calibration:
        note = "Decided on scores that are not calibrated, as the policy asks."
        return replace(reason, words=f"{reason.words} {note}")
    note = "The scores are not calibrated, so a person decides instead of a block."
    return replace(
        reason, action=Action.REVIEW, wanted=Action.BLOCK, words=f"{reason.words} {note}"
    )


def _words(rule: Rule) -> str:
    return rule.reason or f"Matches the rule for “{rule.label}”."


def _too_short(rule: Rule, between: Sequence[Finding]) -> Iterable[Reason]:
    """What the encode alone showed was looked at once: it can never meet the number of samples."""
    if not between or rule.min_samples == 1 or rule.action is Action.ALLOW:
        return
    looks = _places(between)
    yield Reason(
        rule=rule.id,
        action=Action.REVIEW,
        words=(
            f"{_words(rule)} Seen in {counted(looks, 'look')} at what lies between two samples and "
            f"is unlike both; what is so short is never in {rule.min_samples} of them, so a person "
            "decides."
        ),
        findings=_sorted(between),
        wanted=rule.action,
        dsa_category=rule.dsa_category,
        escalate=rule.escalate,
    )


def _at_least(finding: Finding, threshold: float) -> bool:
    return finding.number is not None and finding.number >= threshold


def _calibrated(finding: Finding) -> bool:
    return finding.score is not None and finding.calibration_id is not None


def _agreed(findings: Iterable[Finding], analysers: int, exact: Collection[str]) -> list[Finding]:
    """Those of places where so many different analysers hit; an exact match needs no second."""
    places: dict[_Place, list[Finding]] = defaultdict(list)
    for finding in findings:
        places[_place(finding)].append(finding)
    return [
        finding
        for found in places.values()
        if len({f.analyser for f in found}) >= analysers or any(f.analyser in exact for f in found)
        for finding in found
    ]


def _places(findings: Iterable[Finding]) -> int:
    return len({_place(finding) for finding in findings})


type _Place = tuple[int | None, Span | None]


def _place(finding: Finding) -> _Place:
    """The sample; what has none (speech) is placed by its span, what has neither is one place."""
    return (finding.sample, None if finding.sample is not None else finding.span)


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One order for any input order: by time, then by every other field."""
    return tuple(sorted(set(findings), key=lambda f: (_start(f), repr(f))))


def _start(finding: Finding) -> tuple[Fraction, int]:
    return (finding.span.start if finding.span else Fraction(0), finding.sample or 0)


def _strictness(audience: str) -> tuple[int, str]:
    """By the leading age ("18+" over "16+"); words without one come below any age."""
    number = re.match(r"\d+", audience)
    return (int(number.group()) if number else -1, audience)


def _models(runs: Iterable[AnalyserRun]) -> tuple[tuple[str, str], ...]:
    looked = {(r.analyser, r.model_sha256 or r.version) for r in runs if r.status is Status.OK}
    return tuple(sorted(looked))


def _merged(screening: Screening, reasons: Iterable[Reason]) -> tuple[Span, ...]:
    """Where the evidence lies; spans closer than the wanted gap are one (no look lies between)."""
    times = {sample.index: sample.time for sample in screening.samples}
    bridge = Fraction(screening.coverage.max_gap_wanted_s).limit_denominator(10**6)
    found: list[Span] = []
    for reason in reasons:
        if reason.action is Action.ALLOW:
            continue
        for finding in reason.findings:
            if finding.span is not None:
                found.append(finding.span)
            elif finding.sample in times:
                found.append(Span(times[finding.sample], times[finding.sample]))
    merged: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start, span.end)):
        if merged and span.start - merged[-1].end <= bridge:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)
