"""The named creator: is it they who are seen? One template, compared with every face; 1:1.

What is read of a face lives for one comparison: no embedding leaves `_compare`, none is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from framegate.domain.creator import (
    ANALYSER,
    COMPARE,
    LABELS,
    LEVEL,
    THRESHOLD,
    VERSION,
    Candidate,
    FaceLook,
    FaceSeen,
    Fault,
    Template,
    findings_of,
    judge,
)
from framegate.domain.frames import Sample
from framegate.models import registry
from framegate.models.sface import FaceReader
from framegate.models.yunet import Face
from framegate.stages.screen.protocol import Every, Looked

_MODEL = "sface"
_MOST_COMPARED = 8  # faces of one sample, largest first: each one more is one more chance to err


class _OfFaces:
    """What both analysers of this module say of themselves."""

    name = ANALYSER
    version = VERSION
    level = LEVEL
    labels = LABELS
    batch = 1
    every = Every.SAMPLE
    model: str | None = _MODEL

    def __init__(self, reader: FaceReader) -> None:
        self.model_sha256: str | None = registry.get(_MODEL).sha256
        self._reader = reader


class CreatorAnalyser(_OfFaces):
    """YuNet and SFace on every sample, against the template of the creator that the asset names."""

    def __init__(
        self, reader: FaceReader, template: Template, threshold: float = THRESHOLD
    ) -> None:
        super().__init__(reader)
        self._template = template
        self._threshold = threshold
        self._looks: list[FaceLook] = []

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        """Nothing yet: what is said is about the whole."""
        for sample in samples:
            faces = self._reader.find(sample.pixels)
            seen = tuple(
                self._compare(sample, face) if number < _MOST_COMPARED else FaceSeen(_fault(face))
                for number, face in enumerate(faces)
            )
            self._looks.append(FaceLook(sample.info.index, sample.info.time, seen))
        return Looked()

    def finish(self) -> Looked:
        """The verification, and the findings that follow from it."""
        found = judge(self._looks, self._threshold)
        return Looked(findings=findings_of(found), identity=found)

    def _compare(self, sample: Sample, face: Face) -> FaceSeen:
        if face.width < COMPARE.min_width:
            return FaceSeen(Fault.TOO_SMALL)
        read = self._reader.read(sample.pixels, face)
        fault = COMPARE.fault(read.quality)
        return FaceSeen(fault, None if fault else self._template.score(read.embedding))


class FaceCollector(_OfFaces):
    """Reads the faces of a video that somebody is to be enrolled from."""

    def __init__(self, reader: FaceReader) -> None:
        super().__init__(reader)
        self.looks: list[tuple[Candidate, ...]] = []

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        """Nothing is said: `looks` has the faces of each sample."""
        for sample in samples:
            where = f"the frame at {float(sample.info.time):.2f} s"
            reads = (
                self._reader.read(sample.pixels, face)
                for face in self._reader.find(sample.pixels)[:_MOST_COMPARED]
            )
            self.looks.append(
                tuple(Candidate(where, read.quality, read.embedding) for read in reads)
            )
        return Looked()

    def finish(self) -> Looked:
        """Nothing is left to say."""
        return Looked()


def _fault(face: Face) -> Fault:
    """Of a face that is counted and not compared."""
    return Fault.TOO_SMALL if face.width < COMPARE.min_width else Fault.UNREAD
