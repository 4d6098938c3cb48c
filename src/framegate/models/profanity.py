"""The word model of alt-profanity-check, read as numbers: TF-IDF and five linear classifiers.

The package ships two joblib files, which are pickles. They are read by an unpickler that knows
the eleven names they hold and makes plain objects of them, so that nothing of the file runs and
scikit-learn (an import of about 100 MB) is not loaded. The arithmetic is scikit-learn's: term
counts times inverse document frequency, L2 norm, the mean of five Platt-scaled margins.
"""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from framegate.errors import ModelMismatch

type Numbers = NDArray[np.float64]

_WORD = re.compile(r"(?u)\b\w\w+\b")  # TfidfVectorizer's default token_pattern
_MAX_ELEMENTS = 10_000_000  # the largest array in the files has 15,442


class _Object(SimpleNamespace):
    """Stands for any scikit-learn object: keeps its state, has no behaviour."""

    def __new__(cls, *_arguments: object) -> _Object:  # noqa: PYI034 - pickle calls it by position
        return super().__new__(cls)


class _Array(_Object):
    """joblib's NumpyArrayWrapper: a header; the numbers follow in the file."""


def _scalar(dtype: np.dtype[Any], raw: bytes) -> Any:  # noqa: ANN401 - a number of that type
    return np.frombuffer(raw, dtype)[0]


_KNOWN: dict[tuple[str, str], Any] = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Array,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "float64"): np.float64,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("sklearn.feature_extraction.text", "TfidfVectorizer"): _Object,
    ("sklearn.feature_extraction.text", "TfidfTransformer"): _Object,
    ("sklearn.calibration", "CalibratedClassifierCV"): _Object,
    ("sklearn.calibration", "_CalibratedClassifier"): _Object,
    ("sklearn.calibration", "_SigmoidCalibration"): _Object,
    ("sklearn.svm._classes", "LinearSVC"): _Object,
}


# The C unpickler cannot be told to read an array when its header has been built: this needs the
# pure Python one, which CPython keeps beside it.
_Base: Any = pickle._Unpickler  # noqa: SLF001 - see above


class _Unpickler(_Base):  # type: ignore[misc]  # typed as Any: the stubs hide its stack
    """Knows the names above; reads the raw numbers that joblib puts between the opcodes."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._raw = file

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - fixed by pickle
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is not in the model's files")
        return _KNOWN[module, name]

    def build(self) -> None:
        """The BUILD opcode: gives an object its state; a header becomes its numbers."""
        _Base.dispatch[pickle.BUILD[0]](self)
        stack: list[Any] = self.stack
        if isinstance(stack[-1], _Array):
            stack[-1] = self._numbers(stack[-1])

    def _numbers(self, header: _Array) -> NDArray[Any]:
        count = int(np.prod(header.shape, dtype=np.int64))
        if header.dtype.hasobject or not 0 <= count <= _MAX_ELEMENTS:
            raise pickle.UnpicklingError("an array is not plain numbers")
        padding = self._raw.read(1)[0]  # joblib aligns the numbers for memory maps
        self._raw.read(padding)
        raw = self._raw.read(count * header.dtype.itemsize)
        return np.frombuffer(raw, header.dtype).reshape(header.shape)


def _read(path: Path) -> Any:  # noqa: ANN401 - a tree of plain objects
    try:
        with path.open("rb") as file:
            return _Unpickler(file).load()
    except (pickle.UnpicklingError, EOFError, IndexError, ValueError, TypeError) as error:
        raise ModelMismatch(f"model file {path.name}", f"it cannot be read ({error})") from error


_Unpickler.dispatch = {**_Base.dispatch, pickle.BUILD[0]: _Unpickler.build}


@dataclass(frozen=True, slots=True)
class Profanity:
    """Scores an English text 0..1 by its words. Made by `load`."""

    vocabulary: dict[str, int]
    idf: Numbers  # (words,)
    weights: Numbers  # (5, words)
    bias: Numbers  # (5,)
    slope: Numbers  # (5,) of Platt's sigmoid
    offset: Numbers  # (5,)

    def score(self, text: str) -> float:
        """The vendor's ``predict_prob`` of one text."""
        counts: dict[int, int] = {}
        for word in _WORD.findall(text.lower()):
            index = self.vocabulary.get(word)
            if index is not None:
                counts[index] = counts.get(index, 0) + 1
        margins = self.bias
        if counts:
            columns = np.fromiter(counts.keys(), np.int64)
            values = np.fromiter(counts.values(), np.float64) * self.idf[columns]
            margins = self.weights[:, columns] @ (values / np.linalg.norm(values)) + self.bias
        return float(np.mean(1.0 / (1.0 + np.exp(self.slope * margins + self.offset))))


def load(vectorizer: Path, model: Path) -> Profanity:
    """Read both files; raises `ModelMismatch` when they hold anything else."""
    words, trained = _read(vectorizer), _read(model)
    try:
        parts = trained.calibrated_classifiers_
        return Profanity(
            vocabulary={str(word): int(index) for word, index in words.vocabulary_.items()},
            idf=np.asarray(words._tfidf.idf_, np.float64),  # noqa: SLF001 - scikit-learn's own name
            weights=np.concatenate([part.estimator.coef_ for part in parts]),
            bias=np.concatenate([part.estimator.intercept_ for part in parts]),
            slope=np.array([float(part.calibrators[0].a_) for part in parts]),
            offset=np.array([float(part.calibrators[0].b_) for part in parts]),
        )
    except (AttributeError, IndexError, ValueError) as error:
        raise ModelMismatch(f"model file {model.name}", f"it lacks a part ({error})") from error
