"""The picture that a vision-language model is sent: one square tile, letterboxed, as JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from framegate.domain.frames import Pixels
from framegate.errors import Internal

TILE = 336  # px: one tile of Llama 4's vision tower, 144 tokens
JPEG_QUALITY = 90
_GREY = 114  # of the bars: black ones look like a film's


def tile_of(pixels: Pixels, side: int = TILE) -> bytes:
    """(height, width, 3) RGB, any size, as a JPEG of ``side`` x ``side`` pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(pixels, size, interpolation=how)
    square = np.full((side, side, 3), _GREY, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    done, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(square, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise Internal("A picture cannot be made for the model", f"{pixels.shape} as JPEG")
    return jpeg.tobytes()
