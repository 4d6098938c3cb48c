"""How a ladder was fitted to its video: what was tried, what was chosen, what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LadderMode(StrEnum):
    """Where sizes and CRFs come from."""

    PER_TITLE = "per-title"  # trial encodes of parts of the video
    FIXED = "fixed"  # the same for every video of a size


@dataclass(frozen=True, slots=True)
class TrialPoint:
    """One size at one CRF: the mean of all stretches. ``vmaf`` is that of the picture scaled up to
    the largest size; ``bitrate`` (bit/s) is what whole GOPs of such pictures would take.
    """

    rendition: str
    width: int
    height: int
    crf: float
    bitrate: int
    vmaf: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """Output frames ``first_frame`` to ``first_frame + frames - 1``."""

    first_frame: int
    frames: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a chosen rung is expected to come to."""

    rendition: str
    crf: float
    bitrate: int
    vmaf: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A size that the fixed ladder has and this one does without."""

    rendition: str
    why: str


@dataclass(frozen=True, slots=True)
class TitleLadder:
    """The trials behind a ladder. ``skipped`` says why nothing was tried; the ladder is then the
    fixed one and the rest is empty.
    """

    stretches: tuple[Stretch, ...] = ()
    points: tuple[TrialPoint, ...] = ()
    predictions: tuple[Prediction, ...] = ()  # smallest rung first
    left_out: tuple[LeftOut, ...] = ()
    skipped: str = ""
