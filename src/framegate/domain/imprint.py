"""Imprints: frames told apart by a handful of numbers. Pure.

An imprint is the block means of a frame's luma and of its two colour differences, 9 rows of 16
blocks. It tells one picture from another; what changes within a block and leaves its mean alone it
does not tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framegate.errors import Internal

PLANES, ROWS, COLUMNS = 3, 9, 16
BLOCKS = ROWS * COLUMNS
REGION_ROWS, REGION_COLUMNS = 3, 4  # twelve regions of twelve blocks
LOCAL = 4  # a region that differs by so many times as much counts as the whole picture does

type Codes = NDArray[np.uint8]
"""(…, `PLANES`, `ROWS`, `COLUMNS`): luma, blue difference, red difference; 0..255."""

_RECORD = np.dtype([("pts", "<i8"), ("codes", "u1", (PLANES, ROWS, COLUMNS))])
RECORD_BYTES = _RECORD.itemsize


@dataclass(frozen=True, slots=True, eq=False)
class Imprints:
    """Of some frames of one track, in order: ``pts`` (n,) ascends, ``codes`` is (n, …)."""

    pts: NDArray[np.int64]
    codes: Codes

    def __len__(self) -> int:
        """How many frames."""
        return int(self.pts.size)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """What `record` made, one after the other. Raises `Internal` on anything else."""
        if len(data) % RECORD_BYTES:
            raise Internal("The imprints make no sense", "a record is cut short")
        rows = np.frombuffer(data, _RECORD)
        if np.any(rows["pts"][1:] <= rows["pts"][:-1]):
            raise Internal("The imprints make no sense", "frames out of order")
        return cls(rows["pts"].astype(np.int64), rows["codes"])


def record(pts: int, codes: Codes) -> bytes:
    """One frame, as files of imprints hold it: PTS (8 bytes, little-endian), then the codes."""
    row = np.zeros(1, _RECORD)
    row["pts"], row["codes"] = pts, codes
    return row.tobytes()


def distance(one: NDArray[np.generic], other: NDArray[np.generic]) -> NDArray[np.float32]:
    """Levels (0..255) by which two pictures differ, luma and both colour differences added up: in
    the mean of all blocks, or a `LOCAL`-th of that in the region that differs most, if this is
    more. (…, 3, 9, 16) and (…, 3, 9, 16) give (…).
    """
    apart = np.abs(one.astype(np.float32) - other.astype(np.float32)).sum(axis=-3)
    rows, columns = ROWS // REGION_ROWS, COLUMNS // REGION_COLUMNS
    split = (*apart.shape[:-2], REGION_ROWS, rows, REGION_COLUMNS, columns)
    regions: NDArray[np.float32] = apart.reshape(split).mean(axis=(-3, -1), dtype=np.float32)
    whole = regions.mean(axis=(-2, -1))
    found: NDArray[np.float32] = np.maximum(whole, regions.max(axis=(-2, -1)) / LOCAL)
    return found
