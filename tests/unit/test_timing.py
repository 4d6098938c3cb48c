"""Which gaps between timestamps are jumps, and which are how the video was made."""

from fractions import Fraction

import numpy as np
import pytest

from framegate.media.timing import leaps

MS = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("pts", "wanted"),
    [
        ([0], []),
        ([0, 40, 80, 120], []),
        ([0, 40, 80, 10_080, 10_120], []),  # ten seconds: a pause
        ([0, 40, 80, 10_081, 10_121], [(80, 10_081)]),
        ([500, 540, 580, 1_000_580, 1_000_620], [(80, 1_000_080)]),  # told from the first frame
        ([0, 9_000, 18_000, 27_000, 60_000], []),  # a slide show may stay on one picture
        ([0, 40, 80, 20_080, 20_120, 40_120], [(80, 20_080), (20_120, 40_120)]),
    ],
)
def test_leaps(pts: list[int], wanted: list[tuple[int, int]]) -> None:
    found = leaps(np.array(pts, np.int64), MS)
    assert [(span.start, span.end) for span in found] == [(a * MS, b * MS) for a, b in wanted]
