"""Pictures with a known truth: one square of a plain colour on a grey ground, or no square at all.

The tiny model of this suite is trained on them and the tests show it others of the same kind.
Runs under the server's Python as well as framegate's: NumPy and Pillow only.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

# Far apart in hue, dull enough to survive limited-range YUV 4:2:0 and JPEG without clipping.
COLOURS = {
    "red": (205, 40, 40),
    "yellow": (215, 200, 40),
    "green": (40, 170, 60),
    "cyan": (50, 190, 200),
    "blue": (45, 65, 205),
    "magenta": (195, 50, 180),
}
NONE = "none"
TRUTHS = (*COLOURS, NONE)
SIDE = 336
SHAPES = ((336, 336), (336, 189), (189, 336), (336, 252))


GROUNDS = ("flat", "ramp", "coarse", "busy")
BARS = (0, 114)  # grey levels beside a picture that is no square


def ground(rng: np.random.Generator, width: int, height: int, kind: str) -> np.ndarray:
    """Give a grey ground, uint8 of (height, width, 3)."""
    level = rng.integers(10, 215)
    if kind == "flat":
        grey = np.full((height, width), float(level))
    elif kind == "ramp":
        grey = np.linspace(level, rng.integers(10, 240), width)[None, :].repeat(height, 0)
    else:
        grey = np.full((height, width), level * 0.8)
        for cells, strength in ((5, 40), (16, 15)) if kind == "coarse" else ((5, 100), (16, 40)):
            enlarged = np.ones((height // cells + 1, width // cells + 1))
            noise = np.kron(rng.uniform(-strength, strength, (cells, cells)), enlarged)
            grey += noise[:height, :width]
    return np.repeat(grey[:, :, None], 3, 2).clip(0, 255).astype(np.uint8)


def scene(truth: str, seed: int, width: int, height: int, kind: str = "") -> np.ndarray:
    """Draw one picture, uint8 RGB of (height, width, 3); the same arguments draw the same one.

    `kind` of ground: one of GROUNDS, or any.
    """
    rng = np.random.default_rng([seed, TRUTHS.index(truth), width, height])
    kind = kind or GROUNDS[rng.integers(len(GROUNDS))]
    picture = ground(rng, width, height, kind)
    if truth == NONE:
        return picture
    side = int(min(width, height) * rng.uniform(0.45, 0.8))
    left, top = rng.integers(0, width - side + 1), rng.integers(0, height - side + 1)
    colour = np.array(COLOURS[truth]) * rng.uniform(0.8, 1.12) + rng.integers(-12, 13, 3)
    picture[top : top + side, left : left + side] = colour.clip(0, 255)
    return picture


def tile(truth: str, seed: int) -> np.ndarray:
    """Draw one picture letterboxed in the model's one tile, (336, 336, 3)."""
    width, height = SHAPES[seed % len(SHAPES)]
    whole = np.full((SIDE, SIDE, 3), BARS[seed // len(SHAPES) % 2], np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    whole[top : top + height, left : left + width] = scene(truth, seed, width, height)
    return whole


def jpeg(picture: np.ndarray, quality: int = 85) -> bytes:
    """Encode RGB as JPEG."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality)
    return out.getvalue()


def reopened(picture: bytes) -> np.ndarray:
    """Decode JPEG bytes to RGB."""
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
