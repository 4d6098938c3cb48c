"""Levels as the standards' tables have them."""

from fractions import Fraction

import pytest

from framegate.errors import Internal
from framegate.stages.encode.codec_levels import LEVELS, admits, find_level
from levels import smallest_level


@pytest.mark.parametrize(
    ("kind", "size", "rate", "bits", "name"),
    [
        ("avc1", (64, 64), 25, 100_000, "1b"),
        ("avc1", (320, 240), 30, 0, "1.3"),
        ("avc1", (640, 360), 30, 0, "3.0"),
        ("avc1", (1280, 720), 30, 0, "3.1"),
        ("avc1", (1280, 720), 60, 0, "3.2"),
        ("avc1", (1920, 1080), 30, 0, "4.0"),
        ("avc1", (1080, 1920), 60, 0, "4.2"),
        ("avc1", (1920, 1080), 30, 40_000_000, "4.1"),
        ("avc1", (3840, 2160), 30, 0, "5.1"),
        ("avc1", (3840, 2160), 60, 0, "5.2"),
        ("avc1", (4096, 16), 1, 0, "4.0"),  # long and low: the side counts
        ("hvc1", (960, 540), 30, 0, "3.0"),
        ("hvc1", (1280, 720), 30, 0, "3.1"),
        ("hvc1", (1920, 1080), 30, 0, "4.0"),
        ("hvc1", (1920, 1080), 60, 0, "4.1"),
        ("hvc1", (3840, 2160), 60, 0, "5.1"),
        ("av01", (640, 360), 30, 0, "2.1"),
        ("av01", (1280, 720), 30, 0, "3.1"),
        ("av01", (1920, 1080), 30, 0, "4.0"),
        ("av01", (1920, 1080), 60, 0, "4.1"),
        ("av01", (3840, 2160), 60, 0, "5.1"),
    ],
)
def test_smallest(kind: str, size: tuple[int, int], rate: int, bits: int, name: str) -> None:
    level = smallest_level(kind, *size, Fraction(rate), bits)
    assert level.name == name
    assert find_level(kind, level.number) == level
    assert admits(kind, level, *size, Fraction(rate))


def test_exact_rates_decide() -> None:
    # 8,160 macroblocks of 245,760 a second
    assert smallest_level("avc1", 1920, 1080, Fraction(3011, 100)).name == "4.0"
    assert smallest_level("avc1", 1920, 1080, Fraction(60000, 1001)).name == "4.2"


def test_what_no_level_has() -> None:
    with pytest.raises(Internal):
        find_level("hvc1", 31)
    assert not any(admits("avc1", level, 32768, 32768, Fraction(60)) for level in LEVELS["avc1"])
