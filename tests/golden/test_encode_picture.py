"""The picture that leaves the encoder's graph is the one that a viewer should see.

Expected values are computed here from the colours put in, by the formulas of ITU-R BT.601,
BT.709 and BT.2100; the tolerance is 3 of 255, two roundings and a chroma interpolation.
"""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

import footage
from framegate.domain.media import Colour, Crop, HdrKind, Rotation, VideoFacts
from framegate.media.colour import MATRICES
from framegate.media.picture import PictureGraph, Size
from framegate.stages.encode.ladder import STRANGE_MATRICES

WIDTH, HEIGHT = 192, 128
TOLERANCE = 3
BARS = np.array(
    [
        [180, 180, 180], [180, 180, 16], [16, 180, 180], [16, 180, 16],
        [180, 16, 180], [180, 16, 16], [16, 16, 180], [90, 60, 120],
    ],
    np.float64,
)  # fmt: skip
KR_KB = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt2020nc": (0.2627, 0.0593)}


def yuv(rgb: NDArray[np.float64], matrix: str, *, full: bool, bits: int = 8) -> NDArray[np.float64]:
    """R'G'B' (0..255) to code values."""
    kr, kb = KR_KB[matrix]
    r, g, b = (rgb / 255).T
    y = kr * r + (1 - kr - kb) * g + kb * b
    pb, pr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    scale = 1 << (bits - 8)
    if full:
        top = (1 << bits) - 1
        return np.stack([y * top, pb * top + 128 * scale, pr * top + 128 * scale], 1)
    return np.stack([16 + 219 * y, 128 + 224 * pb, 128 + 224 * pr], 1) * scale


def bars(codes: NDArray[np.float64], pixel_format: str) -> VideoFrame:
    """Eight vertical bars of the given codes."""
    frame = VideoFrame(WIDTH, HEIGHT, pixel_format)
    deep = frame.format.components[0].bits > 8
    for index, plane in enumerate(frame.planes):
        kind = np.uint16 if deep else np.uint8
        view = np.frombuffer(plane, kind).reshape(plane.height, -1)
        columns = np.arange(plane.width) * len(codes) // plane.width
        view[:, : plane.width] = np.round(codes[columns, index])[None, :]
    return frame


def seen(frame: VideoFrame) -> NDArray[np.float64]:
    """The codes in the middle of each bar of a yuv420p picture."""
    assert frame.format.name == "yuv420p"
    found = []
    for plane in frame.planes:
        view = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width]
        at = ((np.arange(len(BARS)) + 0.5) * plane.width / len(BARS)).astype(int)
        found.append(view[plane.height // 2, at])
    return np.stack(found, 1).astype(np.float64)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> VideoFacts:
    """Facts of an SDR BT.709 clip of this size, to be changed by each test."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    footage.write(path, [footage.grey(footage.numbered(n, WIDTH, HEIGHT)) for n in range(3)])
    video = footage.facts_of(path).video
    colour = Colour(None, None, None, None, "bt709", "bt709", "bt709", full_range=False)
    return replace(video, colour=colour)


def through(video: VideoFacts, frame: VideoFrame, *sizes: Size) -> list[VideoFrame]:
    frame.pts = 0
    return PictureGraph(video, sizes or [Size(WIDTH, HEIGHT)], Fraction(25)).process(frame)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv422p10le", "yuv420p10le"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
def test_every_matrix_range_and_depth_becomes_limited_bt709(
    matrix: str, pixel_format: str, plain: VideoFacts, *, full: bool
) -> None:
    bits = 10 if "10" in pixel_format else 8
    video = replace(plain, colour=replace(plain.colour, matrix=matrix, full_range=full))
    frame = bars(yuv(BARS, matrix, full=full, bits=bits), pixel_format)
    top, low = through(video, frame, Size(WIDTH, HEIGHT), Size(WIDTH // 2, HEIGHT // 2))
    expected = yuv(BARS, "bt709", full=False)
    for picture in (top, low):
        assert np.abs(seen(picture) - expected).max() <= TOLERANCE
        assert (picture.color_range, picture.colorspace) == (1, 1)


def test_rgb_becomes_limited_bt709(plain: VideoFacts) -> None:
    video = replace(plain, chroma="rgb", colour=replace(plain.colour, matrix="gbr"))
    frame = bars(BARS[:, [1, 2, 0]], "gbrp")
    (picture,) = through(video, frame)
    assert np.abs(seen(picture) - yuv(BARS, "bt709", full=False)).max() <= TOLERANCE


def pq(nits: float) -> float:
    """BT.2100 PQ signal (0..1) of a luminance."""
    y = (nits / 10_000) ** 0.1593017578125
    return float(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


def hlg(level: float) -> float:
    """BT.2100 HLG signal of scene light 0..1."""
    if level <= 1 / 12:
        return float(np.sqrt(3 * level))
    return float(0.17883277 * np.log(12 * level - 0.28466892) + 0.55991073)


@pytest.mark.parametrize(
    ("kind", "transfer", "greys"),
    [
        (HdrKind.PQ, "smpte2084", [pq(n) for n in (0.0, 1, 10, 50, 100, 203, 400, 1000)]),
        (HdrKind.HLG, "arib-std-b67", [hlg(n) for n in (0.0, 0.01, 0.05, 0.1, 0.2, 0.27, 0.5, 1)]),
    ],
)
def test_hdr_becomes_a_picture_in_range_that_keeps_its_order(
    kind: HdrKind, transfer: str, greys: list[float], plain: VideoFacts
) -> None:
    """Perceptual mapping is a matter of taste; black, order, neutral greys and a white that is
    bright without clipping everything above it are not.
    """
    colour = Colour(None, None, None, None, "bt2020", transfer, "bt2020nc", full_range=False)
    video = replace(plain, hdr=kind, colour=colour, pixel_format="yuv420p10le", bit_depth=10)
    rgb = np.array(greys)[:, None].repeat(3, 1) * 255
    (picture,) = through(video, bars(yuv(rgb, "bt2020nc", full=False, bits=10), "yuv420p10le"))
    codes = seen(picture)
    luma = codes[:, 0]
    assert luma[0] <= 18
    assert (np.diff(luma) > 0).all()
    assert 120 <= luma[5] <= 225  # reference white, 203 cd/m2
    assert luma[7] <= 237
    assert np.abs(codes[:, 1:] - 128).max() <= TOLERANCE


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_the_picture_stands_upright(turn: int, plain: VideoFacts, *, flip: bool) -> None:
    quarters = np.empty((HEIGHT, WIDTH), np.uint8)
    half = (HEIGHT // 2, WIDTH // 2)
    quarters[: half[0], : half[1]], quarters[: half[0], half[1] :] = 50, 100
    quarters[half[0] :, : half[1]], quarters[half[0] :, half[1] :] = 150, 200
    expected = quarters[:, ::-1] if flip else quarters
    expected = np.rot90(expected, -turn // 90)
    video = replace(plain, rotation=Rotation(turn, flip))
    height, width = expected.shape
    (picture,) = through(video, footage.grey(quarters), Size(width, height))
    luma = picture.to_ndarray()[:height]
    for row in (0.25, 0.75):
        for column in (0.25, 0.75):
            at = (int(row * height), int(column * width))
            assert abs(int(luma[at]) - int(expected[at])) <= TOLERANCE


def test_a_rotated_file_comes_out_upright(tmp_path: Path) -> None:
    """From the display matrix in the file to the picture: probe and graph agree on the sense."""
    quarters = np.full((HEIGHT, WIDTH), 40, np.uint8)
    quarters[: HEIGHT // 2, : WIDTH // 2] = 220  # bright top left as coded
    path = footage.write(tmp_path / "source.mp4", [footage.grey(quarters) for _ in range(3)])
    turned = footage.with_matrix(path, tmp_path / "turned.mp4", (0, 1, -1, 0))
    video = footage.facts_of(turned).video
    assert (video.display_width, video.display_height) == (HEIGHT, WIDTH)
    (picture,) = through(video, footage.grey(quarters), Size(HEIGHT, WIDTH))
    luma = picture.to_ndarray()[:WIDTH]
    # (x, y) goes to (-y, x): a quarter turn clockwise, so the bright corner is top right
    assert luma[10, HEIGHT - 10] > 200
    assert luma[10, 10] < 60
    assert luma[WIDTH - 10, HEIGHT - 10] < 60


def test_the_clean_aperture_is_cut_and_odd_sizes_become_even(plain: VideoFacts) -> None:
    luma = np.full((HEIGHT, WIDTH), 100, np.uint8)
    luma[:, :16], luma[:8] = 230, 230
    video = replace(plain, clean_aperture=Crop(left=16, top=8))
    (picture,) = through(video, footage.grey(luma), Size(WIDTH - 16, HEIGHT - 8))
    assert np.abs(picture.to_ndarray()[: HEIGHT - 8].astype(int) - 100).max() <= TOLERANCE

    odd = replace(plain, width=191, height=127, pixel_format="yuv444p")
    frame = VideoFrame(191, 127, "yuv444p")
    for value, plane in zip((120, 90, 150), frame.planes, strict=True):
        np.frombuffer(plane, np.uint8)[:] = value
    (picture,) = through(odd, frame, Size(190, 126))
    assert np.abs(seen(picture) - [120, 90, 150]).max() <= TOLERANCE


def test_a_source_that_changes_its_size_keeps_the_rungs(plain: VideoFacts) -> None:
    graph = PictureGraph(plain, [Size(WIDTH, HEIGHT)], Fraction(25))
    for number, (width, height) in enumerate([(192, 128), (96, 64), (192, 128)]):
        frame = footage.grey(footage.numbered(5, width, height))
        frame.pts = number
        (picture,) = graph.process(frame)
        assert (picture.width, picture.height, picture.pts) == (WIDTH, HEIGHT, number)
        assert footage.number_of(np.asarray(picture.to_ndarray(), np.uint8)[:HEIGHT]) == 5


def test_rungs_are_not_scaled_from_one_that_is_hardly_larger(plain: VideoFacts) -> None:
    """360 lines out of 486 blur; the sharp pattern must come through as from the source."""
    y, x = np.mgrid[0:720, 0:1280]
    luma = (128 + 60 * np.sin(x * 0.9) * np.sin(y * 0.7)).astype(np.uint8)
    video = replace(plain, width=1280, height=720)
    sizes = [Size(1280, 720), Size(864, 486), Size(640, 360)]
    cascade = through(video, footage.grey(luma), *sizes)[-1].to_ndarray()[:360]
    direct = through(video, footage.grey(luma), sizes[0], sizes[-1])[-1].to_ndarray()[:360]
    assert np.array_equal(cascade, direct)


@pytest.mark.parametrize("matrix", sorted(set(MATRICES.values()) - STRANGE_MATRICES - {"gbr"}))
def test_every_matrix_that_the_plan_takes_can_be_converted(matrix: str, plain: VideoFacts) -> None:
    for primaries in ("bt709", "bt2020"):
        colour = replace(plain.colour, matrix=matrix)
        video = replace(plain, colour=replace(colour, primaries=primaries))
        (picture,) = through(video, footage.grey(np.full((HEIGHT, WIDTH), 120, np.uint8)))
        assert np.abs(seen(picture) - [120, 128, 128]).max() <= TOLERANCE
