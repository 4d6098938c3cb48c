"""Policies, verdicts and decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from framegate.domain.findings import Finding, Status
from framegate.domain.span import Span


class Action(StrEnum):
    """What a verdict says, mildest first."""

    ALLOW = "allow"
    RESTRICT = "restrict"  # publish with an audience limit
    REVIEW = "review"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Condition:
    """One label of a rule: met by enough evidence of it (the fields are those of `Rule`)."""

    label: str
    threshold: float
    min_samples: int = 1
    min_analysers: int = 1
    min_duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """``label`` covers its children (``sexual`` covers ``sexual.explicit``).

    ``threshold`` compares with the calibrated score where there is one, else with the raw score.
    A rule without a label combines conditions: every one of ``all``, and where ``any`` names some,
    at least one of those. There is no "not": one finding more must never make a verdict milder.
    """

    id: str
    label: str
    threshold: float
    action: Action
    audience: str = ""  # for restrict, for example "18+"
    require_calibration: bool = True  # only then may a detector block
    min_samples: int = 1  # findings at or over the threshold that it takes
    min_analysers: int = 1  # different ones that must agree on a sample for it to count
    reason: str = ""  # words for the creator
    dsa_category: str = ""  # EU DSA statement-of-reasons category
    escalate: bool = False  # a match goes to the people named for emergencies, whatever follows
    min_duration_s: float = 0.0  # evidence, its near spans merged, lasts so long in all
    all: tuple[Condition, ...] = ()
    any: tuple[Condition, ...] = ()
    hidden_from: tuple[str, ...] = ()  # for restrict: audiences of the policy that may not see it
    blur: bool = False  # with allow: published, with the pictures of its findings blurred
    blur_margin_s: float = 0.0  # blurred at least so long before and after what was seen
    clause: str = ""  # of the terms, for the statement of reasons
    law: str = ""  # where the ground is law: the law that is broken

    @property
    def needs(self) -> tuple[Condition, ...]:
        """The conditions that must all be met."""
        if not self.label:
            return self.all
        own = Condition(
            self.label, self.threshold, self.min_samples, self.min_analysers, self.min_duration_s
        )
        return (own, *self.all)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that it names."""
        return tuple(dict.fromkeys(one.label for one in (*self.needs, *self.any)))


@dataclass(frozen=True, slots=True)
class Audience:
    """Viewers of an age and, with ``regions``, of some countries (ISO 3166-1 alpha-2).

    By age a viewer belongs to the audience without regions whose ``min_age`` is the highest that
    they have reached; by country to each whose regions name it. They may see what is hidden from
    none of these.
    """

    id: str
    min_age: int = 0
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What statements of reasons say of the service. Empty means not said."""

    service: str = ""  # its name
    terms_url: str = ""
    appeal: str = ""  # how a creator objects, in words
    countries: tuple[str, ...] = ()  # of the EEA, in which the service restricts; none: all


@dataclass(frozen=True, slots=True)
class Policy:
    """Read from TOML; ``sha256`` is over the file's bytes."""

    name: str
    version: str
    sha256: str
    rules: tuple[Rule, ...]
    required: tuple[str, ...]  # analysers that must be ok, else review
    max_gap_s: float | None = None
    qa_sampling: float = 0.0  # probability that an automatic verdict is re-reviewed
    audiences: tuple[Audience, ...] = ()
    terms: Terms = field(default_factory=Terms)
    schema_version: int = 1  # of the file


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is what it is: the rule, the finding, the words."""

    rule: str
    action: Action
    words: str
    findings: tuple[Finding, ...] = ()
    wanted: Action | None = None  # what the rule said before calibration held it back
    status: Status = Status.OK
    dsa_category: str = ""
    escalate: bool = False
    hidden_from: tuple[str, ...] = ()  # audiences
    blur: bool = False  # the policy asks to blur what these findings show


@dataclass(frozen=True, slots=True)
class AudienceVerdict:
    """Whether an audience may see the video once it is published, and the rules that say no."""

    id: str
    min_age: int
    regions: tuple[str, ...]
    may_see: bool
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of decide. Same inputs, same verdict."""

    action: Action
    audience: str
    reasons: tuple[Reason, ...]
    policy: str
    policy_version: str
    policy_sha256: str
    models: tuple[tuple[str, str], ...]  # analyser, model SHA-256 (or version)
    guarantee: str | None = None  # None: nothing was calibrated
    spans: tuple[Span, ...] = ()
    escalate: bool = False  # at least one reason says so
    audiences: tuple[AudienceVerdict, ...] = ()  # of a policy that names some
    blur: tuple[Span, ...] = ()  # blurred in all pictures that are published


@dataclass(frozen=True, slots=True)
class Decision:
    """An append-only record: who decided what, when, under which policy."""

    id: str
    asset_id: str
    actor: str  # "policy" or "person:NAME"
    at: datetime
    verdict: Verdict
    sampling_probability: float
    note: str = ""
