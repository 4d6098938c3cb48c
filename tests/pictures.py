"""Real samples out of real clips, as screen would make them."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from framegate.domain.frames import PREVIEW_LONG_SIDE, Sample, SampleInfo, SampleReason

type Pixels = NDArray[np.uint8]


SCORED_CLIPS = ("bigbuckbunny.mp4", "bikes.mp4", "carphone_pristine.mp4", "cityCC0.mpg")


def pictures(clip: Path, every: int, most: int) -> list[Pixels]:
    """One preview for each ``every`` frames."""
    found: list[Pixels] = []
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % every == 0:
                scale = min(1.0, PREVIEW_LONG_SIDE / max(frame.width, frame.height))
                size = (round(frame.width * scale), round(frame.height * scale))
                small = frame.reformat(*size, format="rgb24").to_ndarray()
                found.append(np.asarray(small, np.uint8))
            if len(found) == most:
                break
    return found


def sample(pixels: Pixels, index: int = 0, active: Pixels | None = None) -> Sample:
    height, width = pixels.shape[:2]
    info = SampleInfo(index, index, Fraction(index), 0, SampleReason.GAP, width, height)
    return Sample(info, pixels, pixels if active is None else active)


def barred(picture: Pixels, share: float) -> Sample:
    """The picture with black bars above and below, each ``share`` of the whole; active: without."""
    height, width = picture.shape[:2]
    bar = round(height * share / (1 - 2 * share))
    canvas = np.zeros((height + 2 * bar, width, 3), np.uint8)
    canvas[bar : bar + height] = picture
    return sample(canvas, active=canvas[bar : bar + height])
