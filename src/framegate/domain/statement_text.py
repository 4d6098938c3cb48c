"""A statement of reasons for the creator, in plain words (Article 17(3) DSA). Pure.

What was decided, since when and where, why, what in the video, whether software did it, and how to
object. It may name the video; it names no other person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from framegate.domain import labels
from framegate.domain.asset import Asset
from framegate.domain.counted import counted
from framegate.domain.matching import merged, spans_of
from framegate.domain.policy import Decision, Policy
from framegate.domain.screening import Screening
from framegate.domain.span import Span
from framegate.domain.statement import Grounds

MOST_PLACES = 20
REDRESS = (
    "You may go to a court. If this service is an online platform in the sense of the Digital "
    "Services Act, and not a small one, you may also complain to it free of charge within six "
    "months (Article 20), and turn to a certified body for out-of-court settlement (Article 21)."
)


def text_of(
    asset: Asset,
    decision: Decision,
    grounds: Grounds,
    policy: Policy | None,
    screening: Screening | None,
) -> str:
    """The whole letter; lines are not broken."""
    service = policy.terms.service if policy else ""
    name = asset.details.title or asset.name
    parts = [
        f"Decision on your video “{name}”",
        f"{decision.at:%d %B %Y}{f', {service}' if service else ''}. Reference: {decision.id}.",
        f"What was decided\n{_decided(grounds)}",
        f"Why\n{_why(decision, grounds, policy)}",
    ]
    where = _where(grounds, screening)
    if where:
        parts.append(f"Where in the video\n{where}")
    parts.append(f"How it was found and decided\n{_how(grounds)}")
    appeal = policy.terms.appeal if policy else ""
    parts.append(f"How to object\n{f'{appeal} ' if appeal else ''}{REDRESS}")
    return "\n\n".join(parts) + "\n"


def _decided(grounds: Grounds) -> str:
    if grounds.blocked:
        return "The video is not published. The decision holds until it is changed."
    told = []
    if grounds.min_age:
        told.append(f"It is shown only to viewers of {grounds.min_age.removesuffix('+')} or older.")
    if grounds.hidden_from:
        told.append(f"It is not shown to these audiences: {', '.join(grounds.hidden_from)}.")
    if grounds.restricted_in:
        told.append(f"It is not shown in: {', '.join(grounds.restricted_in)}.")
    if grounds.blurred:
        places = _places(grounds.blurred)
        told.append(f"Its pictures are blurred here, and shown otherwise: {places}.")
    if not told:
        told.append("It is shown to a limited audience only.")
    return f"{' '.join(told)} The decision holds until it is changed."


def _why(decision: Decision, grounds: Grounds, policy: Policy | None) -> str:
    verdict = decision.verdict
    rules = {rule.id: rule for rule in grounds.rules}
    lines = []
    for reason in grounds.reasons:
        rule = rules.get(reason.rule)
        words = (rule.reason if rule else "") or reason.words
        source = f"rule “{reason.rule}” of the policy {verdict.policy} {verdict.policy_version}"
        if rule is not None and rule.law:
            source = f"illegal under {rule.law}; {source}"
        elif rule is not None and rule.clause:
            source = f"clause {rule.clause} of the terms; {source}"
        lines.append(f"- {words} ({source})")
    if grounds.explanation:
        lines.append(f"- {grounds.explanation}")
    if not lines:
        lines.append(f"- The policy {verdict.policy} {verdict.policy_version} left it to a person.")
    if policy is not None and policy.terms.terms_url:
        lines.append(f"The terms: {policy.terms.terms_url}")
    return "\n".join(dict.fromkeys(lines))


def _where(grounds: Grounds, screening: Screening | None) -> str:
    """Not of what is on a child-safety list: that would help whoever made it."""
    findings = [finding for reason in grounds.reasons for finding in reason.findings]
    if screening is None or any(labels.covers(labels.CHILD_SAFETY, f.label) for f in findings):
        return ""
    times = {sample.index: sample.time for sample in screening.samples}
    spans = merged(spans_of(findings, times), _bridge(screening))
    return f"{_places(spans)}." if spans else ""


def _places(spans: Sequence[Span]) -> str:
    told = [
        _clock(float(span.start))
        if _clock(float(span.start)) == _clock(float(span.end))
        else f"{_clock(float(span.start))} to {_clock(float(span.end))}"
        for span in spans[:MOST_PLACES]
    ]
    more = len(spans) - len(told)
    return f"{', '.join(told)}{f', and {counted(more, "more place")}' if more > 0 else ''}"


def _how(grounds: Grounds) -> str:
    found = (
        "Software compared the video with lists of known material or looked at it with models; "
        "what it reported is a likelihood, not a proof. "
        if grounds.reasons
        else ""
    )
    by = (
        "A person decided."
        if grounds.by_person
        else "The decision was taken automatically, by the rules named above; no person took part."
    )
    return f"{found}{by} It was the service's own initiative, not a notice by somebody else."


def _bridge(screening: Screening) -> Fraction:
    return Fraction(screening.coverage.max_gap_wanted_s).limit_denominator(10**6)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def warnings(grounds: Grounds, policy: Policy | None) -> Iterable[str]:
    """What whoever sends it should know."""
    if policy is None:
        yield "the policy is not kept here: its clauses, terms and words are missing"
    elif not policy.terms.appeal:
        yield "the policy does not say how to object: fill in `appeal` under [statement]"
    findings = [finding for reason in grounds.reasons for finding in reason.findings]
    if any(labels.covers(labels.CHILD_SAFETY, f.label) for f in findings):
        yield (
            "child safety: ask whom you report to before you tell the creator; a statement can "
            "warn a suspect (Article 18 DSA)"
        )
