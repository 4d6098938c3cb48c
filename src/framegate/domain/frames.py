"""Frames that are looked at, and what was measured on the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from framegate.domain.span import Span

type Pixels = NDArray[np.uint8]  # (height, width, 3) RGB


class SampleReason(StrEnum):
    """Why a frame was chosen."""

    SHOT = "shot"  # first look at a shot
    GAP = "gap"  # the maximum gap was about to be exceeded
    NOVELTY = "novelty"  # looks unlike the last sample
    LAST = "last"  # the last frame
    UNSEEN = "unseen"  # the encode showed a picture unlike those that had been looked at


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames between two cuts: start inclusive, end exclusive, presentation seconds."""

    index: int
    start: Fraction
    end: Fraction


@dataclass(frozen=True, slots=True)
class PictureSignals:
    """Measured on one sample at source resolution (luma). All 0..1 unless said.

    ``sharpness``: variance of the Laplacian over the squared luma deviation, clipped (higher is
    sharper). ``blockiness``: excess gradient at 8-px borders. ``noise``: robust sigma of the
    high-pass residue, 8-bit levels. ``exposure``: mean luma. ``clipped_low`` / ``clipped_high``:
    share of pixels at the ends of the range.
    """

    sharpness: float
    blockiness: float
    noise: float
    exposure: float
    contrast: float
    clipped_low: float
    clipped_high: float


@dataclass(frozen=True, slots=True)
class SampleInfo:
    """A sample without its pixels: what is stored."""

    index: int
    pts: int  # in the video track's time base
    time: Fraction  # presentation seconds from the video's first frame
    shot: int
    reason: SampleReason
    width: int  # of the preview
    height: int
    pdq: str = ""  # 64 hex digits
    pdq_quality: int = 0  # 0..100
    signals: PictureSignals | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A sample as analysers get it.

    ``pixels`` is the preview (long side at most `PREVIEW_LONG_SIDE`, square pixels, upright, BT.709
    full-range RGB); ``active`` is the same without black bars (a view, never a copy).
    """

    info: SampleInfo
    pixels: Pixels
    active: Pixels


PREVIEW_LONG_SIDE = 640


@dataclass(frozen=True, slots=True)
class FrameSignals:
    """Per decoded frame, columns of equal length, at low resolution."""

    pts: tuple[int, ...] = ()
    scene: tuple[float, ...] = ()  # scdet score 0..100
    luma: tuple[float, ...] = ()  # mean, 0..255
    motion: tuple[float, ...] = ()  # mean absolute difference to the frame before, 0..255


@dataclass(frozen=True, slots=True)
class Signals:
    """What was measured on every decoded frame; the sound is that of the default track."""

    frames: FrameSignals
    black: tuple[Span, ...] = ()
    freeze: tuple[Span, ...] = ()
    silence: tuple[Span, ...] = ()
    loudness_lufs: float | None = None  # EBU R 128 integrated; None without audio


@dataclass(frozen=True, slots=True)
class LevelCoverage:
    """What one level of the cascade saw."""

    level: str  # signals, hash, detectors, text, faces, tags, speech
    frames: int
    largest_gap_s: float  # longest stretch without a look, ends included


@dataclass(frozen=True, slots=True)
class MissProbability:
    """Chance that something lasting ``duration_s`` is never looked at: max(0, 1 - d/g), uniform
    start, largest gap g.
    """

    duration_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """The promise: how much was looked at, by whom, and what could have been missed.

    ``unseen_frames`` came out of the encode's decoder unlike anything that was looked at around
    them, and could not be looked at then either.
    """

    frames_in_source: int
    frames_decoded: int
    frames_sampled: int
    max_gap_wanted_s: float
    largest_gap_s: float
    mode: str  # "reference-frames" or "full"
    mode_reason: str
    levels: tuple[LevelCoverage, ...]
    missed: tuple[MissProbability, ...]
    undecodable_frames: int = 0
    met: bool = True
    unseen_frames: int = 0
    torn_frames: int = 0  # another picture in each field, more than cuts between fields explain


@dataclass(frozen=True, slots=True)
class QualityPart:
    """One named share of the quality score."""

    name: str
    score: float  # 0..100
    weight: float
    measured: str  # human words with the unit


@dataclass(frozen=True, slots=True)
class Quality:
    """0..100, the weighted mean of its parts; formula in docs/reference/quality.md."""

    score: float
    parts: tuple[QualityPart, ...] = field(default=())
