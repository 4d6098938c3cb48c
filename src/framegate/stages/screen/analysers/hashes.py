"""PDQ of every sample, compared with the lists of known pictures.

The stored hash is that of the whole picture, as others hash it. Where the picture has black bars,
the active part is compared as well: a list made from the bare picture still matches. The source
file itself is compared with the lists' SHA-256 entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from framegate.domain.counted import counted
from framegate.domain.findings import EXACT_LEVEL, Finding, Status
from framegate.domain.frames import Pixels, Sample
from framegate.domain.hashlist import DEFAULT_DISTANCE, MIN_QUALITY, HashList, Index, Match
from framegate.domain.span import Span
from framegate.stages.screen.analysers.pdq import pdq
from framegate.stages.screen.protocol import Every, Looked, PdqHash

LONG_SIDE = 512  # px; PDQ's own recommendation before hashing, and a tenth of the time at 1 Mpx


def hashed(pixels: Pixels) -> tuple[str, int]:
    """PDQ of an RGB picture of any size: 64 hex digits and quality 0..100."""
    height, width = pixels.shape[:2]
    scale = LONG_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return pdq(pixels)


class HashAnalyser:
    """Hashes, and matches against lists; a match may block (it is no model's opinion)."""

    name = "hash.pdq"
    version = "2"
    level = EXACT_LEVEL
    batch = 8
    every = Every.SAMPLE
    model: str | None = None
    model_sha256: str | None = None

    def __init__(
        self,
        lists: Sequence[HashList] = (),
        *,
        source_sha256: str = "",
        within: int = DEFAULT_DISTANCE,
    ) -> None:
        """``source_sha256`` of the whole file, "" when not known; ``within``: bits that differ."""
        self.labels = tuple(dict.fromkeys(known.reported_label for known in lists))
        self._index = Index(lists)
        self._within = within
        self._source = source_sha256
        self._poor = 0

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        """One hash for each sample; one finding for each list that a sample is on."""
        findings: list[Finding] = []
        hashes: list[PdqHash] = []
        for sample in samples:
            digest, quality = hashed(sample.pixels)
            hashes.append(PdqHash(sample.info.index, digest, quality))
            views = [(digest, quality)]
            if sample.active.shape != sample.pixels.shape:
                views.append(hashed(sample.active))
            self._poor += all(quality < MIN_QUALITY for _digest, quality in views)
            findings.extend(self._matches(sample, views))
        return Looked(findings=tuple(findings), pdq=tuple(hashes))

    def _matches(self, sample: Sample, views: Sequence[tuple[str, int]]) -> list[Finding]:
        """The nearest match of each list over the views that are good enough to compare."""
        best: dict[str, Match] = {}
        for digest, quality in views:
            if quality < MIN_QUALITY:
                continue
            for match in self._index.match(digest, self._within):
                known = best.get(match.list_name)
                if known is None or match.distance < known.distance:
                    best[match.list_name] = match
        still = Span(sample.info.time, sample.info.time)
        return [
            replace(
                self._finding(match, f"{match.distance} of 256 bits differ"),
                span=still,
                sample=sample.info.index,
            )
            for match in best.values()
        ]

    def _finding(self, match: Match, how: str) -> Finding:
        return Finding(
            analyser=self.name,
            analyser_version=self.version,
            label=match.label,
            status=Status.OK,
            raw_score=match.likeness,
            detail=f"on list {match.list_name}, {how}",
        )

    def finish(self) -> Looked:
        """The file's own matches, and how many samples were too plain to compare (black, blank)."""
        files = tuple(
            self._finding(match, "the same file") for match in self._index.match_file(self._source)
        )
        poor = counted(self._poor, "sample")
        plain = f"{poor} too plain to compare (PDQ quality < {MIN_QUALITY})"
        return Looked(findings=files, reason=plain if self._poor else "")
