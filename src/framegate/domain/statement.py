"""A statement of reasons: what the DSA Transparency Database is told of a decision. Pure.

Article 17 of Regulation (EU) 2022/2065 asks for reasons, Article 24(5) for a copy without personal
data. `Record` is the body of the database's ``POST /api/v1/statement`` as in force since July 2025;
``policies/dsa-statement.schema.json`` is the same, written apart from it.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from framegate.domain import labels
from framegate.domain.asset import Asset
from framegate.domain.dsa import Category, Country, Keyword
from framegate.domain.policy import Action, Decision, Policy, Reason, Rule
from framegate.domain.span import Span
from framegate.domain.taxonomy import shipped
from framegate.errors import Internal, NothingToState, UsageInvalid

EEA: tuple[str, ...] = typing.get_args(Country.__value__)
AGE_RESTRICTED = "DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED"
DISABLED = "DECISION_VISIBILITY_CONTENT_DISABLED"
OTHER = "DECISION_VISIBILITY_OTHER"
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_SHORTEST_NAME = 4  # a shorter one is in half of all words

type Text = Annotated[str, Field(min_length=1, max_length=500)]
type LongText = Annotated[str, Field(min_length=1, max_length=2000)]


class Record(BaseModel):
    """One statement, as it is sent. Attributes that framegate never sends are left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision_visibility: Annotated[
        tuple[
            Literal[
                "DECISION_VISIBILITY_CONTENT_DISABLED",
                "DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED",
                "DECISION_VISIBILITY_OTHER",
            ],
            ...,
        ],
        Field(min_length=1),
    ]
    decision_visibility_other: Text | None = None
    decision_ground: Literal[
        "DECISION_GROUND_ILLEGAL_CONTENT", "DECISION_GROUND_INCOMPATIBLE_CONTENT"
    ]
    decision_ground_reference_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    illegal_content_legal_ground: Text | None = None
    illegal_content_explanation: LongText | None = None
    incompatible_content_ground: Text | None = None
    incompatible_content_explanation: LongText | None = None
    content_type: tuple[Literal["CONTENT_TYPE_VIDEO"], ...] = ("CONTENT_TYPE_VIDEO",)
    category: Category
    category_addition: tuple[Category, ...] | None = None
    category_specification: tuple[Keyword, ...] | None = None
    territorial_scope: Annotated[tuple[Country, ...], Field(min_length=1)]
    content_language: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    content_date: date
    application_date: date
    decision_facts: Annotated[str, Field(min_length=1, max_length=5000)]
    source_type: Literal["SOURCE_VOLUNTARY"] = "SOURCE_VOLUNTARY"
    automated_detection: Literal["Yes", "No"]
    automated_decision: Literal["AUTOMATED_DECISION_FULLY", "AUTOMATED_DECISION_NOT_AUTOMATED"]
    puid: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,500}$")]

    @model_validator(mode="after")
    def _what_goes_together(self) -> Record:
        illegal = self.decision_ground == "DECISION_GROUND_ILLEGAL_CONTENT"
        law = (self.illegal_content_legal_ground, self.illegal_content_explanation)
        terms = (self.incompatible_content_ground, self.incompatible_content_explanation)
        wanted, unwanted = (law, terms) if illegal else (terms, law)
        if None in wanted or unwanted != (None, None):
            raise ValueError("the ground and its explanation do not belong together")
        if (OTHER in self.decision_visibility) != bool(self.decision_visibility_other):
            raise ValueError("another restriction is told in words, and only such a one")
        return self


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a restricting decision rests on, gravest reason first."""

    reasons: tuple[Reason, ...]  # those that restrict; after a person's word those it rests on
    rules: tuple[Rule, ...]  # of the policy, where it is kept
    restricted_in: tuple[str, ...]  # countries of the EEA
    hidden_from: tuple[str, ...]  # audiences without regions that an age limit doesn't tell
    min_age: str  # "18+", or nothing
    blocked: bool  # nobody may see it
    blurred: tuple[Span, ...]  # stretches whose pictures are hidden from all
    by_person: bool
    explanation: str  # of the person who exports it, may be empty


def grounds_of(decision: Decision, policy: Policy | None, explanation: str = "") -> Grounds:
    """Raises `NothingToState` where the decision in force restricts nothing."""
    verdict = decision.verdict
    if verdict.action is Action.REVIEW:
        raise NothingToState("nothing is decided yet", "a person has to")
    blurred = verdict.blur if verdict.action in {Action.ALLOW, Action.RESTRICT} else ()
    if verdict.action is Action.ALLOW and not blurred:
        raise NothingToState("the decision restricts nothing", "the video was allowed")
    by_person = decision.actor != "policy"
    wanted = {verdict.action} if not by_person else {Action.RESTRICT, Action.REVIEW, Action.BLOCK}
    if verdict.action is Action.ALLOW:
        wanted = set()  # what is blurred is all that is restricted
    reasons = tuple(
        reason
        for reason in verdict.reasons
        if (reason.action in wanted or (blurred and reason.blur))
        and reason.rule != "person"
        and ("." not in reason.rule or reason.dsa_category)  # framegate's own rest on no offence
    )
    regions: list[str] = []
    hidden: list[str] = []
    if verdict.action is Action.RESTRICT:
        away = {name for reason in reasons for name in reason.hidden_from}
        for one in verdict.audiences:
            if one.id in away:
                regions += one.regions
                hidden += [] if one.regions else [one.id]
    age = re.match(r"\d+\+", verdict.audience) if verdict.action is Action.RESTRICT else None
    known = {rule.id: rule for rule in policy.rules} if policy else {}
    return Grounds(
        reasons=reasons,
        rules=tuple(known[reason.rule] for reason in reasons if reason.rule in known),
        restricted_in=tuple(dict.fromkeys(regions)),
        hidden_from=tuple(hidden),
        min_age=age.group() if age else "",
        blocked=verdict.action is Action.BLOCK,
        blurred=blurred,
        by_person=by_person,
        explanation=explanation.strip(),
    )


def record_of(
    asset: Asset, decision: Decision, grounds: Grounds, policy: Policy | None, category: str = ""
) -> dict[str, Any] | None:
    """The record as it is sent, or None where nothing is restricted in the EEA.

    Raises `UsageInvalid` when no category is known, or a text names a person.
    """
    scope = _scope(grounds, policy)
    if not scope:
        return None
    categories = _categories(grounds, category)
    law = next((rule.law for rule in grounds.rules if rule.law), "")
    clause = next((rule.clause for rule in grounds.rules if rule.clause), "")
    verdict = decision.verdict
    named = f"Rule {grounds.reasons[0].rule} of the policy" if grounds.reasons else "The policy"
    ground = clause or f"{named} {verdict.policy}, version {verdict.policy_version}"
    why = _explanation(grounds)
    _require_nobody(asset, decision, why, ground, law)
    told: dict[str, Any] = {
        **_visibility(grounds, policy),
        "decision_ground": f"DECISION_GROUND_{'ILLEGAL' if law else 'INCOMPATIBLE'}_CONTENT",
        "decision_ground_reference_url": policy.terms.terms_url or None if policy else None,
        "illegal_content_legal_ground" if law else "incompatible_content_ground": law or ground,
        f"{'illegal' if law else 'incompatible'}_content_explanation": why[:2000],
        "category": categories[0],
        "category_addition": categories[1:] or None,
        "category_specification": _keywords(grounds, categories) or None,
        "territorial_scope": scope,
        "content_language": _language(asset),
        "content_date": asset.first_seen.date(),
        "application_date": decision.at.date(),
        "decision_facts": _facts(grounds, why)[:5000],
        "automated_detection": "Yes" if grounds.reasons else "No",
        "automated_decision": "AUTOMATED_DECISION_NOT_AUTOMATED"
        if grounds.by_person
        else "AUTOMATED_DECISION_FULLY",
        "puid": decision.id,
    }
    try:
        record = Record.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Internal(
            "the statement is not what it must be", f"{place}: {first['msg']}"
        ) from error
    return record.model_dump(mode="json", exclude_none=True)


def _visibility(grounds: Grounds, policy: Policy | None) -> dict[str, Any]:
    """How it is restricted; what is shown nowhere, or nowhere in some countries, is disabled."""
    found = [AGE_RESTRICTED] if grounds.min_age else []
    if grounds.blocked or grounds.restricted_in:
        found.append(DISABLED)
    words = []
    if grounds.blurred:
        words.append("The pictures of parts of the video are blurred; the rest is shown")
    if grounds.hidden_from:
        ages = {one.id: one.min_age for one in policy.audiences} if policy else {}
        told = [
            f"{name} (from {ages[name]} years)" if name in ages else name
            for name in grounds.hidden_from
        ]
        words.append(f"Not shown to these audiences: {', '.join(told)}")
    if not found and not words:  # an audience in words, of a policy of version 1
        words.append("Shown to a limited audience")
    if words:
        found.append(OTHER)
    other = ". ".join(words)[:500] or None
    return {"decision_visibility": found, "decision_visibility_other": other}


def _scope(grounds: Grounds, policy: Policy | None) -> list[str]:
    """Countries of the EEA: all of the service's, or those of the restriction."""
    service = (policy.terms.countries if policy else ()) or EEA
    everywhere = grounds.min_age or grounds.hidden_from or grounds.blurred
    if grounds.restricted_in and not everywhere:
        return [country for country in service if country in grounds.restricted_in]
    return list(service)


def _categories(grounds: Grounds, category: str) -> list[str]:
    """The category of each reason, gravest first: the rule's, else that of what was found."""
    found = [category] if category else []
    for reason in grounds.reasons:
        own = [reason.dsa_category] if reason.dsa_category else _by_label(reason, "dsa")
        found += own
    found = list(dict.fromkeys(filter(None, found)))
    if not found:
        raise UsageInvalid(
            "The statement has no category",
            "no rule of the policy is behind the decision",
            "Give --category STATEMENT_CATEGORY_…; docs/reference/statement.md lists them",
        )
    return found


def _keywords(grounds: Grounds, categories: Sequence[str]) -> list[str]:
    """Of the labels that were found and whose category is told."""
    found: list[str] = []
    for reason in grounds.reasons:
        for finding in reason.findings:
            label = shipped().get(finding.label)
            if label is not None and label.dsa in categories:
                found += label.dsa_keywords
    told = sorted(set(found))
    return [word for word in told if word != "KEYWORD_OTHER"] or told


def _by_label(reason: Reason, field: str) -> list[str]:
    found = []
    for name in sorted({finding.label for finding in reason.findings}):
        label = shipped().get(name)
        if label is not None:
            found.append(str(getattr(label, field)))
    return found


def _explanation(grounds: Grounds) -> str:
    """The policy's words for what was found, and those of who exports it; nobody else's."""
    words: Iterable[str] = [
        next((rule.reason for rule in grounds.rules if rule.id == reason.rule), reason.words)
        for reason in grounds.reasons
    ]
    return " ".join(dict.fromkeys(filter(None, [*words, grounds.explanation]))) or "See the ground."


def _facts(grounds: Grounds, why: str) -> str:
    found = sorted({f.label for reason in grounds.reasons for f in reason.findings})
    told = [shipped().get(name) for name in found]
    what = [label.title.lower() for label in told if label is not None]
    parts = [why]
    if what:
        parts.append(f"Software reported: {', '.join(dict.fromkeys(what))}.")
    parts.append(
        "A person decided."
        if grounds.by_person
        else "The decision follows from the policy without a person."
    )
    if any(labels.covers(labels.CHILD_SAFETY, name) for name in found):
        parts.append("It was passed on to those named for emergencies.")
    return " ".join(parts)


def _language(asset: Asset) -> str | None:
    first = asset.details.language.split("-")[0].upper()
    return first if re.fullmatch(r"[A-Z]{2}", first) else None


def _require_nobody(asset: Asset, decision: Decision, *texts: str) -> None:
    """Raise `UsageInvalid` where a text names the creator, who decided, or an e-mail address."""
    names = (asset.details.creator, decision.actor.removeprefix("person:"))
    for text in texts:
        low = text.casefold()
        named = any(
            len(name) >= _SHORTEST_NAME
            and name != "policy"
            and re.search(rf"\b{re.escape(name.casefold())}\b", low)
            for name in names
        )
        if named or _ADDRESS.search(text):
            raise UsageInvalid(
                "The record would name a person",
                "the Transparency Database takes no personal data",
                "Change the words of the rule, or --explanation",
            )
