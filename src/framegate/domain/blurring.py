"""Which stretches of a video are blurred: in time, and in frames of the output. Pure.

    samples   clean      hit    hit      clean   clean
              ──┼─────────┼──────┼─────────┼───────┼──
                └──────── blurred ─────────┘            at least the margin on both sides

A stretch ends where a look next found nothing, at that very frame, which is blurred too: what lies
between two looks is never shown on the word of one of them. Only what was seen in pictures can be
blurred in them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from framegate.domain.findings import Finding, Status
from framegate.domain.frames import SampleInfo
from framegate.domain.labels import CHILD_SAFETY, covers
from framegate.domain.ladder import Chunk, Fields, FieldWork, Grid
from framegate.domain.matching import Evidence, merged
from framegate.domain.policy import Rule
from framegate.domain.screening import Screening
from framegate.domain.span import Span

SPREADS = "vlm"
"""Analysers of this level say of each sample what they said of one like it."""

SPILL = {FieldWork.KEEP: 0, FieldWork.FRAMES: 1, FieldWork.FIELDS: 2, FieldWork.FILM: 5}
"""Output frames that a source frame reaches beyond its own place: bwdif looks one source frame to
either side; of a cycle of pulldown it is not known which picture came from which frame."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What was looked at; ``length`` in seconds."""

    samples: tuple[SampleInfo, ...]  # ascending in time
    blind: frozenset[int]  # samples that somebody should have looked at and did not
    partial: frozenset[str]  # analysers that were not shown every sample
    length: Fraction


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """Output frames ``first`` to ``end - 1`` of a grid."""

    first: int
    end: int


def looks_of(screening: Screening, length: Fraction) -> Looks:
    """For `blur_spans`; ``length`` of the video in seconds."""
    samples = tuple(sorted(screening.samples, key=lambda one: (one.time, one.index)))
    shown: Counter[str] = Counter()
    for run in screening.runs:
        shown[run.analyser] += len(samples) if run.level == SPREADS else run.samples_seen
    names = {finding.analyser for finding in screening.findings}
    return Looks(
        samples=samples,
        blind=frozenset(
            finding.sample
            for finding in screening.findings
            if finding.sample is not None and finding.status is not Status.OK
        ),
        partial=frozenset(name for name in names if shown[name] < len(samples)),
        length=max([length, *(sample.time for sample in samples[-1:])]),
    )


def unblurrable(hits: Iterable[Finding], evidence: Evidence) -> str:
    """Why a person must decide instead of a blur, in words, or nothing."""
    found = list(hits)
    if any(covers(CHILD_SAFETY, finding.label) for finding in found):
        return "Child-safety evidence is never published blurred, so a person decides."
    if any(finding.analyser in evidence.exact for finding in found):
        return "A match on a list is never published blurred, so a person decides."
    away = [f for f in found if f.sample is None or f.sample not in evidence.times]
    if any(finding.track is not None or finding.span is not None for finding in away):
        return (
            "It was heard or read beside the picture; sound and captions are not muted, so a "
            "person decides."
        )
    if away:
        return "It is about the whole video, not about a part to blur, so a person decides."
    return ""


def blur_spans(
    rule: Rule, hits: Iterable[Finding], evidence: Evidence, looks: Looks
) -> tuple[Span, ...]:
    """Where the pictures of ``hits`` lie, as far as they may reach. Hits without a picture have no
    place here.
    """
    conditions = (*rule.needs, *rule.any)
    shows: set[int] = {finding.sample for finding in hits if finding.sample is not None}
    near = [
        finding
        for finding in evidence.findings
        if any(
            covers(one.label, finding.label)
            and (finding.number is None or finding.number >= one.threshold)
            for one in conditions
        )
    ]
    doubtful = {*shows, *looks.blind, *(f.sample for f in near if f.sample is not None)}
    # who was shown some samples only may have seen in one of them what is in its whole shot
    theirs = {finding.sample for finding in near if finding.analyser in looks.partial}
    shots = {sample.shot for sample in looks.samples if sample.index in theirs}
    doubtful |= {sample.index for sample in looks.samples if sample.shot in shots}
    margin = Fraction(rule.blur_margin_s).limit_denominator(10**6)
    return merged(_widened(shows, doubtful, looks, margin), Fraction(0))


def _widened(
    shows: Collection[int], doubtful: Collection[int], looks: Looks, margin: Fraction
) -> Iterable[Span]:
    """From each of ``shows`` to the next clean look on both sides that is ``margin`` away."""
    unclean = {sample.time for sample in looks.samples if sample.index in doubtful}
    clean = sorted({sample.time for sample in looks.samples} - unclean)
    for sample in looks.samples:
        if sample.index in shows:
            before = bisect_right(clean, sample.time - margin)
            after = bisect_left(clean, sample.time + margin)
            yield Span(
                clean[before - 1] if before else Fraction(0),
                clean[after] if after < len(clean) else looks.length,
            )


def covered_s(spans: Iterable[Span]) -> Fraction:
    """Seconds in all, of spans that do not overlap."""
    return sum((span.end - span.start for span in spans), Fraction(0))


def in_words(spans: Iterable[Span], length: Fraction) -> str:
    """How much of a video of ``length`` seconds they are; nothing without any."""
    blurred = covered_s(spans)
    if not blurred:
        return ""
    if blurred >= length:
        return "all of it blurred"
    return f"{float(blurred):.1f} s of {float(length):.1f} s blurred"


def frames_of(spans: Iterable[Span], grid: Grid, fields: Fields) -> tuple[FrameSpan, ...]:
    """The output frames that show anything of the spans, both ends included; ascending, apart."""
    spill = SPILL[fields.work]
    found: list[FrameSpan] = []
    for span in sorted(spans, key=lambda one: one.start):
        first = max(0, _slot(span.start, grid) - spill)
        end = min(grid.frames, _slot(span.end, grid) + spill + 1)
        if found and first <= found[-1].end:
            found[-1] = FrameSpan(found[-1].first, max(end, found[-1].end))
        elif first < end:  # else it comes too late to be shown
            found.append(FrameSpan(first, end))
    return tuple(found)


def within(spans: Iterable[FrameSpan], chunk: Chunk) -> tuple[FrameSpan, ...]:
    """The parts that lie in a chunk."""
    end = chunk.first_frame + chunk.frames
    return tuple(
        FrameSpan(max(one.first, chunk.first_frame), min(one.end, end))
        for one in spans
        if one.first < end and chunk.first_frame < one.end
    )


def is_blurred(spans: Iterable[FrameSpan], number: int) -> bool:
    """Whether output frame ``number`` lies in one of them."""
    return any(one.first <= number < one.end for one in spans)


def _slot(time: Fraction, grid: Grid) -> int:
    """As `framegate.domain.slots` places a frame of that time."""
    return floor(time * grid.frame_rate + Fraction(1, 2))
