"""Policies, verdicts and decisions."""

from __future__ import annotations

from dataclasses import dataclass
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
class Rule:
    """``label`` covers its children (``sexual`` covers ``sexual.explicit``).

    ``threshold`` compares with the calibrated score where there is one, else with the raw score.
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
