"""One pass over a video with OpenCV: PySceneDetect sees every frame, somebody sees the samples.

`scenedetect.detect` would read the file a second time; its detector is given the frames here
instead, scaled down as its scene manager does by default. That is the kinder way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import process_time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.detectors import ContentDetector
from scenedetect.scene_manager import compute_downscale_factor

type Frame = NDArray[np.uint8]  # (height, width, 3) BGR

PREVIEW_WIDTH = 640  # px: of the samples, as framegate has them


def read(clip: str, samples: Sequence[dict[str, Any]], show: Callable[[int, Frame], None]) -> int:
    """Show the frames at the samples' ``time`` (s), scaled down; answer the number of shots."""
    capture = cv2.VideoCapture(clip)
    rate = capture.get(cv2.CAP_PROP_FPS)
    width, height = (
        int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    factor = compute_downscale_factor(width)
    small = (round(width / factor), round(height / factor))
    preview = (PREVIEW_WIDTH, round(PREVIEW_WIDTH * height / width))
    detector = ContentDetector()
    cuts, number, sampled = 0, 0, 0
    while True:
        found, frame = capture.read()
        if not found:
            break
        timecode = FrameTimecode(number, rate)
        cuts += len(detector.process_frame(timecode, cv2.resize(frame, small)))
        if sampled < len(samples) and number >= round(samples[sampled]["time"] * rate):
            picture = cv2.resize(frame, preview, interpolation=cv2.INTER_AREA)
            show(sampled, np.asarray(picture, np.uint8))
            sampled += 1
        number += 1
    return cuts + 1


class Account:
    """CPU of this process by what it was spent on; threads that spin show in whatever is next."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}

    def time[T](self, name: str, work: Callable[[], T]) -> T:
        """Do the work and book it."""
        began = process_time()
        answer = work()
        self.cpu_s[name] = self.cpu_s.get(name, 0.0) + process_time() - began
        return answer
