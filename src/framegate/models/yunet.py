"""YuNet, run by OpenCV's own decoder of its outputs, as the vendor's package does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from weakref import ReferenceType, ref

import cv2
import numpy as np
from numpy.typing import NDArray

from framegate.errors import ComponentMissing, Internal

MIN_SCORE = 0.6  # the vendor's; below it most boxes are not faces
_OVERLAP = 0.3  # IoU from which two boxes are one face (the vendor's)
_MOST_FACES = 5000


@dataclass(frozen=True, slots=True)
class Face:
    """A box in pixels of the picture (it may reach over the edge) and the model's score.

    ``landmarks``: (x, y) of the right eye, left eye, nose tip, right and left corner of the mouth,
    right and left as the person has them.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    landmarks: tuple[tuple[float, float], ...] = ()


class FaceFinder:
    """One loaded detector. Calls are serialised: OpenCV's networks are not safe for threads."""

    def __init__(self, path: Path) -> None:
        """Raises `ComponentMissing` when OpenCV cannot load the file."""
        self._lock = Lock()
        self._last: tuple[ReferenceType[NDArray[np.uint8]], tuple[Face, ...]] | None = None
        try:
            self._detector = cv2.FaceDetectorYN.create(
                str(path), "", (320, 320), MIN_SCORE, _OVERLAP, _MOST_FACES
            )
        except cv2.error as error:
            raise ComponentMissing("model yunet", "OpenCV cannot load it") from error

    def find(self, pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Faces in an RGB picture, largest first. Asked again about the same array, which nobody
        may have changed since, it answers at once: faces are counted and then compared.
        """
        last = self._last
        if last is not None and last[0]() is pixels:
            return last[1]
        found = self._find(pixels)
        self._last = (ref(pixels), found)
        return found

    def _find(self, pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
        height, width = pixels.shape[:2]
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        try:
            with self._lock:
                self._detector.setInputSize((width, height))
                answer = self._detector.detect(bgr)
        except cv2.error as error:
            raise Internal("model yunet", "OpenCV failed to run it") from error
        faces_found: NDArray[np.float32] | None = answer[1]  # type: ignore[assignment]  # None: no face
        if faces_found is None:
            return ()
        faces = [
            Face(
                x=float(row[0]),
                y=float(row[1]),
                width=float(row[2]),
                height=float(row[3]),
                score=float(row[14]),
                landmarks=tuple((float(row[at]), float(row[at + 1])) for at in range(4, 14, 2)),
            )
            for row in faces_found
            if row[2] > 1 and row[3] > 1
        ]
        return tuple(sorted(faces, key=lambda face: face.width * face.height, reverse=True))
