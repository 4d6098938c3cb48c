"""The level that a rendition needs, worked out from the standards' tables."""

from fractions import Fraction

from framegate.stages.encode.codec_levels import LEVELS, Level, admits


def smallest_level(kind: str, width: int, height: int, rate: Fraction, bits: int = 0) -> Level:
    """The lowest level for a picture of ``width`` x ``height`` pixels at ``rate`` frames/s and
    ``bits`` a second. Buffers can ask for a higher one.
    """
    return next(
        level
        for level in LEVELS[kind]
        if admits(kind, level, width, height, rate) and bits <= max(level.bits, level.high_bits)
    )
