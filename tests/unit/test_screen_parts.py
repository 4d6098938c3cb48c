"""Bars, coverage, quality, texture and signals on pictures whose truth is known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from framegate.domain.frames import PictureSignals
from framegate.domain.span import Span
from framegate.media.luma import Luma, shrink
from framegate.media.signals import FrameMeter
from framegate.media.texture import measure_texture
from framegate.stages.screen.coverage import DecodeFacts, Looks, cover, miss_probability
from framegate.stages.screen.crop import BarFinder, Box, find_box
from framegate.stages.screen.quality import score_quality

RANDOM = np.random.default_rng(3)
NO_CROP = (0, 0, 0, 0)


def picture(height: int = 360, width: int = 640) -> np.ndarray:
    """Something lit and uneven."""
    coarse = RANDOM.integers(60, 220, (height // 20, width // 20, 3), np.uint8)
    return coarse.repeat(20, 0).repeat(20, 1)


def barred(*, top: int = 0, left: int = 0) -> np.ndarray:
    pixels = np.full((360, 640, 3), 3, np.uint8)
    inside = picture()
    pixels[top : 360 - top, left : 640 - left] = inside[top : 360 - top, left : 640 - left]
    return pixels


@pytest.mark.parametrize(("top", "left"), [(46, 0), (0, 80), (46, 80), (0, 0)])
def test_bars_are_found(top: int, left: int) -> None:
    assert find_box(barred(top=top, left=left)) == Box(top, 360 - top, left, 640 - left)


@pytest.mark.parametrize("channel", [0, 1, 2], ids=["red", "green", "blue"])
def test_a_picture_in_one_colour_is_no_bar(channel: int) -> None:
    """Else most of the picture could be kept from the detectors."""
    pixels = barred(top=150)
    around = np.random.default_rng(channel).integers(60, 220, (360, 640), np.uint8)
    pixels[:150, :, channel], pixels[210:, :, channel] = around[:150], around[210:]
    assert find_box(pixels) == Box(0, 360, 0, 640)


def test_a_dark_scene_is_no_bar() -> None:
    fading = picture()
    fading[:90] = 12  # a dark ceiling, and no bar at the foot
    assert find_box(fading) == Box(0, 360, 0, 640)
    assert find_box(np.full((360, 640, 3), 9, np.uint8)) is None


def test_within_a_shot_the_active_area_only_grows() -> None:
    finder = BarFinder()
    assert finder.active(0, barred(top=46)).top == 46
    assert finder.active(0, picture()) == Box(0, 360, 0, 640)
    assert finder.active(0, barred(top=46)).top == 0
    assert finder.active(1, barred(top=46)).top == 46


def decode(*lost: Span) -> DecodeFacts:
    return DecodeFacts(100, 90, 0, "full", "asked for", lost)


def seconds(*values: int) -> list[Fraction]:
    return [Fraction(value, 2) for value in values]


def test_the_largest_gap_counts_the_ends_and_the_worst_analyser() -> None:
    coverage = cover(
        decode(),
        seconds(1, 2, 4),
        {"detectors": [Looks(3, seconds(1, 2, 4)), Looks(1, seconds(2))]},
        end=Fraction(3),
        max_gap=Fraction(1),
    )
    assert coverage.largest_gap_s == 1.0
    assert coverage.levels[0].frames == 1
    assert coverage.levels[0].largest_gap_s == 2.0
    assert coverage.met


def test_a_stretch_that_could_not_be_decoded_breaks_the_promise() -> None:
    hole = Span(Fraction(1), Fraction(3))
    coverage = cover(decode(hole), seconds(0, 6), {}, end=Fraction(3), max_gap=Fraction(1))
    assert not coverage.met


def test_the_chance_to_miss_falls_linearly_to_nothing() -> None:
    assert miss_probability(0.25, 1.0) == 0.75
    assert miss_probability(1.0, 1.0) == miss_probability(2.0, 1.0) == 0.0
    assert miss_probability(0.1, 0.0) == 0.0


def signals(**changed: float) -> PictureSignals:
    fine = {
        "sharpness": 0.2,
        "blockiness": 0.0,
        "noise": 0.5,
        "exposure": 0.45,
        "contrast": 0.4,
        "clipped_low": 0.0,
        "clipped_high": 0.0,
    }
    return PictureSignals(**{**fine, **changed})


def score(sample: PictureSignals | None = None, **changed: object) -> float:
    given: dict[str, object] = {
        "short_side": 1080,
        "samples": [sample or signals()],
        "duration": Fraction(10),
        "still": (),
        "loudness_lufs": -16.0,
    }
    return score_quality(**{**given, **changed}).score  # type: ignore[arg-type]


def test_the_best_is_100_and_each_fault_costs() -> None:
    assert score() == 100.0
    frozen = [Span(Fraction(0), Fraction(8)), Span(Fraction(2), Fraction(6))]
    for worse in (
        score(short_side=240),
        score(signals(sharpness=0.01)),
        score(signals(blockiness=0.4)),
        score(signals(noise=8.0)),
        score(signals(clipped_high=0.3)),
        score(signals(exposure=0.05)),
        score(still=frozen),
        score(loudness_lufs=-36.0),
    ):
        assert 50 < worse < 97


def test_what_cannot_be_measured_is_left_out() -> None:
    quality = score_quality(
        short_side=1080, samples=[], duration=Fraction(1), still=(), loudness_lufs=None
    )
    assert [part.name for part in quality.parts] == ["resolution", "stability"]
    assert quality.score == 100.0


def measured(plane: np.ndarray) -> PictureSignals:
    return measure_texture(Luma(plane, 8, full_range=True), NO_CROP)


def test_texture_tells_blur_noise_blocks_and_clipping_apart() -> None:
    fine = (np.arange(1280) // 5 % 2 * 60 + 90).astype(np.uint8)[None, :].repeat(720, 0)
    ramp = np.linspace(40, 200, 1280)[None, :].repeat(720, 0)
    soft = (ramp + 20 * np.sin(np.arange(1280) / 30)).astype(np.uint8)
    assert measured(fine).sharpness > 10 * measured(soft).sharpness

    noisy = (ramp + RANDOM.normal(0, 6, ramp.shape)).clip(0, 255).astype(np.uint8)
    assert measured(noisy).noise == pytest.approx(6, rel=0.2)
    assert measured(soft).noise < 1

    blocks = (ramp.astype(np.int32) // 16 * 16)[::8, ::8].repeat(8, 0).repeat(8, 1)
    coarse = (blocks + RANDOM.integers(0, 40, (90, 160)).repeat(8, 0).repeat(8, 1)).astype(np.uint8)
    assert measured(coarse).blockiness > 0.5 > 5 * measured(noisy).blockiness

    assert measured(np.full((720, 1280), 255, np.uint8)).clipped_high == 1.0


def test_depth_and_range_do_not_change_what_is_measured() -> None:
    eight = RANDOM.integers(16, 236, (360, 640), np.uint8)
    ten = eight.astype(np.uint16) * 4
    one = measure_texture(Luma(eight, 8, full_range=False), NO_CROP)
    other = measure_texture(Luma(ten, 10, full_range=False), NO_CROP)
    assert one == other
    assert np.array_equal(shrink(Luma(eight, 8, False)), shrink(Luma(ten, 10, False)))


@pytest.mark.parametrize("size", [(2, 2), (9, 3), (16, 4000), (1, 1)])
def test_tiny_and_thin_pictures_are_measured(size: tuple[int, int]) -> None:
    luma = Luma(np.full(size, 100, np.uint8), 8, full_range=True)
    assert measure_texture(luma, NO_CROP).exposure == pytest.approx(100 / 255)
    assert shrink(luma).size


def test_black_freeze_and_cuts_are_found_where_they_are() -> None:
    meter = FrameMeter(Fraction(1, 25))
    moving = [RANDOM.integers(90, 130, (90, 160), np.uint8) for _ in range(40)]
    black = [np.full((90, 160), 16, np.uint8)] * 60
    still = [np.full((90, 160), 200, np.uint8)] * 75
    found = [
        meter.measure(pts, tiny, full_range=False).cut
        for pts, tiny in enumerate([*moving, *black, *still])
    ]
    meter.finish(175)
    assert [pts for pts, cut in enumerate(found) if cut] == [40, 100]
    assert meter.black == [(40, 100)]
    assert meter.freeze == [(40, 100), (100, 175)]


def test_motion_is_the_mean_absolute_difference() -> None:
    meter = FrameMeter(Fraction(1, 25))
    one, other = (RANDOM.integers(0, 256, (90, 161), np.uint8) for _ in range(2))
    meter.measure(0, one, full_range=True)
    moved = meter.measure(1, other, full_range=True).motion
    assert moved == np.abs(one.astype(int) - other).sum() / one.size
