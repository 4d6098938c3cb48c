"""Who may see a video under a policy's restrictions. Pure.

Ages and countries are told apart: an age limit hides from the audiences by age that are too young,
a rule that names audiences hides from those. See `framegate.domain.policy.Audience`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from framegate.domain.policy import Action, AudienceVerdict, Policy, Reason


def seen_by(policy: Policy, reasons: Sequence[Reason]) -> tuple[AudienceVerdict, ...]:
    """Who may see it once it is published: not those it is hidden from, nor the too young."""
    ages = {
        rule.id: _strictness(rule.audience)[0]
        for rule in policy.rules
        if rule.action is Action.RESTRICT and rule.audience
    }
    blocked = [reason.rule for reason in reasons if reason.action is Action.BLOCK]
    told = []
    for one in policy.audiences:
        rules = {
            *blocked,
            *(r.rule for r in reasons if one.id in r.hidden_from and r.action is Action.RESTRICT),
            *(
                r.rule
                for r in reasons
                if r.action is Action.RESTRICT
                and not one.regions
                and one.min_age < ages.get(r.rule, 0)
            ),
        }
        told.append(
            AudienceVerdict(
                one.id, one.min_age, one.regions, may_see=not rules, rules=tuple(sorted(rules))
            )
        )
    return tuple(told)


def in_short(
    policy: Policy, reasons: Iterable[Reason], audiences: Iterable[AudienceVerdict]
) -> str:
    """The restrictions in short: the highest age, and the audiences that it does not tell."""
    fired = {reason.rule for reason in reasons}
    limits = {
        rule.audience
        for rule in policy.rules
        if rule.id in fired and rule.action is Action.RESTRICT and rule.audience
    }
    age = max(limits, key=_strictness, default="")
    hidden = {
        name
        for reason in reasons
        if reason.action is Action.RESTRICT
        for name in reason.hidden_from
    }
    told = [
        one.id
        for one in audiences
        if one.id in hidden and (one.regions or one.min_age >= _strictness(age)[0])
    ]
    if not told:
        return age
    return f"{age}, not {', '.join(told)}" if age else f"all but {', '.join(told)}"


def _strictness(audience: str) -> tuple[int, str]:
    """By the leading age ("18+" over "16+"); words without one come below any age."""
    number = re.match(r"\d+", audience)
    return (int(number.group()) if number else -1, audience)
