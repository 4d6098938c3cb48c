"""What analysers saw."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from framegate.domain.span import Span

EXACT_LEVEL = "hash"
"""Analysers of this level match known bytes and hashes: evidence, not a model's opinion."""


class Status(StrEnum):
    """Whether a look happened. Only ``ok`` is evidence of absence."""

    OK = "ok"
    UNAVAILABLE = "unavailable"  # asked for, cannot: no model, unsupported language
    SKIPPED = "skipped"  # not applicable here, for example speech without audio
    NOT_RUN = "not-run"  # switched off


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in shares of the displayed picture, 0..1 from the top left."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One label, seen once. Raw scores are the model's own; ``score`` is calibrated or None."""

    analyser: str
    analyser_version: str
    label: str  # dotted, up to three levels: sexual.explicit.nudity
    status: Status
    raw_score: float | None
    score: float | None = None
    calibration_id: str | None = None
    span: Span | None = None
    region: Region | None = None
    sample: int | None = None  # index of the sample that is the evidence
    detail: str = ""  # words for people; never a score
    track: int | None = None  # of the source, in which it was heard or read
    variant: str = ""  # how it was asked, where that has a calibration of its own: order-2

    @property
    def number(self) -> float | None:
        """What a threshold compares with: the calibrated score where there is one, else the raw
        one; None where that is no finite number.
        """
        value = self.raw_score if self.score is None else self.score
        return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class AnalyserRun:
    """That an analyser ran, on what, or why it did not."""

    analyser: str
    version: str
    level: str
    status: Status
    reason: str
    labels: tuple[str, ...]
    model: str | None = None  # registry name
    model_sha256: str | None = None
    samples_seen: int = 0
    cpu_s: float = 0.0
    track: int | None = None  # audio track that it listened to
    counts: tuple[tuple[str, int], ...] = ()  # what it took, by name: questions of each kind
    retryable: bool = False  # unavailable for a reason that may pass: a server away, a part missing


@dataclass(frozen=True, slots=True)
class Tag:
    """A descriptive word (never a policy label), scored 0..1 by its model."""

    name: str
    score: float
    category: str = ""
