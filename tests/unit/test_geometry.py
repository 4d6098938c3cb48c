"""Where a picture goes in a box of another shape."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegate.media.geometry import NEAR_ASPECT, fit_within

ASPECTS = st.fractions(min_value=Fraction(1, 4), max_value=4, max_denominator=100)
SIDES = st.integers(32, 2000).map(lambda side: 2 * side)


@pytest.mark.parametrize(
    ("aspect", "box", "place"),
    [
        (Fraction(4, 3), (1920, 1080), (1440, 1080, 240, 0)),
        (Fraction(16, 9), (640, 480), (640, 360, 0, 60)),
        (Fraction(16, 9), (1920, 1080), (1920, 1080, 0, 0)),
        (Fraction(1920, 1088), (1920, 1080), (1920, 1080, 0, 0)),
    ],
)
def test_it_is_as_large_as_it_fits(
    aspect: Fraction, box: tuple[int, int], place: tuple[int, int, int, int]
) -> None:
    assert fit_within(aspect, box, Fraction(*box)) == place


@given(ASPECTS, SIDES, SIDES, ASPECTS)
def test_it_lies_inside_and_undistorted(
    aspect: Fraction, across: int, down: int, shown: Fraction
) -> None:
    width, height, left, top = fit_within(aspect, (across, down), shown)
    assert 0 < width <= across
    assert 0 < height <= down
    assert not (width | height | left | top) & 1
    assert 0 <= across - width - 2 * left <= 2
    assert 0 <= down - height - 2 * top <= 2
    pixel = shown * down / across
    made = pixel * width / height
    assert abs(made / aspect - 1) <= NEAR_ASPECT + Fraction(3, min(width, height))
