"""From coded pixels to what a viewer should see: crop, sample aspect, mirror, turn. Pure."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

from framegate.domain.media import Crop, Rotation

MATRIX_BYTES = 36
_CROP_BYTES = 16
NEAR_ASPECT = Fraction(2, 100)
_WIDEST = 16  # a sample aspect beyond 16:1 either way is damage, not a lens


def rotation_of(matrix: bytes) -> tuple[Rotation, bool]:
    """Take a display matrix apart (nine native 32-bit integers: a b u c d v x y w, 16.16).

    A point (x, y), y down, goes to (a x + c y, b x + d y). Returns the nearest quarter turn and
    whether it was exact (to a degree); a matrix without area is no rotation.
    """
    if len(matrix) < MATRIX_BYTES:
        return Rotation(), False
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:MATRIX_BYTES])
    area = a * d - b * c
    if area == 0:
        return Rotation(), False
    flip = area < 0
    degrees = math.degrees(math.atan2(-c, d) if flip else math.atan2(b, a))
    quarter = round(degrees / 90)
    return Rotation(quarter % 4 * 90, flip), abs(degrees - quarter * 90) < 1


def crop_of(record: bytes, width: int, height: int) -> Crop:
    """FFmpeg's frame-cropping record (top, bottom, left, right; 32 bits, little endian)."""
    if len(record) < _CROP_BYTES:
        return Crop()
    top, bottom, left, right = struct.unpack("<4I", record[:_CROP_BYTES])
    if left + right >= width or top + bottom >= height:
        return Crop()
    return Crop(left, top, right, bottom)


def plausible_aspect(aspect: Fraction | None) -> Fraction:
    """The sample aspect ratio, 1 where none is given or it cannot be meant."""
    if aspect is None or not Fraction(1, _WIDEST) <= aspect <= _WIDEST:
        return Fraction(1)
    return aspect


def fit_within(
    aspect: Fraction, box: tuple[int, int], box_aspect: Fraction
) -> tuple[int, int, int, int]:
    """Where a picture of display aspect ``aspect`` goes in a box of pixels whose whole shows
    ``box_aspect``: (width, height, left, top), even, in the middle, as large as it can be.

    Up to `NEAR_ASPECT` off it fills the box: rounded sizes and 1088 lines for 1080 are no bars.
    """
    width, height = box
    if abs(aspect / box_aspect - 1) <= NEAR_ASPECT:
        return width, height, 0, 0
    if aspect > box_aspect:
        height = _even(height * box_aspect / aspect)
    else:
        width = _even(width * aspect / box_aspect)
    return width, height, (box[0] - width) // 4 * 2, (box[1] - height) // 4 * 2


def display_size(
    width: int, height: int, *, crop: Crop, aspect: Fraction, rotation: Rotation
) -> tuple[int, int]:
    """(width, height) in square pixels after crop, aspect and turn; even, at least 2 x 2.

    The aspect scales the width, as players do: lines are never made up. Odd sizes lose their last
    row or column.
    """
    wide = (width - crop.left - crop.right) * aspect
    high = Fraction(height - crop.top - crop.bottom)
    if rotation.clockwise_deg in {90, 270}:
        wide, high = high, wide
    return _even(wide), _even(high)


def _even(length: Fraction) -> int:
    return max(2, (round(length)) // 2 * 2)
