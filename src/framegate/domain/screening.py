"""The whole of what screen found: the input of decide and of the report."""

from __future__ import annotations

from dataclasses import dataclass

from framegate.domain.findings import AnalyserRun, Finding, Tag
from framegate.domain.frames import Coverage, Quality, SampleInfo, Shot, Signals
from framegate.domain.sound import HeardTrack


@dataclass(frozen=True, slots=True)
class Screening:
    """Serialisable; previews of samples lie in the work area, ``samples/NNNNNN.jpg``."""

    shots: tuple[Shot, ...]
    samples: tuple[SampleInfo, ...]
    signals: Signals
    findings: tuple[Finding, ...]
    runs: tuple[AnalyserRun, ...]
    tags: tuple[Tag, ...]
    faces_most: int  # most faces in one sample
    coverage: Coverage
    quality: Quality
    spoken_language: str | None = None
    sound: tuple[HeardTrack, ...] = ()  # every audio track of the source, the default one first
