"""CEA-608 captions: byte pairs of line 21 to cues, by 47 CFR 15.119 and ANSI/CTA-608-E.

One `Field` for each field of the picture, each with two channels: CC1 and CC2, CC3 and CC4.

    pairs ─► parity ─► XDS? dropped ─► control code? ─► channel: pop-on, roll-up, paint-on, text
                                       else characters ─► of the channel that spoke last

Times of pop-on captions are those of the pairs that show and erase them. Roll-up and paint-on
captions grow on the screen: a cue begins with a row's first character and has all of the row,
unless the row was left alone for more than `PAUSE`. Position, colour and style are not kept. What
nobody erases ends `TIMEOUT` after the last pair of its channel, as receivers do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from functools import partial

from framegate.domain.captions import Cue

ROWS, COLUMNS = 15, 32
PAUSE = Fraction(1)  # s
TIMEOUT = Fraction(16)  # s
NOTHING = (0, 0)  # a pair without parity that says nothing

_BASIC = {
    **{code: chr(code) for code in range(0x20, 0x7F)},
    **dict(zip(b"'*\\^_`{|}~\x7f", "\u2019áéíóúç÷Ññ█", strict=True)),
}
_SPECIAL = dict(enumerate("®°½¿™¢£♪à\u00a0èâêîôû", 0x30))  # mid-row codes lie below
_SPANISH_FRENCH = "ÁÉÓÚÜü\u2018¡*'—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»"
_PORTUGUESE_GERMAN_DANISH = "ÃãÍÌìÒòÕõ{}\\^_|~ÄäÖöß¥¤¦ÅåØø┌┐└┘"

_EXTENDED = {0x12: _SPANISH_FRENCH, 0x13: _PORTUGUESE_GERMAN_DANISH}

_BASE_ROWS = {1: 0, 2: 2, 5: 4, 6: 6, 7: 8, 0: 10, 3: 11, 4: 13}  # by a PAC's first byte & 7


class _Mode(Enum):
    NONE = "none"
    POP_ON = "pop-on"
    ROLL_UP = "roll-up"
    PAINT_ON = "paint-on"
    TEXT = "text"  # a page of its own, not captions


class _Screen:
    """One memory: characters by row and column."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[int, str]] = {}

    def put(self, row: int, column: int, character: str) -> None:
        self.rows.setdefault(row, {})[column] = character

    def cut(self, row: int, column: int) -> None:
        """Delete from a column to the end of the row."""
        self.rows[row] = {c: said for c, said in self.rows.get(row, {}).items() if c < column}

    def roll(self, base: int, depth: int) -> None:
        """Every row of the window one up; the top one goes, the base row is free."""
        top = base - depth + 1
        self.rows = {row - 1: said for row, said in self.rows.items() if max(top, 0) < row <= base}

    def move(self, by: int) -> None:
        """The whole window to another place."""
        self.rows = {row + by: said for row, said in self.rows.items() if 0 <= row + by < ROWS}

    def text(self) -> str:
        lines = []
        for _row, said in sorted(self.rows.items()):
            line = "".join(said.get(column, " ") for column in range(max(said, default=-1) + 1))
            lines.append(" ".join(line.split()))
        return "\n".join(line for line in lines if line)


@dataclass(slots=True)
class _Shown:
    """What stands on the screen: since when, and when it last grew."""

    start: Fraction
    grown: Fraction
    text: str


@dataclass(slots=True)
class Channel:
    """One of CC1 to CC4."""

    mode: _Mode = _Mode.NONE
    depth: int = 0
    row: int = ROWS - 1
    column: int = 0
    heard: Fraction = Fraction(0)  # the last pair
    shown: _Shown | None = None
    display: _Screen = field(default_factory=_Screen)
    loading: _Screen = field(default_factory=_Screen)

    def character(self, said: str, at: Fraction) -> None:
        """Write at the cursor."""
        if self.mode in (_Mode.NONE, _Mode.TEXT):
            return
        self._screen().put(self.row, self.column, said)
        self.column = min(self.column + 1, COLUMNS - 1)
        if self.mode is not _Mode.POP_ON:
            self._grow(at)

    def extended(self, said: str, at: Fraction) -> None:
        """In place of the plain character that decoders without it show."""
        self.column = max(self.column - 1, 0)
        self.character(said, at)

    def preamble(self, row: int, column: int) -> None:
        """Move the cursor; in roll-up the window goes with it."""
        if self.mode is _Mode.ROLL_UP and row != self.row:
            base = max(row, self.depth - 1)
            self.display.move(base - self.row)
            row = base
        self.row, self.column = row, column

    def tab(self, columns: int) -> None:
        """Move the cursor right."""
        self.column = min(self.column + columns, COLUMNS - 1)

    def command(self, code: int, at: Fraction) -> Iterator[Cue]:
        """A miscellaneous control code, its second byte."""
        known: dict[int, Callable[[Fraction], Iterator[Cue]]] = {
            0x20: self._resume_loading,
            0x21: self._backspace,
            0x24: self._delete_to_end,
            0x25: partial(self._roll_up, 2),
            0x26: partial(self._roll_up, 3),
            0x27: partial(self._roll_up, 4),
            0x29: self._resume_direct,
            0x2A: self._text,
            0x2B: self._text,
            0x2C: self._erase_displayed,
            0x2D: self._carriage_return,
            0x2E: self._erase_loading,
            0x2F: self._end_of_caption,
        }
        if code in known:
            yield from known[code](at)

    def settle(self, at: Fraction) -> Iterator[Cue]:
        """What was shown until now, when the screen will change or nothing more comes."""
        if self.shown is not None:
            shown, self.shown = self.shown, None
            end = min(at, self.heard + TIMEOUT)
            if shown.text and end > shown.start:
                yield Cue(shown.start, end, shown.text)

    def paused(self, at: Fraction) -> Iterator[Cue]:
        """Before characters: a row that was left alone was read as it stood."""
        growing = self.mode in (_Mode.ROLL_UP, _Mode.PAINT_ON)
        if growing and self.shown is not None and at - self.shown.grown > PAUSE:
            yield from self.settle(at)

    def _grow(self, at: Fraction) -> None:
        text = self.display.text()
        if self.shown is None and text:
            self.shown = _Shown(at, at, text)
        elif self.shown is not None:
            self.shown.text, self.shown.grown = text, at

    def _show(self, at: Fraction) -> None:
        self.shown = None
        self._grow(at)

    def _screen(self) -> _Screen:
        return self.loading if self.mode is _Mode.POP_ON else self.display

    def _resume_loading(self, _at: Fraction) -> Iterator[Cue]:
        self.mode = _Mode.POP_ON
        yield from ()

    def _backspace(self, at: Fraction) -> Iterator[Cue]:
        if self.mode not in (_Mode.NONE, _Mode.TEXT):
            self.column = max(self.column - 1, 0)
            self._screen().rows.get(self.row, {}).pop(self.column, None)
            if self.mode is not _Mode.POP_ON:
                self._grow(at)
        yield from ()

    def _delete_to_end(self, at: Fraction) -> Iterator[Cue]:
        if self.mode in (_Mode.ROLL_UP, _Mode.PAINT_ON):
            yield from self.settle(at)
        if self.mode not in (_Mode.NONE, _Mode.TEXT):
            self._screen().cut(self.row, self.column)
        if self.mode in (_Mode.ROLL_UP, _Mode.PAINT_ON):
            self._show(at)

    def _roll_up(self, depth: int, at: Fraction) -> Iterator[Cue]:
        if self.mode is not _Mode.ROLL_UP:
            yield from self._erase_displayed(at)
            self.loading = _Screen()
            self.row, self.column = ROWS - 1, 0
        self.mode, self.depth = _Mode.ROLL_UP, depth
        self.row = max(self.row, depth - 1)

    def _resume_direct(self, _at: Fraction) -> Iterator[Cue]:
        self.mode = _Mode.PAINT_ON
        yield from ()

    def _text(self, _at: Fraction) -> Iterator[Cue]:
        self.mode = _Mode.TEXT
        yield from ()

    def _erase_displayed(self, at: Fraction) -> Iterator[Cue]:
        yield from self.settle(at)
        self.display = _Screen()

    def _carriage_return(self, at: Fraction) -> Iterator[Cue]:
        if self.mode is _Mode.ROLL_UP:
            yield from self.settle(at)
            self.display.roll(self.row, self.depth)
            self.column = 0
            self._show(at)

    def _erase_loading(self, _at: Fraction) -> Iterator[Cue]:
        self.loading = _Screen()
        yield from ()

    def _end_of_caption(self, at: Fraction) -> Iterator[Cue]:
        yield from self.settle(at)
        self.display, self.loading = self.loading, self.display
        self.mode = _Mode.POP_ON
        self._show(at)


class Field:
    """The pairs of one field of the picture, in presentation order. ``first`` is 1 for field 1
    (CC1, CC2), 3 for field 2 (CC3, CC4).
    """

    def __init__(self, first: int) -> None:
        self._channels = {f"CC{first}": Channel(), f"CC{first + 1}": Channel()}
        self._names = tuple(self._channels)
        self._current: str | None = None
        self._last: tuple[int, int] | None = None  # a control code that may come twice
        self._service_data = False

    def push(self, first: int, second: int, at: Fraction) -> Iterator[tuple[str, Cue]]:
        """One pair as transmitted, parity included; cues that end with it, by channel."""
        known, pair = _odd(first), (first & 0x7F, second & 0x7F)
        if pair == NOTHING:
            self._last = None
            return
        if 0x10 <= pair[0] < 0x20:  # noqa: PLR2004 - control codes
            if known and _odd(second):
                yield from self._control(pair, at)
            return
        self._last = None
        if pair[0] < 0x10:  # noqa: PLR2004 - extended data services, up to their end or a caption
            self._service_data = self._service_data or pair[0] > 0
            if pair[0] == 0x0F:  # noqa: PLR2004 - their end
                self._service_data = False
            return
        if self._service_data or self._current is None:
            return
        channel = self._channels[self._current]
        yield from self._named(channel.paused(at))
        channel.heard = at
        for byte, right in ((pair[0], known), (pair[1], _odd(second))):
            if byte >= 0x20:  # noqa: PLR2004 - printable
                channel.character(_BASIC[byte] if right else _BASIC[0x7F], at)

    def finish(self, at: Fraction) -> Iterator[tuple[str, Cue]]:
        """What still stands when the video ends."""
        for name, channel in self._channels.items():
            for cue in channel.settle(at):
                yield name, cue

    def _control(self, pair: tuple[int, int], at: Fraction) -> Iterator[tuple[str, Cue]]:
        if pair == self._last:
            self._last = None  # sent twice so that one of them arrives
            return
        self._last = pair
        self._service_data = False
        self._current = self._names[pair[0] >> 3 & 1]
        channel = self._channels[self._current]
        kind, code = pair[0] & 0x17, pair[1]
        cues: list[Cue] = []
        if code >= 0x40:  # noqa: PLR2004 - a preamble address code
            indent = (code & 0x0E) * 2 if code & 0x10 else 0
            channel.preamble(_row(kind, code), indent)
        elif kind in (0x14, 0x15) and code >= 0x20:  # noqa: PLR2004 - miscellaneous
            cues += channel.command(code, at)
        elif kind == 0x17 and 0x21 <= code <= 0x23:  # noqa: PLR2004 - tab offset
            channel.tab(code & 3)
        elif kind in (0x11, 0x12, 0x13) and code >= 0x20:  # noqa: PLR2004 - characters
            cues += channel.paused(at)
            _write(channel, kind, code, at)
        channel.heard = at
        yield from self._named(cues)

    def _named(self, cues: Iterator[Cue] | list[Cue]) -> Iterator[tuple[str, Cue]]:
        assert self._current is not None
        for cue in cues:
            yield self._current, cue


def _write(channel: Channel, kind: int, code: int, at: Fraction) -> None:
    """A character of two bytes, or a mid-row code, which takes a place like a space."""
    if kind in _EXTENDED:
        channel.extended(_EXTENDED[kind][code - 0x20], at)
    else:
        channel.character(_SPECIAL.get(code, " "), at)


def _row(kind: int, code: int) -> int:
    """Of a preamble address code, 0 to 14."""
    base = _BASE_ROWS[kind & 7]
    return base if base == 10 else base + (code >> 5 & 1)  # noqa: PLR2004 - row 11 stands alone


def _odd(byte: int) -> bool:
    return byte.bit_count() % 2 == 1
