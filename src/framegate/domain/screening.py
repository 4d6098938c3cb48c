"""The whole of what screen found: the input of decide and of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
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


def awaited(screening: Screening) -> tuple[str, ...]:
    """Analysers that could not look, for reasons that may pass."""
    found = (
        run.analyser for run in screening.runs if run.status is Status.UNAVAILABLE and run.retryable
    )
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Anew:
    """What analysers brought that could not look the first time; ``levels`` are those that they
    looked at pictures with.
    """

    findings: tuple[Finding, ...]
    runs: tuple[AnalyserRun, ...]
    tags: tuple[Tag, ...] = ()
    faces_most: int = 0
    levels: tuple[LevelCoverage, ...] = ()
    spoken_language: str | None = None
    description: str = ""


def renewed(screening: Screening, anew: Anew) -> Screening:
    """The screening as if those analysers had looked at once. What they had seen all the same
    stays, and of two scores for one thing the higher one.
    """
    names = {run.analyser for run in anew.runs}
    seen = (f for f in screening.findings if f.analyser not in names or f.status is Status.OK)
    known = {tag.name for tag in screening.tags}
    kept = {
        run.level for run in screening.runs if run.analyser not in names and run.status is Status.OK
    }
    return replace(
        screening,
        findings=tuple(_highest((*seen, *anew.findings), names)),
        runs=tuple(_renewed_runs(screening.runs, anew.runs)),
        tags=(*screening.tags, *(tag for tag in anew.tags if tag.name not in known)),
        faces_most=max(screening.faces_most, anew.faces_most),
        coverage=replace(
            screening.coverage,
            levels=tuple(_renewed_levels(screening.coverage.levels, anew.levels, kept)),
        ),
        spoken_language=screening.spoken_language or anew.spoken_language,
        description=screening.description or anew.description,
    )


def _highest(findings: Iterable[Finding], names: set[str]) -> Iterator[Finding]:
    """Of what the named analysers say twice of one thing, the higher score."""
    best: dict[object, Finding] = {}
    for number, one in enumerate(findings):
        key: object = number
        if one.analyser in names:
            key = (one.analyser, one.label, one.sample, one.track, one.span, one.region)
        known = best.get(key)
        if known is None or (known.number or 0.0) < (one.number or 0.0):
            best[key] = one
    yield from best.values()


def _renewed_runs(
    old: Iterable[AnalyserRun], new: tuple[AnalyserRun, ...]
) -> Iterator[AnalyserRun]:
    told: set[str] = set()
    names = {run.analyser for run in new}
    for run in old:
        if run.analyser not in names:
            yield run
        elif run.analyser not in told:
            told.add(run.analyser)
            yield from (one for one in new if one.analyser == run.analyser)


def _renewed_levels(
    old: Iterable[LevelCoverage], new: Iterable[LevelCoverage], kept: set[str]
) -> Iterator[LevelCoverage]:
    """A level is as good as the worst of those who look there."""
    fresh = {level.level: level for level in new}
    for level in old:
        other = fresh.pop(level.level, None)
        if other is None:
            yield level
        elif level.level in kept:
            yield max(level, other, key=lambda one: one.largest_gap_s)
        else:
            yield other
    yield from fresh.values()


def _both(run: AnalyserRun, others: Iterable[AnalyserRun]) -> AnalyserRun:
    """One record for an analyser's two runs; it is as good as the worse of them."""
    for other in others:
        if other.analyser == run.analyser and run.status is Status.OK:
            reasons = [reason for reason in (run.reason, other.reason) if reason]
            run = replace(
                run,
                status=other.status,
                retryable=other.retryable,
                reason="; ".join(dict.fromkeys(reasons)),
                samples_seen=run.samples_seen + other.samples_seen,
                cpu_s=round(run.cpu_s + other.cpu_s, 3),
                counts=tuple(
                    sorted((Counter(dict(run.counts)) + Counter(dict(other.counts))).items())
                ),
            )
    return run


def _more_looks(level: LevelCoverage, runs: Iterable[AnalyserRun]) -> LevelCoverage:
    seen = [run.samples_seen for run in runs if run.level == level.level]
    return replace(level, frames=level.frames + min(seen, default=0))
