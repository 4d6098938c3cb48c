"""Pictures with an alpha channel are shown over black, in every layout that decoders give."""

from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame

from framegate.media.alpha import Opaque, has_alpha

RED = (200, 100, 50)
TOLERANCE = 7  # 4:2:0 on the way, two conversions


@pytest.mark.parametrize(
    "layout",
    ["yuva420p", "yuva422p", "yuva444p10le", "yuva444p12le", "rgba", "argb", "gbrap", "rgba64le"],
)
def test_a_layer_is_shown_over_black(layout: str) -> None:
    pixels = np.zeros((32, 96, 4), np.uint8)
    pixels[..., :3] = RED
    for at, alpha in enumerate((0, 128, 255)):
        pixels[:, 32 * at : 32 * at + 32, 3] = alpha
    frame = VideoFrame.from_ndarray(pixels, "rgba").reformat(format=layout)
    frame.pts, frame.time_base = 7, Fraction(1, 25)
    shown = Opaque(full_range=False).show(frame)
    assert not has_alpha(shown.format)
    assert (shown.pts, shown.time_base) == (7, Fraction(1, 25))
    assert abs(shown.format.components[0].bits - frame.format.components[0].bits) <= 4
    seen = shown.reformat(format="rgb24").to_ndarray()[16, [16, 48, 80]].astype(int)
    expected = np.array(RED)[None, :] * np.array([0, 128 / 255, 1])[:, None]
    assert np.abs(seen - expected).max() <= TOLERANCE


def test_full_range_black_is_black() -> None:
    frame = VideoFrame(64, 32, "yuva420p")
    for plane, value in zip(frame.planes, (200, 128, 128, 0), strict=True):
        np.frombuffer(plane, np.uint8)[:] = value
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    for full_range, black in ((True, 0), (False, 16)):
        shown = Opaque(full_range=full_range).show(frame)
        assert int(np.frombuffer(shown.planes[0], np.uint8)[0]) == black


def test_other_pictures_pass_untouched() -> None:
    frame = VideoFrame(64, 32, "yuv420p")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    assert Opaque(full_range=False).show(frame) is frame
