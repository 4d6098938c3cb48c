"""CEA-708 captions: the bytes of caption services to cues, by CTA-708-E (47 CFR 79.102).

    triples ─► packets ─► service ─► codes ─┬─ characters (G0 to G3, P16) ─► window
                                            └─ commands (C0, C1) ─► windows ─► screen ─► cues

A cue is what a service's visible windows say together, from the picture that changes it to the
picture that changes it again; what happens within one picture is one change. Text that grows on
the screen (roll-up, paint-on) is treated as CEA-608's: a cue begins with a line's first character
and has all of it, unless it was left alone for more than `PAUSE`; what nobody erases ends
`TIMEOUT` after the service's last byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from framegate.domain.captions import MAX_SERVICES, Cue, service_name
from framegate.media.captions_608 import PAUSE, TIMEOUT
from framegate.media.captions_708_window import DEFINITION, NOT_SHOWN, Window
from framegate.media.captions_a53 import Triple
from framegate.media.captions_dtvcc import Packets

STANDARD = 6  # services; the others are extended ones
WINDOWS = 8
BUFFER = 128  # bytes that a delayed service keeps
_TENTH = Fraction(1, 10)  # s, the unit of a delay

_BS, _FF, _CR, _HCR, _EXT1, _P16 = 0x08, 0x0C, 0x0D, 0x0E, 0x10, 0x18
_CW0, _CLW, _DSW, _HDW, _TGW, _DLW = 0x80, 0x88, 0x89, 0x8A, 0x8B, 0x8C
_DLY, _DLC, _RST, _SPA, _SPC, _SPL, _SWA, _DF0 = 0x8D, 0x8E, 0x8F, 0x90, 0x91, 0x92, 0x97, 0x98

_PARAMETERS = {
    **dict.fromkeys((_CLW, _DSW, _HDW, _TGW, _DLW, _DLY), 1),
    _SPA: 2,
    _SPC: 3,
    _SPL: 2,
    _SWA: 4,
    **dict.fromkeys(range(_DF0, _DF0 + WINDOWS), DEFINITION),
}
"""Bytes behind the codes of C1; none behind those not named."""

_UNKNOWN = "_"  # what stands for characters that a receiver lacks

_G2: dict[int, str] = {
    0x20: " ",
    0x21: "\u00a0",
    0x25: "…",
    0x2A: "Š",
    0x2C: "Œ",
    0x30: "█",
    **dict(zip(range(0x31, 0x36), "\u2018\u2019“”•", strict=True)),
    0x39: "™",
    0x3A: "š",
    0x3C: "œ",
    0x3D: "℠",
    0x3F: "Ÿ",
    **dict(zip(range(0x76, 0x80), ("⅛", "⅜", "⅝", "⅞", *"│┐└─┘┌"), strict=True)),
}
_G3 = {0xA0: "[CC]"}


@dataclass(slots=True)
class _Shown:
    """What stands on the screen: since when, and when it last grew."""

    start: Fraction
    grown: Fraction
    text: str


type _Cells = dict[tuple[int, int, int], str]
"""By window, row and column."""


@dataclass(slots=True)
class Service:
    """One caption service. Times are those of pictures, in order."""

    _windows: dict[int, Window] = field(default_factory=dict)
    _current: int = 0
    _held: bytes = b""  # the start of a code, or all that waits for a delay to end
    _until: Fraction | None = None  # the end of that delay
    _heard: Fraction = Fraction(0)  # the last byte
    _changed: bool = False  # something was done since the screen was last looked at
    _switched: bool = False  # what is said next is a new cue: another window, another line
    _cells: _Cells = field(default_factory=dict)  # of the screen, as last looked at
    _shown: _Shown | None = None

    def lose(self) -> None:
        """Bytes are missing: a code that was begun will not be ended."""
        if self._until is None:
            self._held = b""

    def push(self, data: bytes, at: Fraction) -> None:
        """Bytes that came with a picture; `look` tells what they did to the screen."""
        self._held += data
        self._heard = at
        while self._until is not None and (len(self._held) > BUFFER or _ends_delay(self._held)):
            self._until = None
            self._run(at)
        if self._until is None:
            self._run(at)

    def wait(self, at: Fraction) -> Iterator[Cue]:
        """Do what was delayed until a moment up to ``at``."""
        while self._until is not None and self._until <= at:
            moment, self._until = self._until, None
            self._heard = max(self._heard, moment)
            self._run(moment)
            yield from self.look(moment)

    def look(self, at: Fraction) -> Iterator[Cue]:
        """The screen as it is now; a cue where it says something else than before."""
        if not self._changed:
            return
        self._changed = False
        before, self._cells = self._cells, self._screen()
        if self._cells == before:
            return
        text = self._text()
        shown = self._shown
        if shown is not None and text == shown.text:
            return  # moved
        switched, self._switched = self._switched, False
        grows = not switched and before.items() <= self._cells.items()
        if shown is not None and grows and at - shown.grown <= PAUSE:
            shown.text, shown.grown = text, at
            return
        yield from self._settle(at)
        if text:
            self._shown = _Shown(at, at, text)

    def finish(self, at: Fraction) -> Iterator[Cue]:
        """What still stands when the video ends."""
        yield from self.wait(at)
        yield from self.look(at)
        yield from self._settle(at)

    def _settle(self, at: Fraction) -> Iterator[Cue]:
        shown, self._shown = self._shown, None
        if shown is not None:
            end = min(at, self._heard + TIMEOUT)
            if end > shown.start:
                yield Cue(shown.start, end, shown.text)

    def _screen(self) -> _Cells:
        return {
            (number, *at): said
            for number, window in self._windows.items()
            if window.visible
            for at, said in window.cells.items()
        }

    def _text(self) -> str:
        """Of all visible windows, from the top of the screen down."""
        visible = [each for _, each in sorted(self._windows.items()) if each.visible]
        visible.sort(key=lambda window: window.place)
        return "\n".join(line for window in visible for line in window.lines())

    def _run(self, at: Fraction) -> None:
        """Every code that came whole, up to a delay."""
        data, done = self._held, 0
        self._changed = True
        while self._until is None:
            size = _length(data, done)
            if not size or done + size > len(data):
                break
            self._do(data[done : done + size], at)
            done += size
        self._held = data[done:]

    def _do(self, code: bytes, at: Fraction) -> None:
        first = code[0]
        if _CW0 <= first < _DF0 + WINDOWS:
            self._command(first, code[1:], at)
            return
        window = self._windows.get(self._current)
        if window is None:
            return
        if first == _BS:
            window.backspace()
        elif first == _FF:
            window.form_feed()
        elif first == _CR:
            self._switched |= window.visible and bool(window.cells)
            window.carriage_return()
        elif first == _HCR:
            window.clear_line()
        elif said := character(code):
            window.write(said)

    def _command(self, code: int, parameters: bytes, at: Fraction) -> None:
        if code < _CLW:
            self._select(code - _CW0)
        elif code < _DLY:
            self._each(code, parameters[0])
        elif code == _DLY:
            self._until = at + parameters[0] * _TENTH if parameters[0] else None
        elif code == _RST:
            self._each(_DLW, (1 << WINDOWS) - 1)
        elif code >= _DF0:
            self._define(code - _DF0, parameters)
        elif self._current in self._windows:
            window = self._windows[self._current]
            if code == _SPA:
                window.silent = parameters[0] >> 4 == NOT_SHOWN
            elif code == _SPL:
                window.move_pen(parameters[0] & 0x0F, parameters[1] & 0x3F)
            elif code == _SWA:
                window.set_attributes(parameters)

    def _select(self, number: int) -> None:
        if number in self._windows:
            self._current = number

    def _define(self, number: int, parameters: bytes) -> None:
        window = self._windows.get(number)
        new = window is None
        if window is None:
            window = self._windows[number] = Window()
        was = window.visible
        window.define(parameters, new=new)
        self._switched |= window.visible != was and bool(window.cells)
        self._current = number

    def _each(self, code: int, which: int) -> None:
        """What is done to several windows at once."""
        for number in [number for number in self._windows if which >> number & 1]:
            window = self._windows[number]
            was = window.visible
            if code == _CLW:
                window.clear()
            elif code == _DLW:
                del self._windows[number]
            else:
                window.visible = code == _DSW or (code == _TGW and not was)
                self._switched |= window.visible != was and bool(window.cells)


def character(code: bytes) -> str:
    """Of G0 to G3 or P16; "" for anything else."""
    first = code[0]
    if first == _EXT1:
        second = code[1]
        if 0x20 <= second < 0x80:  # noqa: PLR2004 - G2
            return _G2.get(second, _UNKNOWN)
        return _G3.get(second, _UNKNOWN) if second >= 0xA0 else ""  # noqa: PLR2004 - G3
    if first == _P16:
        wide = chr(code[1] << 8 | code[2])
        return wide if wide.isprintable() else " " if wide.isspace() else _UNKNOWN
    if first < 0x20 or 0x80 <= first < 0xA0:  # noqa: PLR2004 - C0, C1
        return ""
    return "♪" if first == 0x7F else chr(first)  # noqa: PLR2004 - G0 is ASCII but for it, G1 Latin-1


def _length(data: bytes, at: int) -> int:
    """Bytes of the code there; 0 when too little of it came to know."""
    if at >= len(data):
        return 0
    first = data[at]
    if first == _EXT1:
        return _extended_length(data, at)
    if first < 0x20:  # noqa: PLR2004 - C0: by the eight
        return (1, 1, 2, 3)[first >> 3]
    return 1 + _PARAMETERS.get(first, 0)


def _extended_length(data: bytes, at: int) -> int:
    """Of a code behind EXT1; receivers pass over those of C2 and C3, which say nothing yet."""
    if at + 1 >= len(data):
        return 0
    second = data[at + 1]
    if second < 0x20:  # noqa: PLR2004 - C2: by the eight
        return 2 + (second >> 3)
    if not 0x80 <= second < 0xA0:  # noqa: PLR2004 - G2, G3
        return 2
    if second < 0x90:  # noqa: PLR2004 - C3 of one length
        return 6 + (second >> 3 & 1)
    return 3 + (data[at + 2] & 0x1F) if at + 2 < len(data) else 0


def _ends_delay(data: bytes) -> bool:
    """Whether a code that ends a delay waits with the others."""
    at = 0
    while size := _length(data, at):
        if data[at] in (_DLC, _RST):
            return True
        at += size
    return False


class Services:
    """The services of a track's pictures, in presentation order."""

    def __init__(self) -> None:
        self._packets = Packets()
        self._services: dict[int, Service] = {}
        self.refused: set[str] = set()  # services that are too many

    @property
    def lost(self) -> int:
        """Packets that are missing or were cut short."""
        return self._packets.lost

    def push(self, found: Iterable[Triple], at: Fraction) -> Iterator[tuple[str, Cue]]:
        """The triples of type 2 and 3 of a picture; cues that end with it, by service."""
        for name, service in self._named():
            yield from ((name, cue) for cue in service.wait(at))
        for kind, first, second in found:
            for packet in self._packets.push(kind, first, second):
                if not packet.follows:
                    for service in self._services.values():
                        service.lose()
                for number, data in packet.blocks:
                    if service_of := self._service(number):
                        service_of.push(data, at)
        for name, service in self._named():
            yield from ((name, cue) for cue in service.look(at))

    def finish(self, at: Fraction) -> Iterator[tuple[str, Cue]]:
        """What still stands when the video ends."""
        for name, service in self._named():
            yield from ((name, cue) for cue in service.finish(at))

    def _service(self, number: int) -> Service | None:
        """Damaged data may name any: the standard six are always among those that are read."""
        known = self._services.get(number)
        if known is None:
            extended = sum(each > STANDARD for each in self._services)
            if number > STANDARD and extended >= MAX_SERVICES - STANDARD:
                self.refused.add(service_name(number))
                return None
            known = self._services[number] = Service()
        return known

    def _named(self) -> list[tuple[str, Service]]:
        return [(service_name(number), each) for number, each in sorted(self._services.items())]
