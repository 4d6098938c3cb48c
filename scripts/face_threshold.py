"""Measures the face comparison on the ORL faces: the tables of docs/reference/creators.md.

Run ``python scripts/face_threshold.py`` after ``make .clips/.done``; about two minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from framegate.domain.creator import THRESHOLD
from framegate.models.store import Models
from framegate.testing.faces import (
    SCALE,
    People,
    Pixels,
    rate_at,
    read_photo,
    threshold_at,
    under,
)

ORL = Path(__file__).parent.parent / ".clips" / "orl"
RATES = (1e-2, 1e-3, 1e-4)
FACE_WIDTH = 140  # px, of the median face at `SCALE`


def main() -> None:
    """Print the tables."""
    reader = Models(1).face_reader()
    people = People.read(ORL, reader)
    print(f"faces found in {len(people.qualities)} of 400 photos\n")  # noqa: T201 - a script
    for name, (same, other) in (
        ("photo with photo", people.pairs()),
        ("template of 1", people.templates(1)),
        ("template of 3", people.templates(3)),
        ("template of 5", people.templates(5)),
    ):
        rows = [
            f"FAR {rate:g}: threshold {at:.3f} TAR {rate_at(same, at):.2%}"
            for rate in RATES
            for at in (threshold_at(other, rate),)
        ]
        shipped = (
            f"at {THRESHOLD}: FAR {rate_at(other, THRESHOLD):.1e} "
            f"({int((other >= THRESHOLD).sum())} of {len(other)}), "
            f"TAR {rate_at(same, THRESHOLD):.2%} of {len(same)}"
        )
        print(f"{name}: " + "; ".join([*rows, shipped]))  # noqa: T201 - a script
    for field in ("width", "turn", "sharpness"):
        values = [getattr(each, field) for each in people.qualities]
        marks = np.percentile(values, [0, 1, 5, 50, 95, 99, 100])
        print(f"{field}: " + " ".join(f"{mark:.3f}" for mark in marks))  # noqa: T201 - a script

    def tell(name: str, change: Callable[[int, int], Pixels]) -> None:
        found = under(reader, people, change, THRESHOLD)
        print(  # noqa: T201 - a script
            f"{name}: found {found.found:.1%}, accepted {found.accepted:.1%}, "
            f"width {found.width:.0f} px, sharpness {found.sharpness:.3f}"
        )

    for width in (16, 20, 24, 28, 32, 40, 48, 64, 80, 112):
        tell(
            f"face {width} px",
            lambda person, photo, at=width: read_photo(
                ORL, person, photo, scale=SCALE * at / FACE_WIDTH
            ),
        )
    for sigma in (1.0, 2.0, 3.0, 4.0, 6.0, 8.0):
        tell(
            f"blur {sigma:g} px",
            lambda person, photo, by=sigma: np.asarray(
                cv2.GaussianBlur(read_photo(ORL, person, photo), (0, 0), by), np.uint8
            ),
        )


if __name__ == "__main__":
    main()
