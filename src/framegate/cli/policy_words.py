"""Explanations and differences of policies, as lines for people and as objects for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from framegate.cli.show import lines_below, spans_object
from framegate.domain.blurring import covered_s
from framegate.domain.counted import counted
from framegate.domain.explaining import RuleTold, State, Told, number_of
from framegate.domain.findings import Finding
from framegate.domain.policy import Verdict
from framegate.domain.serial import dump
from framegate.errors import printable
from framegate.services.policies import Change, Difference, Explained

_STATES = {
    State.MET: ("met", "bold yellow"),
    State.DOUBT: ("doubt", "bold yellow"),
    State.NOT_MET: ("not met", "dim"),
    State.UNSEEN: ("nothing seen", "dim"),
}


def verdict_words(verdict: Verdict) -> str:
    """``restrict 18+``, ``review``, ``allow, 3.4 s blurred``."""
    words = f"{verdict.action.value} {verdict.audience}".strip()
    return f"{words}, {float(covered_s(verdict.blur)):.1f} s blurred" if verdict.blur else words


def explanation_lines(told: Explained, *, other: bool) -> Iterator[RenderableType]:
    """``other``: explained with another policy than the one that decided."""
    verdict = told.explanation.verdict
    policy = f"{verdict.policy} {verdict.policy_version} ({verdict.policy_sha256[:12]})"
    rows = [("policy", policy)]
    if other:
        rows.append(("was", verdict_words(told.stored.decided.verdict)))
    else:
        same = "decided anew from what was stored: the same to the last bit"
        rows.append(("anew", same if told.reproduced else "decided anew it comes out otherwise"))
    if told.stored.outcome.decision.actor != "policy":
        actor = told.stored.outcome.decision.actor.removeprefix("person:")
        rows.append(("then", f"{actor} decided: {told.stored.outcome.decision.verdict.action}"))
    rows += [
        (
            "audience",
            f"{one.id}: {'may see it' if one.may_see else f'not ({", ".join(one.rules)})'}",
        )
        for one in verdict.audiences
    ]
    name = printable(told.stored.asset.name)
    yield lines_below(Text.assemble((verdict_words(verdict), "bold"), f"  {name}"), rows)
    for reason in told.explanation.others:
        head = Text.assemble(f"{reason.action.value:<13}", (reason.rule, "bold"))
        yield lines_below(head, [("because", reason.words)])
    for rule in told.explanation.rules:
        yield _rule(rule)


def _rule(rule: RuleTold) -> RenderableType:
    words, style = _STATES[rule.state]
    head = Text.assemble((f"{words:<13}", style), (rule.id, "bold"), f"  asks for {rule.asked}")
    if rule.got is not None and rule.got.value not in rule.asked:
        head.append(f", got {rule.got.value}")
    if rule.decisive:
        head.append("  ← decides", style="bold")
    rows = [("because", text) for text in rule.words]
    if rule.state is not State.UNSEEN:
        rows += [("all of" if len(rule.all) > 1 else "saw", _condition(one)) for one in rule.all]
        rows += [("any of", _condition(one)) for one in rule.any]
        rows.append(("change", rule.change))
    return lines_below(head, rows)


def _condition(one: Told) -> str:
    if one.best is None:
        return f"{one.label}: nothing"
    parts = [f"best {_place(one.best)}"]
    if one.exact:
        parts.append("an exact match, whatever the threshold")
    elif one.distance is not None:
        side = "over" if one.distance >= 0 else "under"
        parts.append(f"{abs(one.distance):.4g} {side} the threshold {one.threshold:g}")
    if one.min_samples > 1:
        parts.append(f"{counted(one.samples, 'sample')} of {one.min_samples}")
    if one.min_analysers > 1:
        names = ", ".join(one.analysers) or "none"
        parts.append(f"{one.min_analysers} analysers must agree (agreed: {names})")
    if one.min_duration_s:
        parts.append(f"{one.duration_s:.4g} s of {one.min_duration_s:g} s")
    return f"{one.label}: {'; '.join(parts)}; {'met' if one.met else 'not met'}"


def _place(finding: Finding) -> str:
    at = f" at {float(finding.span.start):.2f} s" if finding.span else ""
    return f"{number_of(finding)} by {finding.analyser} ({finding.label}){at}"


def explanation_object(told: Explained, *, other: bool) -> dict[str, Any]:
    """As ``--json`` shows it (docs/reference/json.md)."""
    verdict = told.explanation.verdict
    return {
        "asset_id": told.stored.asset.id,
        "name": told.stored.asset.name,
        "output": told.stored.outcome.output,
        "policy": _policy(verdict),
        "action": verdict.action.value,
        "audience": verdict.audience,
        "audiences": [dump(one) for one in verdict.audiences],
        "blur": spans_object(verdict.blur),
        "reproduced": None if other else told.reproduced,
        "decided_by": told.stored.outcome.decision.actor,
        "in_force": told.stored.outcome.decision.verdict.action.value,
        "others": [
            {"rule": one.rule, "action": one.action.value, "words": one.words}
            for one in told.explanation.others
        ],
        "rules": [
            {
                "id": rule.id,
                "asked": rule.asked,
                "got": rule.got.value if rule.got else None,
                "state": rule.state.value,
                "decisive": rule.decisive,
                "words": list(rule.words),
                "all": [_condition_object(one) for one in rule.all],
                "any": [_condition_object(one) for one in rule.any],
                "change": rule.change,
            }
            for rule in told.explanation.rules
        ],
    }


def _condition_object(one: Told) -> dict[str, Any]:
    best = None
    if one.best is not None:
        best = {
            "analyser": one.best.analyser,
            "label": one.best.label,
            "number": one.best.number,
            "calibrated": one.best.score is not None,
            "at_s": float(one.best.span.start) if one.best.span else None,
            "sample": one.best.sample,
        }
    return {
        "label": one.label,
        "threshold": one.threshold,
        "met": one.met,
        "best": best,
        "exact": one.exact,
        "distance": one.distance,
        "turns_at": one.turns_at,
        "findings": one.findings,
        "samples": one.samples,
        "min_samples": one.min_samples,
        "analysers": list(one.analysers),
        "min_analysers": one.min_analysers,
        "duration_s": one.duration_s,
        "min_duration_s": one.min_duration_s,
    }


def difference_object(found: Difference) -> dict[str, Any]:
    """As ``--json`` shows it (docs/reference/json.md)."""
    changed = found.changed
    pairs = Counter((one.before.action.value, one.after.action.value) for one in changed)
    return {
        "old": {
            "name": found.old.name,
            "version": found.old.version,
            "sha256": found.old.sha256,
        },
        "new": {
            "name": found.new.name,
            "version": found.new.version,
            "sha256": found.new.sha256,
        },
        "compared": len(found.compared),
        "changed": len(changed),
        "graver": sum(one.graver for one in changed),
        "gone": found.gone,
        "counts": [
            {"before": before, "after": after, "count": count}
            for (before, after), count in sorted(pairs.items())
        ],
        "changes": [_change(one) for one in changed],
    }


def _change(one: Change) -> dict[str, Any]:
    return {
        "asset_id": one.asset.id,
        "name": one.asset.name,
        "output": one.output,
        "before": _verdict(one.before),
        "after": _verdict(one.after),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "action": verdict.action.value,
        "audience": verdict.audience,
        "escalate": verdict.escalate,
        "may_see": [one.id for one in verdict.audiences if one.may_see]
        if verdict.audiences
        else None,
        "rules": [reason.rule for reason in verdict.reasons],
    }


def _policy(verdict: Verdict) -> dict[str, str]:
    return {
        "name": verdict.policy,
        "version": verdict.policy_version,
        "sha256": verdict.policy_sha256,
    }
