"""The whole of what screen found: the input of decide and of the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from framegate.domain.creator import Verification
from framegate.domain.findings import AnalyserRun, Finding, Status, Tag
from framegate.domain.frames import Coverage, LevelCoverage, Quality, SampleInfo, Shot, Signals
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
    description: str = ""  # one sentence of a vision-language model, for people
    identity: Verification | None = None  # None where no creator is enrolled, or none was named


@dataclass(frozen=True, slots=True)
class Supplement:
    """What a look at further frames brought. It is kept beside the screening, never in its place.

    ``unseen_frames`` were not accounted for by these looks either.
    """

    samples: tuple[SampleInfo, ...]  # indices go on after the screening's
    findings: tuple[Finding, ...]
    runs: tuple[AnalyserRun, ...]
    tags: tuple[Tag, ...]
    faces_most: int
    unseen_frames: int


def extended(screening: Screening, more: Supplement) -> Screening:
    """The screening with all that its supplement adds; samples in the order of presentation."""
    known = {tag.name for tag in screening.tags}
    coverage = screening.coverage
    return replace(
        screening,
        samples=tuple(sorted((*screening.samples, *more.samples), key=lambda one: one.time)),
        findings=(*screening.findings, *more.findings),
        runs=tuple(_both(run, more.runs) for run in screening.runs),
        tags=(*screening.tags, *(tag for tag in more.tags if tag.name not in known)),
        faces_most=max(screening.faces_most, more.faces_most),
        coverage=replace(
            coverage,
            frames_sampled=coverage.frames_sampled + len(more.samples),
            levels=tuple(_more_looks(level, more.runs) for level in coverage.levels),
            unseen_frames=coverage.unseen_frames + more.unseen_frames,
        ),
    )


def _both(run: AnalyserRun, others: Iterable[AnalyserRun]) -> AnalyserRun:
    """One record for an analyser's two runs; it is as good as the worse of them."""
    for other in others:
        if other.analyser == run.analyser and run.status is Status.OK:
            reasons = [reason for reason in (run.reason, other.reason) if reason]
            run = replace(
                run,
                status=other.status,
                reason="; ".join(dict.fromkeys(reasons)),
                samples_seen=run.samples_seen + other.samples_seen,
                cpu_s=round(run.cpu_s + other.cpu_s, 3),
            )
    return run


def _more_looks(level: LevelCoverage, runs: Iterable[AnalyserRun]) -> LevelCoverage:
    seen = [run.samples_seen for run in runs if run.level == level.level]
    return replace(level, frames=level.frames + min(seen, default=0))
