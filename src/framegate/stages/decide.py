"""Decide: findings and a policy in, a verdict out. Pure, so that it can be replayed and disputed.

Four things hold (each has a property test):

- the same findings in any order give the same verdict;
- one finding more never makes a verdict milder, for no audience either;
- a detector without calibration restricts or sends to review, it never blocks, unless the rule
  says ``require_calibration = false`` (the reason then says so); a hash-list match is exact
  evidence and may block;
- where a look that the policy requires did not happen, or the promised coverage was not kept, a
  person decides; so too where a vision model was asked and could not look, where what lies
  between two samples meets a rule that asks for more, and where a policy wants blurred what no
  blur of pictures hides.

``guarantee`` stays None: only thresholds chosen by risk control on labelled material carry one,
and no such choice is among the inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from framegate.domain.audiences import in_short, seen_by
from framegate.domain.blurring import Looks, blur_spans, covered_s, looks_of, unblurrable
from framegate.domain.counted import counted
from framegate.domain.findings import EXACT_LEVEL, AnalyserRun, Finding, Status
from framegate.domain.labels import CHILD_SAFETY, covers
from framegate.domain.matching import (
    Evidence,
    Match,
    evidence_of,
    match,
    merged,
    ordered,
    places,
    spans_of,
)
from framegate.domain.media import MediaFacts
from framegate.domain.policy import Action, AudienceVerdict, Policy, Reason, Rule, Verdict
from framegate.domain.screening import Screening
from framegate.domain.span import Span

SEVERITY = {action: rank for rank, action in enumerate(Action)}  # mildest first, as declared

# levels that look at every sample
PICTURE_LEVELS = frozenset({EXACT_LEVEL, "detectors", "signals"})

VISION_LEVEL = "vlm"
PROTECTION_OF_MINORS = "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"

GAP_TOLERANCE_S = 1e-6  # gaps reach decide as floats; exact times were rounded once


def decide(screening: Screening, facts: MediaFacts, policy: Policy) -> Verdict:
    """The verdict of ``policy`` on what was screened. Never raises on any valid value."""
    evidence = evidence_of(screening, facts.duration_measured)
    looks = looks_of(screening, facts.duration_measured)
    reasons = [
        *_required(screening, policy),
        *_asked(screening),
        *_coverage(screening, policy),
        *_integrity(screening, facts),
        *_rules(evidence, looks, policy),
        *_unruled(evidence, policy),
    ]
    audiences = seen_by(policy, reasons)
    if not any(reason.action is Action.BLOCK for reason in reasons):
        reasons += _nobody(audiences)
    reasons.sort(key=lambda reason: (-SEVERITY[reason.action], reason.rule))
    action = max((reason.action for reason in reasons), key=SEVERITY.__getitem__, default=None)

    def where(chosen: Iterable[Reason]) -> tuple[Span, ...]:
        found = (finding for reason in chosen for finding in reason.findings)
        return merged(spans_of(found, evidence.times), evidence.bridge)

    return Verdict(
        action=action or Action.ALLOW,
        audience=in_short(policy, reasons, audiences),
        reasons=tuple(reasons),
        policy=policy.name,
        policy_version=policy.version,
        policy_sha256=policy.sha256,
        models=_models(screening.runs),
        guarantee=None,
        spans=where(r for r in reasons if r.blur or r.action is not Action.ALLOW),
        escalate=any(reason.escalate for reason in reasons),
        audiences=audiences,
        blur=_blurred(reasons, evidence, looks, policy),
    )


def _blurred(
    reasons: Iterable[Reason], evidence: Evidence, looks: Looks, policy: Policy
) -> tuple[Span, ...]:
    """What all reasons together want blurred: also those that a person decides on, who sees then
    what would be published.
    """
    rules = {rule.id: rule for rule in policy.rules}
    return merged(
        (
            span
            for reason in reasons
            if reason.blur
            for span in blur_spans(rules[reason.rule], reason.findings, evidence, looks)
        ),
        Fraction(0),
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
                findings=ordered(blind),
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
    torn = screening.coverage.torn_frames
    if torn:
        yield Reason(
            rule="framegate.fields",
            action=Action.REVIEW,
            words=(
                f"{counted(torn, 'frame')} of this interlaced video "
                f"{'hold' if torn > 1 else 'holds'} a different picture in each field. Woven "
                "together neither could be recognised, and apart both would be seen."
            ),
        )
    broken = screening.coverage.undecodable_frames
    if broken:
        yield Reason(
            rule="framegate.undecodable",
            action=Action.ALLOW,
            words=f"{counted(broken, 'frame')} could not be decoded.",
        )


def _rules(evidence: Evidence, looks: Looks, policy: Policy) -> Iterable[Reason]:
    """The reasons that each rule gives: that it is met, or might have been."""
    for rule in policy.rules:
        found = match(rule, evidence)
        noted = rule.action is Action.ALLOW and not rule.blur
        if found.met:
            yield _to_blur(found, evidence, looks) if rule.blur else _reason(found)
        if (not found.met or rule.blur or rule.action is Action.RESTRICT) and not noted:
            # also beside a restriction: one finding more must not make the verdict milder
            yield from _too_short(found)
        if found.unknown and not noted:
            names = dict.fromkeys(
                one.condition.label for one in (*found.all, *found.any) if one.unknown
            )
            what = " and ".join(f"“{label}”" for label in names)
            yield _doubt(
                rule,
                found.unknown,
                f"{what} {'was' if len(names) == 1 else 'were'} reported without a score that "
                "could be compared.",
            )


def _unruled(evidence: Evidence, policy: Policy) -> Iterable[Reason]:
    """A match on a list that no rule names is told; on a child-safety list it is never passed by,
    whatever a policy forgot.
    """
    named = {label for rule in policy.rules for label in rule.labels}
    left = [
        finding
        for finding in evidence.findings
        if finding.analyser in evidence.exact
        and not any(covers(label, finding.label) for label in named)
    ]
    for label in sorted({finding.label for finding in left}):
        grave = covers(CHILD_SAFETY, label)
        yield Reason(
            rule="framegate.unruled",
            action=Action.REVIEW if grave else Action.ALLOW,
            words=f"It is on a list with the label “{label}”, which no rule of the policy names.",
            findings=ordered(finding for finding in left if finding.label == label),
            dsa_category=PROTECTION_OF_MINORS if grave else "",
            escalate=grave,
        )


def _reason(found: Match) -> Reason:
    """What follows from a rule that is met: its action, or review where proof is too thin."""
    rule = found.rule
    reason = Reason(
        rule=rule.id,
        action=rule.action,
        words=_words(rule),
        findings=ordered(found.hits),
        dsa_category=rule.dsa_category,
        escalate=rule.escalate,
        hidden_from=rule.hidden_from,
    )
    if rule.action is not Action.BLOCK or found.firm:
        return reason
    if not rule.require_calibration:
        note = "Decided on scores that are not calibrated, as the policy asks."
        return replace(reason, words=f"{reason.words} {note}")
    note = "The scores are not calibrated, so a person decides instead of a block."
    return replace(
        reason, action=Action.REVIEW, wanted=Action.BLOCK, words=f"{reason.words} {note}"
    )


def _to_blur(found: Match, evidence: Evidence, looks: Looks) -> Reason:
    """Published with the pictures of the findings blurred, where that hides all that was found."""
    rule = found.rule
    blurred = covered_s(blur_spans(rule, found.hits, evidence, looks))
    note = unblurrable(found.hits, evidence)
    action = Action.REVIEW if note else rule.action
    if not note:
        where = "The whole video is" if blurred >= looks.length else f"{float(blurred):.1f} s are"
        note = f"{where} blurred."
    return Reason(
        rule=rule.id,
        action=action,
        words=f"{_words(rule)} {note}",
        findings=ordered(found.hits),
        dsa_category=rule.dsa_category,
        escalate=rule.escalate,
        blur=True,
    )


def _words(rule: Rule) -> str:
    label = rule.label or " and ".join(one.label for one in (*rule.all, *rule.any))
    return rule.reason or f"Matches the rule for “{label}”."


def _too_short(found: Match) -> Iterable[Reason]:
    """What the encode alone showed was looked at once: it can never meet what a rule asks for."""
    if not found.short:
        return
    looks = places(found.short)
    short = [one.condition for one in (*found.all, *found.any) if one.short]
    samples = max(one.min_samples for one in short)
    seconds = max(one.min_duration_s for one in short)
    never = f"in {samples} of them" if samples > 1 else f"seen for {seconds:g} s"
    yield _doubt(
        found.rule,
        found.short,
        f"{_words(found.rule)} Seen in {counted(looks, 'look')} at what lies between two samples "
        f"and is unlike both; what is so short is never {never}, so a person decides.",
    )


def _doubt(rule: Rule, findings: Iterable[Finding], words: str) -> Reason:
    return Reason(
        rule=rule.id,
        action=Action.REVIEW,
        words=words,
        findings=ordered(findings),
        wanted=None if rule.blur else rule.action,
        dsa_category=rule.dsa_category,
        escalate=rule.escalate,
        blur=rule.blur,
    )


def _asked(screening: Screening) -> Iterable[Reason]:
    """A vision model that was asked for and could not look: nobody knows what it would have seen.

    Whether a policy requires it makes no difference; a model that is switched off was not asked.
    """
    asked = {run.analyser for run in screening.runs if run.level == VISION_LEVEL}
    dead = [
        run
        for run in screening.runs
        if run.level == VISION_LEVEL and run.status is Status.UNAVAILABLE
    ]
    blind = ordered(
        finding
        for finding in screening.findings
        if finding.analyser in asked and finding.status is Status.UNAVAILABLE
    )
    if dead or blind:
        why = sorted({run.reason for run in dead if run.reason} or {f.detail for f in blind})
        words = "The vision model was asked and could not look at all that it should have seen"
        yield Reason(
            rule="framegate.vision",
            action=Action.REVIEW,
            words=f"{words}: {why[0]}." if why and why[0] else f"{words}.",
            findings=blind,
            status=Status.UNAVAILABLE,
        )


def _nobody(audiences: Iterable[AudienceVerdict]) -> Iterable[Reason]:
    """Restrictions that add up to a block are not one: no rule said block, so a person says it."""
    everywhere = [one for one in audiences if not one.regions]
    if everywhere and not any(one.may_see for one in everywhere):
        yield Reason(
            rule="framegate.nobody",
            action=Action.REVIEW,
            words="The restrictions leave no audience that may see it, so a person decides.",
        )


def _models(runs: Iterable[AnalyserRun]) -> tuple[tuple[str, str], ...]:
    looked = {(r.analyser, r.model_sha256 or r.version) for r in runs if r.status is Status.OK}
    return tuple(sorted(looked))
