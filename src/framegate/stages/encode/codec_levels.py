"""Codec levels: what a decoder of each level must manage, and the smallest that a track fits.

Pure. A level too high turns decoders away that could play the track; one too low promises what the
track does not keep. Tables: ITU-T H.264 Table A-1, ITU-T H.265 Tables A.8 and A.9, the AV1
specification's Annex A.3; only what progressive 4:2:0 in the main or high profile is measured by.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from framegate.errors import Internal

_MACROBLOCK = 16


@dataclass(frozen=True, slots=True)
class Level:
    """One row. ``number`` as the codec's header writes it; sizes in the codec's own unit
    (macroblocks for H.264, luma samples for HEVC and AV1), rates in units or bits a second.
    """

    name: str
    number: int
    picture: int
    rate: int
    bits: int  # main tier; high profile for H.264
    width: int = 0  # longest; 0: the square root of 8 pictures, for both sides (H.264, HEVC)
    height: int = 0
    high_bits: int = 0  # high tier; 0: there is none


def _h264(name: str, rate: int, picture: int, kbits: int) -> Level:
    # High profile: 1.25 times what Table A-1 gives for Baseline to Extended (cpbBrVclFactor 1250)
    number = 10 * int(name[0]) + int(name[2])
    return Level(name, number, picture, rate, kbits * 1250)


_H264 = (
    _h264("1.0", 1_485, 99, 64),
    Level("1b", 9, 99, 1_485, 128 * 1250),  # its own number in High profile (A.3.4.2)
    _h264("1.1", 3_000, 396, 192),
    _h264("1.2", 6_000, 396, 384),
    _h264("1.3", 11_880, 396, 768),
    _h264("2.0", 11_880, 396, 2_000),
    _h264("2.1", 19_800, 792, 4_000),
    _h264("2.2", 20_250, 1_620, 4_000),
    _h264("3.0", 40_500, 1_620, 10_000),
    _h264("3.1", 108_000, 3_600, 14_000),
    _h264("3.2", 216_000, 5_120, 20_000),
    _h264("4.0", 245_760, 8_192, 20_000),
    _h264("4.1", 245_760, 8_192, 50_000),
    _h264("4.2", 522_240, 8_704, 50_000),
    _h264("5.0", 589_824, 22_080, 135_000),
    _h264("5.1", 983_040, 36_864, 240_000),
    _h264("5.2", 2_073_600, 36_864, 240_000),
    _h264("6.0", 4_177_920, 139_264, 240_000),
    _h264("6.1", 8_355_840, 139_264, 480_000),
    _h264("6.2", 16_711_680, 139_264, 800_000),
)


def _hevc(name: str, picture: int, rate: int, kbits: int, high: int = 0) -> Level:
    # CpbVclFactor 1000 for the Main profile
    number = 30 * int(name[0]) + 3 * int(name[2])
    return Level(name, number, picture, rate, kbits * 1000, high_bits=high * 1000)


_H265 = (
    _hevc("1.0", 36_864, 552_960, 128),
    _hevc("2.0", 122_880, 3_686_400, 1_500),
    _hevc("2.1", 245_760, 7_372_800, 3_000),
    _hevc("3.0", 552_960, 16_588_800, 6_000),
    _hevc("3.1", 983_040, 33_177_600, 10_000),
    _hevc("4.0", 2_228_224, 66_846_720, 12_000, 30_000),
    _hevc("4.1", 2_228_224, 133_693_440, 20_000, 50_000),
    _hevc("5.0", 8_912_896, 267_386_880, 25_000, 100_000),
    _hevc("5.1", 8_912_896, 534_773_760, 40_000, 160_000),
    _hevc("5.2", 8_912_896, 1_069_547_520, 60_000, 240_000),
    _hevc("6.0", 35_651_584, 1_069_547_520, 60_000, 240_000),
    _hevc("6.1", 35_651_584, 2_139_095_040, 120_000, 480_000),
    _hevc("6.2", 35_651_584, 4_278_190_080, 240_000, 800_000),
)


def _av1(
    name: str, picture: int, sides: tuple[int, int], rate: int, mbits: tuple[float, float]
) -> Level:
    number = 4 * (int(name[0]) - 2) + int(name[2])
    bits, high_bits = (int(value * 1_000_000) for value in mbits)
    return Level(name, number, picture, rate, bits, *sides, high_bits)


_AV1 = (
    _av1("2.0", 147_456, (2_048, 1_152), 4_423_680, (1.5, 0)),
    _av1("2.1", 278_784, (2_816, 1_584), 8_363_520, (3, 0)),
    _av1("3.0", 665_856, (4_352, 2_448), 19_975_680, (6, 0)),
    _av1("3.1", 1_065_024, (5_504, 3_096), 31_950_720, (10, 0)),
    _av1("4.0", 2_359_296, (6_144, 3_456), 70_778_880, (12, 30)),
    _av1("4.1", 2_359_296, (6_144, 3_456), 141_557_760, (20, 50)),
    _av1("5.0", 8_912_896, (8_192, 4_352), 267_386_880, (30, 100)),
    _av1("5.1", 8_912_896, (8_192, 4_352), 534_773_760, (40, 160)),
    _av1("5.2", 8_912_896, (8_192, 4_352), 1_069_547_520, (60, 240)),
    _av1("5.3", 8_912_896, (8_192, 4_352), 1_069_547_520, (60, 240)),
    _av1("6.0", 35_651_584, (16_384, 8_704), 1_069_547_520, (60, 240)),
    _av1("6.1", 35_651_584, (16_384, 8_704), 2_139_095_040, (100, 480)),
    _av1("6.2", 35_651_584, (16_384, 8_704), 4_278_190_080, (160, 800)),
    _av1("6.3", 35_651_584, (16_384, 8_704), 4_278_190_080, (160, 800)),
)

LEVELS = {"avc1": _H264, "hvc1": _H265, "av01": _AV1}
"""By sample entry, lowest first."""


def find_level(kind: str, number: int) -> Level:
    """The row that a codec box names. Raises `Internal` when the codec has no such level."""
    for level in LEVELS.get(kind, ()):
        if level.number == number:
            return level
    raise Internal("The package is not sound", f"{kind} has no level {number}")


def admits(kind: str, level: Level, width: int, height: int, rate: Fraction) -> bool:
    """Whether a decoder of ``level`` must manage the picture size and rate."""
    if kind == "avc1":
        width, height = -(-width // _MACROBLOCK), -(-height // _MACROBLOCK)
    size = width * height
    if level.width:
        shaped = width <= level.width and height <= level.height
    else:
        shaped = max(width, height) ** 2 <= 8 * level.picture
    return shaped and size <= level.picture and size * rate <= level.rate
