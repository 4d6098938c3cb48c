"""Numbers as people read them. Pure."""

from __future__ import annotations

from fractions import Fraction

MINUTE, HOUR = 60, 3600
KILO = 1000
NOT_SAID = "not said"


def clock(seconds: Fraction | float) -> str:
    """A position in a video: ``0:07.5``, ``12:03.0``, ``1:02:03.0``."""
    tenths = round(float(seconds) * 10)
    whole, tenth = divmod(tenths, 10)
    hours, rest = divmod(whole, HOUR)
    minutes, secs = divmod(rest, MINUTE)
    head = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{head}:{secs:02}.{tenth}"


def duration(seconds: Fraction | float) -> str:
    """A length of time: ``420 ms``, ``7.25 s``, ``3 min 20 s``, ``1 h 2 min``."""
    value = float(seconds)
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < MINUTE:
        return f"{value:.2f} s".replace(".00 s", " s")
    whole = round(value)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def size(count: int) -> str:
    """Bytes with decimal prefixes, as in the rates beside them."""
    return _scaled(count, ("B", "kB", "MB", "GB", "TB"))


def rate(bits: int) -> str:
    """Bit/s with decimal prefixes."""
    return _scaled(bits, ("bit/s", "kbit/s", "Mbit/s", "Gbit/s"))


def frequency(value: Fraction | None) -> str:
    """Frames a second: ``29.97 fps (30000/1001)``."""
    if value is None:
        return NOT_SAID
    if value.denominator == 1:
        return f"{value.numerator} fps"
    return f"{float(value):.3f} fps ({value.numerator}/{value.denominator})"


def percent(share: float) -> str:
    """A probability; never rounded to a certainty that it is not."""
    if 0 < share < 0.01:  # noqa: PLR2004 -- one percent
        return "< 1 %"
    if 0.99 < share < 1:  # noqa: PLR2004 -- all but one percent
        return "> 99 %"
    return f"{share * 100:.0f} %"


def share(part: float) -> str:
    """A part of a whole: whole percents, two digits where it is small."""
    if part >= 0.1 or not part:  # noqa: PLR2004 -- ten percent
        return percent(part)
    return f"{part * 100:.2g} %" if part >= 0.001 else "< 0.1 %"  # noqa: PLR2004 -- a thousandth


def number(count: int) -> str:
    """Thousands parted by thin spaces."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _scaled(count: float, units: tuple[str, ...]) -> str:
    value, unit = float(count), 0
    while value >= KILO and unit < len(units) - 1:
        value /= KILO
        unit += 1
    return f"{value:.0f} {units[unit]}" if unit == 0 else f"{value:.3g} {units[unit]}"
