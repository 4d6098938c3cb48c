"""Previews have the colours that were put in, by the formulas of ITU-R BT.601, BT.709, BT.2020.

The tolerance is 4 of 255: a chroma interpolation and swscale's fast conversion.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame

from framegate.media.preview import Previewer, View

WEIGHTS = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt2020nc": (0.2627, 0.0593)}
COLOURS = [(200, 60, 40), (40, 90, 200), (50, 170, 70), (128, 128, 128), (255, 255, 255)]
VIEW = View(
    width=1280,
    height=720,
    crop=(0, 0, 0, 0),
    sample_aspect=Fraction(1),
    clockwise_deg=0,
    flip_horizontal=False,
    matrix="bt709",
    full_range=False,
    transfer=None,
    long_side=640,
)


def plain(rgb: tuple[int, int, int], view: View, layout: str) -> VideoFrame:
    """One colour, encoded by hand."""
    kr, kb = WEIGHTS[view.matrix]
    red, green, blue = (value / 255 for value in rgb)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    if view.full_range:
        values = (luma * 255, cb * 255 + 128, cr * 255 + 128)
    else:
        values = (luma * 219 + 16, cb * 224 + 128, cr * 224 + 128)
    frame = VideoFrame(view.width, view.height, layout)
    for plane, value in zip(frame.planes, values, strict=True):
        if "10" in layout:
            level = np.full(plane.buffer_size // 2, round(value * 4), "<u2")
        else:
            level = np.full(plane.buffer_size, round(value), np.uint8)
        plane.update(level.tobytes())
    return frame


@pytest.mark.parametrize("layout", ["yuv420p", "yuv420p10le", "yuv444p"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_matrix_range_and_depth(matrix: str, layout: str, *, full_range: bool) -> None:
    view = replace(VIEW, matrix=matrix, full_range=full_range)
    previewer = Previewer(view)
    for colour in COLOURS:
        shown = previewer.make(plain(colour, view, layout))
        assert shown.shape == (360, 640, 3)
        assert np.abs(shown.reshape(-1, 3).mean(0) - colour).max() <= 4


def test_clean_aperture_and_sample_aspect() -> None:
    view = replace(VIEW, width=720, height=576, crop=(8, 0, 8, 0), sample_aspect=Fraction(64, 45))
    frame = plain((200, 60, 40), view, "yuv420p")
    shown = Previewer(view).make(frame)
    assert shown.shape == (round(576 * 640 / (704 * 64 / 45)), 640, 3)


def test_a_frame_of_another_size_is_shown_whole() -> None:
    """As the encode publishes it: the clean aperture is no hiding place for it."""
    view = replace(VIEW, width=320, height=180, crop=(0, 0, 160, 0))
    previewer = Previewer(view)
    for width, seen in ((320, False), (324, True)):
        picture = np.full((180, width, 3), 60, np.uint8)
        picture[:, width * 3 // 4 :] = 220
        frame = VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
        shown = previewer.make(frame)
        assert shown.shape == (180, 160, 3)
        assert bool(shown.max() > 200) is seen


@pytest.mark.parametrize(("transfer", "grey"), [("smpte2084", 0.58), ("arib-std-b67", 0.75)])
def test_hdr_white_is_bright_and_grey_stays_grey(transfer: str, grey: float) -> None:
    """Reference white of BT.2408: 58 % in PQ, 75 % in HLG."""
    view = replace(VIEW, matrix="bt2020nc", transfer=transfer)
    level = round(grey * 255)
    previewer = Previewer(view)  # once: building the tone map takes seconds
    shown = previewer.make(plain((level, level, level), view, "yuv420p10le"))
    mean = shown.reshape(-1, 3).mean(0)
    assert np.ptp(mean) < 4
    assert 150 < mean.mean() < 256
    dark = previewer.make(plain((20, 20, 20), view, "yuv420p10le"))
    assert dark.mean() < 40


@pytest.mark.parametrize("layout", ["rgb24", "gbrp", "gray", "yuyv422", "nv12", "yuvj420p", "pal8"])
def test_other_layouts_are_shown(layout: str) -> None:
    frame = plain((128, 128, 128), VIEW, "yuv420p")
    if layout == "pal8":
        frame = VideoFrame(1280, 720, "pal8")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
    else:
        frame = frame.reformat(format=layout)
    assert Previewer(VIEW).make(frame).shape == (360, 640, 3)
