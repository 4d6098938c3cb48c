"""Pictures for the PDQ golden file: made from numbers, so that every machine makes the same."""

from __future__ import annotations

import numpy as np

from framegate.domain.frames import Pixels

SIZES = ((360, 640), (272, 640), (512, 512), (1080, 1920), (144, 176), (97, 61), (131, 203))


def pdq_pictures() -> dict[str, Pixels]:
    """A name for each: blocks of seeded noise under slow waves, in several sizes."""
    pictures = {}
    for number, (height, width) in enumerate(SIZES):
        random = np.random.default_rng(number)
        cells = random.integers(0, 156, (9, 16, 3))
        rows = np.arange(height) * 9 // height
        columns = np.arange(width) * 16 // width
        blocks = cells[np.ix_(rows, columns)]
        waves = (np.arange(height)[:, None] // 7 + np.arange(width)[None, :] // 5) % 100
        pictures[f"{width}x{height}"] = (blocks + waves[:, :, None]).astype(np.uint8)
    return pictures
