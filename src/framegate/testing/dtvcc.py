"""CEA-708 captions for tests: commands and text to DTVCC packets to triples of ``cc_data``.

An encoder by the book (CTA-708-E, 47 CFR 79.102). It shares nothing with the decoder: tables,
lengths and packing are written here once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

type Triple = tuple[int, int, int]
"""``cc_type`` and two bytes."""

type Triples = dict[int, list[Triple]]
"""Frame in presentation order → what of CEA-708 its picture carries."""

BLOCK = 31  # bytes, the most in a service block
PACKET = 127  # bytes, the most behind a packet's header
PICTURE = 18  # triples of a picture at 30 a second, beside two of CEA-608

ETX, BACKSPACE, FORM_FEED, CARRIAGE_RETURN, CLEAR_LINE = b"\x03", b"\x08", b"\x0c", b"\r", b"\x0e"
DELAY_CANCEL, RESET = b"\x8e", b"\x8f"

_G2_SIGNS = "…ŠŒ█\u2018\u2019“”•™šœ℠Ÿ⅛⅜⅝⅞│┐└─┘┌"
_G2_CODES = bytes.fromhex("252a2c3031323334 35393a3c3d3f7677 78797a7b7c7d7e7f")
_G2 = dict(zip(_G2_SIGNS, _G2_CODES, strict=True))
G2 = frozenset(_G2)
"""Characters that the second graphic set has."""


class Print(IntEnum):
    """Directions of ``SetWindowAttributes``."""

    LEFT_TO_RIGHT = 0
    RIGHT_TO_LEFT = 1
    TOP_TO_BOTTOM = 2
    BOTTOM_TO_TOP = 3


def text(said: str) -> bytes:
    """Characters in the shortest of the sets that has them."""
    return b"".join(_character(each) for each in said)


def define(
    window: int,
    rows: int,
    columns: int,
    *,
    visible: bool = False,
    locked: bool = True,
    anchor: tuple[int, int, int] = (6, 70, 20),  # point, down, across: at the lower left
    style: int = 1,
) -> bytes:
    """``DefineWindow``; ``rows`` and ``columns`` as a person counts them."""
    point, down, across = anchor
    flags = visible << 5 | locked << 4 | locked << 3
    return bytes(
        (0x98 + window, flags, down, across, point << 4 | rows - 1, columns - 1, style << 3 | 1)
    )


def select(window: int) -> bytes:
    """``SetCurrentWindow``."""
    return bytes((0x80 + window,))


def clear(*windows: int) -> bytes:
    """``ClearWindows``."""
    return bytes((0x88, _bits(windows)))


def display(*windows: int) -> bytes:
    """``DisplayWindows``."""
    return bytes((0x89, _bits(windows)))


def hide(*windows: int) -> bytes:
    """``HideWindows``."""
    return bytes((0x8A, _bits(windows)))


def toggle(*windows: int) -> bytes:
    """``ToggleWindows``."""
    return bytes((0x8B, _bits(windows)))


def delete(*windows: int) -> bytes:
    """``DeleteWindows``."""
    return bytes((0x8C, _bits(windows)))


def delay(tenths: int) -> bytes:
    """``Delay``, in tenths of a second."""
    return bytes((0x8D, tenths))


def pen_attributes(*, tag: int = 0) -> bytes:
    """``SetPenAttributes``: standard size and font."""
    return bytes((0x90, tag << 4 | 0x05, 0x00))


def pen_colour() -> bytes:
    """``SetPenColor``: white on black. Its parameters are letters in G0."""
    return bytes((0x91, 0x3F, 0x40, 0x41))


def pen_location(row: int, column: int) -> bytes:
    """``SetPenLocation``, from 0."""
    return bytes((0x92, row, column))


def window_attributes(
    printing: Print = Print.LEFT_TO_RIGHT, scrolling: Print = Print.BOTTOM_TO_TOP
) -> bytes:
    """``SetWindowAttributes``."""
    return bytes((0x97, 0x41, 0x42, printing << 4 | scrolling << 2, 0x43))


def pop_on(lines: Sequence[str], window: int = 0) -> bytes:
    """A hidden window with text; `display` shows it."""
    said = b"".join(pen_location(row, 0) + text(line) for row, line in enumerate(lines))
    start = delete(window) + define(window, len(lines), 32) + window_attributes()
    return start + pen_attributes() + pen_colour() + said + ETX


def block(service: int, data: bytes) -> bytes:
    """One service block."""
    if len(data) > BLOCK:
        raise ValueError("too much for a service block")
    number = min(service, 7)
    header = bytes((number << 5 | len(data),))
    return header + (bytes((service,)) if number == 7 else b"") + data  # noqa: PLR2004 - extended


class Writer:
    """Puts blocks into packets and counts them."""

    def __init__(self) -> None:
        self._sequence = 0

    def packet(self, *blocks: bytes) -> list[Triple]:
        """The triples of one packet, a null block at its end."""
        data = b"".join(blocks)
        if len(data) > PACKET:
            raise ValueError("too much for a packet")
        data += b"\0" * (1 - len(data) % 2)
        header = self._sequence << 6 | ((len(data) + 1) // 2 & 0x3F)
        self._sequence = (self._sequence + 1) % 4
        whole = bytes((header,)) + data
        return [(3 if at == 0 else 2, whole[at], whole[at + 1]) for at in range(0, len(whole), 2)]

    def skip(self) -> None:
        """Lose a packet."""
        self._sequence = (self._sequence + 1) % 4

    def say(self, service: int, *commands: bytes) -> list[Triple]:
        """Commands in as few packets as they need; none is divided between two blocks."""
        made: list[Triple] = []
        held = b""
        for command in commands:
            for part in _parts(command):
                if len(held) + len(part) > BLOCK:
                    made += self.packet(block(service, held))
                    held = b""
                held += part
        return made + self.packet(block(service, held)) if held else made


def ending_at(frame: int, triples: Sequence[Triple]) -> Triples:
    """As many pictures as it takes, the last one just before ``frame``."""
    parts = [list(triples[at : at + PICTURE]) for at in range(0, len(triples), PICTURE)]
    return {frame - len(parts) + at: part for at, part in enumerate(parts)}


def together(*parts: Triples) -> Triples:
    """Several schedules, one after the other where they want the same picture."""
    whole: Triples = {}
    for part in parts:
        for frame, triples in part.items():
            whole.setdefault(frame, []).extend(triples)
    return whole


def _parts(command: bytes) -> Iterable[bytes]:
    """Bytes that `define`, `text` and the others made, code by code."""
    at = 0
    while at < len(command):
        size = _size(command[at])
        yield command[at : at + size]
        at += size


def _size(first: int) -> int:
    if first == 0x10:  # noqa: PLR2004 - EXT1
        return 2
    if first == 0x18:  # noqa: PLR2004 - P16
        return 3
    if 0x88 <= first <= 0x8D:  # noqa: PLR2004 - of several windows, and the delay
        return 2
    if 0x98 <= first <= 0x9F:  # noqa: PLR2004 - DefineWindow
        return 7
    return {0x90: 3, 0x91: 4, 0x92: 3, 0x97: 5}.get(first, 1)


def _character(said: str) -> bytes:
    if said == "♪":
        return b"\x7f"
    if said in _G2:
        return bytes((0x10, _G2[said]))
    code = ord(said)
    if 0x20 <= code < 0x7F or 0xA0 <= code < 0x100:  # noqa: PLR2004 - ASCII, Latin-1
        return bytes((code,))
    return b"\x18" + code.to_bytes(2)


def _bits(windows: Iterable[int]) -> int:
    return sum(1 << window for window in set(windows))
