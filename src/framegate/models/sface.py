"""SFace, run by OpenCV as the vendor's package does: a face as 128 numbers, and how good it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from framegate.domain.creator import DIMENSIONS, Embedding, FaceQuality
from framegate.errors import ComponentMissing, Internal
from framegate.models.yunet import Face, FaceFinder

type Pixels = NDArray[np.uint8]  # (height, width, 3) RGB

_FLAT = 1.0  # luma variance under which there is nothing to be sharp
_INNER = (slice(36, 100), slice(28, 84))  # rows, columns: brows to chin, hardly ever cut by an edge
_SIDEWAYS = 9.99  # turn of a face whose eyes coincide


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReadFace:
    """One face of a picture: where, how good, and what it is compared by."""

    found: Face
    quality: FaceQuality
    embedding: Embedding


class FaceReader:
    """Finds faces and reads them. Calls are serialised: OpenCV's networks are not thread-safe."""

    def __init__(self, finder: FaceFinder, path: Path) -> None:
        """Raises `ComponentMissing` when OpenCV cannot load the file."""
        self._finder = finder
        self._lock = Lock()
        try:
            self._network = cv2.FaceRecognizerSF.create(str(path), "")
        except cv2.error as error:
            raise ComponentMissing("model sface", "OpenCV cannot load it") from error

    def find(self, pixels: Pixels) -> tuple[Face, ...]:
        """Every face in an RGB picture, largest first; nothing is read of them."""
        return self._finder.find(pixels)

    def read(self, pixels: Pixels, face: Face) -> ReadFace:
        """One face that `find` found in this picture."""
        (right, left), nose = face.landmarks[:2], face.landmarks[2]
        row = [face.x, face.y, face.width, face.height]
        row += [value for point in face.landmarks for value in point]
        box = np.array([[*row, face.score]], np.float32)
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        try:
            with self._lock:
                aligned = np.asarray(self._network.alignCrop(bgr, box), np.uint8)
                numbers = np.array(self._network.feature(aligned), np.float32).reshape(-1)
        except cv2.error as error:
            raise Internal("model sface", "OpenCV failed to run it") from error
        length = float(np.linalg.norm(numbers))
        if numbers.shape != (DIMENSIONS,) or not math.isfinite(length) or not length:
            raise Internal("model sface", "its answer is no direction")
        quality = FaceQuality(face.width, _turn(right, left, nose), _sharpness(aligned))
        return ReadFace(face, quality, numbers / np.float32(length))


def _turn(
    right: tuple[float, float], left: tuple[float, float], nose: tuple[float, float]
) -> float:
    """See `FaceQuality.turn`: the head's yaw without its roll."""
    across = (left[0] - right[0], left[1] - right[1])
    apart = math.hypot(*across)
    if apart < 1:
        return _SIDEWAYS
    middle = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)
    along = ((nose[0] - middle[0]) * across[0] + (nose[1] - middle[1]) * across[1]) / apart
    return min(abs(along) / apart, _SIDEWAYS)


def _sharpness(aligned: NDArray[np.uint8]) -> float:
    """See `FaceQuality.sharpness`. Beyond the picture's edge an aligned face is black, which is the
    sharpest of edges: only the inner part counts.
    """
    luma = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)[_INNER]
    spread = float(luma.var())
    if spread < _FLAT:
        return 0.0
    return float(cv2.Laplacian(luma, cv2.CV_32F).var()) / spread
