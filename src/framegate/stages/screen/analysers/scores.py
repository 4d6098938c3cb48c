"""What all model analysers do with a score: report it from a floor on, and never lose the peak."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from framegate.domain.findings import Finding, Region, Status
from framegate.domain.frames import Sample
from framegate.domain.span import Span

FLOOR = 0.10  # raw score; harmless pictures score 0.02-0.09, and a finding a second says nothing

_DETAIL_LENGTH = 200  # characters; words are evidence, not an archive


def shorten(words: str) -> str:
    """One line of at most 200 characters, without control characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in words).split())
    return line if len(line) <= _DETAIL_LENGTH else line[: _DETAIL_LENGTH - 1] + "…"


def region_of(x: float, y: float, width: float, height: float, sample: Sample) -> Region:
    """A box in pixels of the sample's preview as shares of it, cut at the edges."""
    rows, columns = sample.pixels.shape[:2]
    left, top = min(max(x / columns, 0.0), 1.0), min(max(y / rows, 0.0), 1.0)
    right = min(max((x + width) / columns, left), 1.0)
    bottom = min(max((y + height) / rows, top), 1.0)
    return Region(left, top, right - left, bottom - top)


class Scores:
    """Findings of one analyser over one asset.

    `see` answers a finding from `FLOOR` on; `peaks` answers, at the end, the highest of each label
    that never reached it, so that a report can show how quiet it was.
    """

    def __init__(self, analyser: str, version: str) -> None:
        self._analyser = analyser
        self._version = version
        self._peaks: dict[str, Finding] = {}

    def see(
        self,
        label: str,
        score: float,
        sample: Sample,
        region: Region | None = None,
        detail: str = "",
    ) -> tuple[Finding, ...]:
        """A score of one sample: a tuple of one finding, or of none."""
        time = sample.info.time
        found = self.at(label, score, time, time, detail)
        full = replace(found, region=region, sample=sample.info.index)
        return self._keep(full)

    def hear(
        self, label: str, score: float, start: Fraction, end: Fraction, detail: str = ""
    ) -> tuple[Finding, ...]:
        """A score of a stretch of time: a tuple of one finding, or of none."""
        return self._keep(self.at(label, score, start, end, detail))

    def at(self, label: str, score: float, start: Fraction, end: Fraction, detail: str) -> Finding:
        """The finding itself, whatever its score."""
        return Finding(
            analyser=self._analyser,
            analyser_version=self._version,
            label=label,
            status=Status.OK,
            raw_score=score,
            span=Span(start, end),
            detail=shorten(detail),
        )

    def _keep(self, finding: Finding) -> tuple[Finding, ...]:
        assert finding.raw_score is not None
        peak = self._peaks.get(finding.label)
        if peak is None or peak.raw_score is None or finding.raw_score > peak.raw_score:
            self._peaks[finding.label] = finding
        return (finding,) if finding.raw_score >= FLOOR else ()

    def peaks(self) -> tuple[Finding, ...]:
        """The highest finding of each label that was seen, but never from the floor on."""
        return tuple(
            finding
            for finding in self._peaks.values()
            if finding.raw_score is not None and finding.raw_score < FLOOR
        )
