"""PDQ, the perceptual hash of pictures.

Source: Meta, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm" (2019) and
its BSD-licensed reference implementation in ThreatExchange. Written anew because the one binding
of that implementation has no wheels and needs a C++ compiler; tests/golden/pdq.json holds the
reference's own answers.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from framegate.domain.frames import Pixels

type _Plane = NDArray[np.float32]

SIDE = 64  # of the picture that is transformed
TERMS = 16  # of the cosine transform in each direction: 256 bits
PASSES = 2  # of the box filter in each direction; two make a tent
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
QUALITY_DIVISOR = 90  # of the gradient sum, as the reference has it


def pdq(pixels: Pixels) -> tuple[str, int]:
    """Hash a (height, width, 3) RGB picture: 64 hex digits, and quality 0..100.

    Most significant bit first, as the reference prints it. Quality is low for plain pictures,
    whose hashes mean little; the reference advises to compare from 50 on.
    """
    small = _shrunk(pixels)
    transform = _cosines() @ small @ _cosines().T
    values = transform.ravel()
    # the lower median, as Torben's method gives it for an even count
    median = np.partition(values, values.size // 2 - 1)[values.size // 2 - 1]
    bits = (values > median)[::-1]
    return np.packbits(bits).tobytes().hex(), _quality(small)


def _shrunk(pixels: Pixels) -> _Plane:
    """(64, 64) luma: smoothed so that nothing aliases, then picked at the cell centres."""
    luma = pixels.astype(np.float32) @ LUMA
    height, width = luma.shape
    sizes, anchors, weights = zip(*(_box(length) for length in (width, height)), strict=True)
    seen = weights[1][:, None] * weights[0][None, :]
    for _ in range(PASSES):
        sums = cv2.boxFilter(
            luma, -1, sizes, anchor=anchors, normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        luma = np.asarray(sums, np.float32) / seen
    rows = ((np.arange(SIDE) + 0.5) * height / SIDE).astype(np.intp)
    columns = ((np.arange(SIDE) + 0.5) * width / SIDE).astype(np.intp)
    return np.ascontiguousarray(luma[np.ix_(rows, columns)])


def _box(length: int) -> tuple[int, int, _Plane]:
    """Width of the box filter along a side, how far it reaches back, and how many pixels it finds
    at each place: at the ends the reference averages over fewer.
    """
    size = (length + 2 * SIDE - 1) // (2 * SIDE)
    ahead = (size + 2) // 2 - 1
    places = np.arange(length)
    last = np.minimum(places + ahead, length - 1)
    first = np.maximum(places + ahead - size + 1, 0)
    return size, size - 1 - ahead, (last + 1 - first).astype(np.float32)


@cache
def _cosines() -> _Plane:
    """(16, 64): rows 1..16 of the orthonormal DCT-II; the constant term is left out."""
    rows = np.arange(1, TERMS + 1)[:, None]
    columns = np.arange(SIDE)[None, :]
    angles = math.pi / 2 / SIDE * rows * (2 * columns + 1)
    return (math.sqrt(2 / SIDE) * np.cos(angles)).astype(np.float32)


def _quality(small: _Plane) -> int:
    steps = sum(
        int(np.abs(np.trunc(np.diff(small, axis=axis) * 100 / 255)).sum()) for axis in (0, 1)
    )
    return min(100, steps // QUALITY_DIVISOR)
