"""Photos and videos of real people, made of the ORL faces."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from conftest import CLIPS, missing
from framegate.testing.faces import read_photo

RATE = 10
WIDTH, HEIGHT = 640, 360
ANN, BOB, CAY = 1, 7, 12  # people of the set

type Plan = Sequence[tuple[Shown, float]]  # who is shown, and for how many seconds
type Shown = tuple[tuple[int, int], ...]  # (person, photo), side by side


def orl() -> Path:
    """The folder of faces, unpacked by `make`."""
    folder = CLIPS / "orl"
    if not (folder / "s40" / "9.pgm").is_file():
        missing("the ORL faces (run `make .clips/.done`)")
    return folder


def photo(path: Path, person: int, number: int, *, scale: float = 3.0) -> Path:
    """One photo as a file of the kind that its name says."""
    bgr = cv2.cvtColor(read_photo(orl(), person, number, scale=scale), cv2.COLOR_RGB2BGR)
    assert cv2.imwrite(str(path), bgr)
    return path


def beside(*people: tuple[int, int], scale: float = 2.0) -> NDArray[np.uint8]:
    """A picture that shows so many people, RGB."""
    canvas = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for place, (person, number) in enumerate(people):
        face = read_photo(orl(), person, number, scale=scale)
        top = (HEIGHT - face.shape[0]) // 2
        left = (2 * place + 1) * WIDTH // (2 * len(people)) - face.shape[1] // 2
        canvas[top : top + face.shape[0], left : left + face.shape[1]] = face
    return canvas


def video(path: Path, plan: Plan, *, scale: float = 2.0) -> Path:
    """H.264: each entry of the plan is who is shown, and for how many seconds."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        pts = 0
        for people, seconds in plan:
            picture = beside(*people, scale=scale)
            for _ in range(round(seconds * RATE)):
                frame = VideoFrame.from_ndarray(picture, "rgb24")
                frame.pts, frame.time_base = pts, Fraction(1, RATE)
                pts += 1
                out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path
