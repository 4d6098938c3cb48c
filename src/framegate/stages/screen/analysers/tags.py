"""What is in the picture, in ImageNet's words: never a policy label."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from framegate.domain.findings import Tag
from framegate.domain.frames import Sample
from framegate.models import prepare, registry
from framegate.models.onnx import Session
from framegate.stages.screen.protocol import Every, Looked

_MODEL = "efficientnet-lite2"
_BEST = 3  # a tag's score is the mean of its three best samples: one odd frame makes no tag
_MIN_SCORE = 0.25  # softmax over 1,000 classes; below it most tags are wrong
_MOST_TAGS = 12


@cache
def _classes() -> tuple[tuple[str, str], ...]:
    """Name and category by class index."""
    text = resources.files("framegate.models").joinpath("imagenet.tsv").read_text("utf-8")
    return tuple(
        (row["name"], row["category"]) for row in csv.DictReader(text.splitlines(), delimiter="\t")
    )


class TagAnalyser:
    """EfficientNet-Lite2 on novel samples; tags come at the end."""

    name = "tags.imagenet"
    version = "1+efficientnet-lite2-0.1.0"
    level = "tags"
    labels: tuple[str, ...] = ()
    batch = 4
    every = Every.NOVEL
    model: str | None = _MODEL

    def __init__(self, session: Session) -> None:
        self.model_sha256: str | None = registry.get(_MODEL).sha256
        self._session = session
        self._best: NDArray[np.float32] = np.zeros((0, len(_classes())), np.float32)

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        """Keeps the best scores of each class."""
        tensors = np.stack([prepare.efficientnet(sample.active) for sample in samples])
        scores = np.concatenate([self._best, self._session.run(tensors)[0]])
        self._best = np.sort(scores, axis=0)[-_BEST:]
        return Looked()

    def finish(self) -> Looked:
        """At most twelve tags, best first."""
        if not len(self._best):
            return Looked()
        means = self._best.mean(axis=0)
        order = np.argsort(-means, kind="stable")[:_MOST_TAGS]
        return Looked(
            tags=tuple(
                Tag(_classes()[index][0], float(means[index]), _classes()[index][1])
                for index in order
                if means[index] >= _MIN_SCORE
            )
        )
