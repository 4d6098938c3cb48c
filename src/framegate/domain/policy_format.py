"""The format of a policy file, version 2 and version 1, as pydantic models. Pure.

The JSON schemas that ship beside the default policy are generated from these, so that an editor
and framegate agree on what is right. Described for people in docs/reference/policy.md.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from framegate.domain import labels
from framegate.domain.dsa import Category, Country
from framegate.domain.taxonomy import shipped

LABEL = f"^{labels.PATTERN}$"
ANALYSER = r"^[a-z0-9]+([._-][a-z0-9]+)*$"
RULE_ID = r"^[a-z0-9]+(-[a-z0-9]+)*$"  # no dot: ids with a dot are framegate's own
REGION = r"^[A-Z]{2}$"


def _in_taxonomy(label: str) -> str:
    if problem := label_problem(label):
        raise ValueError(problem)
    return label


def label_problem(label: str) -> str:
    """What is wrong with a label, in words, or nothing."""
    if not re.match(LABEL, label) or shipped().get(label) is not None:
        return ""  # a misspelt pattern is told by the pattern
    near = shipped().nearest(label)
    return f'the taxonomy has no label "{label}"' + (f'; did you mean "{near}"?' if near else "")


type Name = Annotated[str, Field(pattern=RULE_ID, max_length=60)]
type Threshold = Annotated[
    float,
    Field(
        strict=True,  # or `true` would be a threshold of 1, which nothing reaches
        ge=0,
        le=1,
        description="Compared with the calibrated score, else the raw one",
    ),
]
type Samples = Annotated[
    int, Field(strict=True, ge=1, le=1000, description="Distinct samples at or over the threshold")
]
type Analysers = Annotated[
    int,
    Field(strict=True, ge=1, le=20, description="Different analysers that must agree on a sample"),
]
type Duration = Annotated[
    float,
    Field(
        strict=True,
        ge=0,
        le=86400,
        description="Evidence, near spans merged, lasts so long in all, seconds",
    ),
]
type PlainLabel = Annotated[
    str, Field(pattern=LABEL, description="Label of the taxonomy; it covers its children")
]
type KnownLabel = Annotated[PlainLabel, AfterValidator(_in_taxonomy)]
type Words = Annotated[
    str, Field(min_length=1, max_length=500, description="Words for the creator")
]
type DsaCategory = Annotated[
    Category | Literal[""], Field(description="EU DSA statement-of-reasons category")
]
type Escalate = Annotated[
    bool, Field(description="A match goes to the people named for emergencies")
]
type Calibrated = Annotated[
    bool, Field(description="Only a calibrated detector may block; hash lists are exact")
]


class Entry(BaseModel):
    """A table that takes no keys but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleEntryV1(Entry):
    """One [[rules]] table: what is seen, from which score on, and what follows."""

    id: Annotated[str, Field(pattern=RULE_ID, description="Unique name, shown in reasons")]
    label: PlainLabel
    threshold: Threshold
    action: Annotated[
        Literal["allow", "restrict", "review", "block"],
        Field(description="What follows; allow only notes the match"),
    ]
    audience: Annotated[
        str, Field(max_length=40, description='Limit of a restriction, for example "18+"')
    ] = ""
    require_calibration: Calibrated = True
    min_samples: Samples = 1
    min_analysers: Analysers = 1
    reason: Words
    dsa_category: DsaCategory = ""
    escalate: Escalate = False

    @model_validator(mode="after")
    def _audience_belongs_to_restrict(self) -> RuleEntryV1:
        if (self.action == "restrict") != bool(self.audience):
            raise ValueError('"audience" goes with action "restrict", and only with it')
        return self


class ConditionEntry(Entry):
    """One label in a combination, met by enough evidence of it."""

    label: KnownLabel
    threshold: Threshold
    min_samples: Samples = 1
    min_analysers: Analysers = 1
    min_duration_s: Duration = 0.0


class RuleEntry(Entry):
    """One [[rules]] table: what is seen, from which score on, and what follows."""

    id: Annotated[str, Field(pattern=RULE_ID, description="Unique name, shown in reasons")]
    label: KnownLabel | None = None
    threshold: Threshold | None = None
    min_samples: Samples | None = None
    min_analysers: Analysers | None = None
    min_duration_s: Duration | None = None
    all: Annotated[
        tuple[ConditionEntry, ...],
        Field(max_length=10, description="In place of label: every one must be met"),
    ] = ()
    any: Annotated[
        tuple[ConditionEntry, ...],
        Field(max_length=20, description="In place of label: at least one must be met"),
    ] = ()
    action: Annotated[
        Literal["allow", "age-restrict", "blur", "review", "block"],
        Field(description="What follows; allow only notes the match"),
    ]
    min_age: Annotated[
        int | None, Field(ge=1, le=99, description="For age-restrict: who may see it")
    ] = None
    blur_margin_s: Annotated[
        float | None,
        Field(
            strict=True,
            ge=0,
            le=60,
            description="For blur: blurred at least so long before and after, seconds",
        ),
    ] = None
    audiences: Annotated[
        tuple[Name, ...],
        Field(description="For block: hidden from these alone, published for the others"),
    ] = ()
    require_calibration: Calibrated = True
    reason: Words
    dsa_category: DsaCategory = ""
    escalate: Escalate = False
    clause: Annotated[
        str, Field(max_length=200, description="Clause of the terms, for statements of reasons")
    ] = ""
    law: Annotated[
        str, Field(max_length=300, description="The law that is broken, where the ground is law")
    ] = ""

    @model_validator(mode="after")
    def _fits_together(self) -> RuleEntry:
        own = (self.min_samples, self.min_analysers, self.min_duration_s, self.threshold)
        if self.label is None:
            if not self.all and not self.any:
                raise ValueError('it needs a "label", or conditions in "all" or "any"')
            if own != (None,) * len(own):
                raise ValueError("thresholds and minimums of a combination stand in its conditions")
        elif self.all or self.any:
            raise ValueError('"label" and "all" or "any" exclude each other')
        elif self.threshold is None:
            raise ValueError('"label" needs a "threshold"')
        if (self.action == "age-restrict") != (self.min_age is not None):
            raise ValueError('"min_age" goes with action "age-restrict", and only with it')
        if self.blur_margin_s is not None and self.action != "blur":
            raise ValueError('"blur_margin_s" goes with action "blur" alone')
        if self.audiences and self.action != "block":
            raise ValueError('"audiences" goes with action "block" alone')
        return self


class AudienceEntry(Entry):
    """One [[audiences]] table: viewers of an age, or of some countries."""

    id: Annotated[Name, Field(description="Name, used by rules and in verdicts")]
    min_age: Annotated[
        int, Field(ge=0, le=99, description="Youngest of them; the next older audience takes over")
    ] = 0
    regions: Annotated[
        tuple[Annotated[str, Field(pattern=REGION)], ...],
        Field(max_length=250, description="Countries (ISO 3166-1 alpha-2); none: everywhere"),
    ] = ()

    @model_validator(mode="after")
    def _age_or_country(self) -> AudienceEntry:
        if self.regions and self.min_age:
            raise ValueError("an audience is told by its age or by its regions, not by both")
        return self


class TermsEntry(Entry):
    """The [statement] table: what statements of reasons say of the service."""

    service: Annotated[str, Field(max_length=100, description="Name of the service")] = ""
    terms_url: Annotated[
        str, Field(pattern=r"^(https?://\S+)?$", max_length=500, description="Its terms")
    ] = ""
    appeal: Annotated[
        str, Field(max_length=1000, description="How a creator objects, in words")
    ] = ""
    countries: Annotated[
        tuple[Country, ...],
        Field(description="Of the European Economic Area, where it restricts; none: all of it"),
    ] = ()


class _PolicyFile(Entry):
    name: Annotated[str, Field(pattern=RULE_ID, description="Name of the policy")]
    version: Annotated[
        str, Field(min_length=1, max_length=40, description="Yours to choose; every verdict has it")
    ]
    required: Annotated[
        tuple[Annotated[str, Field(pattern=ANALYSER)], ...],
        Field(description="Analysers that must have looked, else a person decides"),
    ] = ()
    max_gap_s: Annotated[
        float | None,
        Field(gt=0, le=3600, description="Longest stretch without a look, seconds"),
    ] = None
    qa_sampling: Annotated[
        float,
        Field(ge=0, le=1, description="Share of automatic verdicts that people check blind"),
    ] = 0.0


class PolicyFileV1(_PolicyFile):
    """A framegate policy, version 1 of the format."""

    model_config = ConfigDict(title="framegate policy, version 1")

    schema_version: Annotated[Literal[1], Field(description="Version of this format")]
    rules: Annotated[
        tuple[RuleEntryV1, ...],
        Field(max_length=1000, description="All are applied; order is free"),
    ] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> PolicyFileV1:
        _unique([rule.id for rule in self.rules], "rules")
        return self


class PolicyFile(_PolicyFile):
    """A framegate policy."""

    model_config = ConfigDict(title="framegate policy")

    schema_version: Annotated[Literal[2], Field(description="Version of this format")]
    statement: TermsEntry = TermsEntry()
    audiences: Annotated[
        tuple[AudienceEntry, ...], Field(max_length=50, description="Who may be told apart")
    ] = ()
    rules: Annotated[
        tuple[RuleEntry, ...],
        Field(max_length=1000, description="All are applied; order is free"),
    ] = ()

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> PolicyFile:
        _unique([rule.id for rule in self.rules], "rules")
        _unique([one.id for one in self.audiences], "audiences")
        ages = [str(one.min_age) for one in self.audiences if not one.regions]
        if len(set(ages)) < len(ages):
            raise ValueError("two audiences begin at the same age")
        known = {one.id for one in self.audiences}
        for rule in self.rules:
            for name in rule.audiences:
                if name not in known:
                    raise ValueError(f'rule "{rule.id}" names the audience "{name}", unknown here')
        return self


def _unique(ids: list[str], what: str) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ValueError(f'two {what} have the id "{one}"')
        seen.add(one)
