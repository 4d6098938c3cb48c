"""Characters and rows of CEA-608, compared with FFmpeg's decoder of it."""

from typing import Any

import av
import pytest
from av.subtitles.subtitle import AssSubtitle

from framegate.media.captions_608 import Field
from framegate.media.captions_text import words
from framegate.testing import line21

SPECIAL = [
    *((0x11, code) for code in range(0x30, 0x40)),
    *((kind, code) for kind in (0x12, 0x13) for code in range(0x20, 0x40)),
]
# where FFmpeg has look-alikes of what CTA-608-E names
BY_THE_BOOK = {(0x12, 0x26): "\u2018", (0x12, 0x29): "'", (0x12, 0x2A): "—", (0x12, 0x2D): "•"}


def ours(pairs: list[line21.Pair]) -> list[str]:
    field = Field(1)
    found = [cue for at, pair in enumerate(pairs) for cue in field.push(*pair, line21.FRAME * at)]
    return [cue.text for _name, cue in found]


def ffmpeg(pairs: list[line21.Pair]) -> list[str]:
    decoder: Any = av.CodecContext.create("cc_dec", "r")
    found = []
    for at, pair in enumerate(pairs):
        packet = av.Packet(bytes((0xFC, *pair)))
        packet.pts, packet.time_base = at, line21.FRAME
        shown = decoder.decode2(packet)
        found += [words(each.ass) for each in shown or () if isinstance(each, AssSubtitle)]
    lines = [[" ".join(line.split()) for line in text.split("\n")] for text in found]
    return ["\n".join(line for line in each if line) for each in lines if any(each)]


def shown(pairs: list[line21.Pair]) -> list[line21.Pair]:
    return [
        *pairs,
        *line21.command(line21.END_OF_CAPTION),
        *[(0x80, 0x80)] * 5,
        *line21.command(line21.ERASE_DISPLAYED),
    ]


@pytest.mark.parametrize(("kind", "code"), SPECIAL)
def test_characters_of_two_bytes(kind: int, code: int) -> None:
    pairs = line21.pop_on(["X"])
    # extended ones take the place of the plain one before them
    pairs += [] if kind == 0x11 else line21.characters("AA")
    pairs += [(line21.odd(kind), line21.odd(code))] * 2
    pairs = shown(pairs + line21.characters("Z"))
    said = ours(pairs)
    if (kind, code) in BY_THE_BOOK:
        assert said == [f"XA{BY_THE_BOOK[kind, code]}Z"]
    else:
        assert said == ffmpeg(pairs)


def test_plain_characters() -> None:
    codes = "".join(map(chr, range(0x20, 0x80)))
    for first in range(0, len(codes), 32):
        pairs = shown(line21.pop_on([codes[first : first + 32]]))
        assert ours(pairs) == ffmpeg(pairs)


@pytest.mark.parametrize("row", [n for n in range(1, 16) if n != 8])
def test_rows_stand_in_their_order(row: int) -> None:
    pairs = line21.command(line21.RESUME_LOADING) + line21.command(line21.ERASE_LOADING)
    pairs += line21.row(8) + line21.characters("EIGHT")
    pairs = shown(pairs + line21.row(row) + line21.characters("OTHER"))
    wanted = "OTHER\nEIGHT" if row < 8 else "EIGHT\nOTHER"
    assert ours(pairs) == ffmpeg(pairs) == [wanted]
