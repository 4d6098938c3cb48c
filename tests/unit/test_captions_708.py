"""CEA-708, command by command: what an encoder by the book says is what stands on the screen."""

from collections.abc import Sequence
from fractions import Fraction

import pytest

from framegate.domain.captions import MAX_SERVICES, Cue
from framegate.media.captions_608 import TIMEOUT
from framegate.media.captions_708 import Services
from framegate.testing import dtvcc
from framegate.testing.dtvcc import Print

FRAME = Fraction(1, 30)
HIDDEN, SHOWN = (dtvcc.define(0, 4, 32, visible=visible) for visible in (False, True))


def cues(*pictures: bytes | None, service: int = 1, every: int = 30) -> list[Cue]:
    """Commands, one second of pictures apart (None: nothing then), in one service."""
    writer = dtvcc.Writer()
    said = [writer.say(service, each) if each else [] for each in pictures]
    return [cue for _name, cue in decoded(said, every=every)]


def decoded(pictures: Sequence[Sequence[dtvcc.Triple]], *, every: int = 1) -> list[tuple[str, Cue]]:
    services = Services()
    found: list[tuple[str, Cue]] = []
    for index, triples in enumerate(pictures):
        found += services.push(triples, index * every * FRAME)
    return found + list(services.finish(len(pictures) * every * FRAME))


def screen(*commands: bytes) -> str:
    """What stands on the screen after commands that came with one picture."""
    return "|".join(cue.text for cue in cues(b"".join(commands)))


def test_a_hidden_window_is_shown_and_hidden() -> None:
    found = cues(
        dtvcc.pop_on(["Hello", "there"]),
        dtvcc.display(0),
        dtvcc.pop_on(["Second"], window=1),
        dtvcc.hide(0) + dtvcc.display(1),
        dtvcc.hide(1),
        dtvcc.toggle(0),
        dtvcc.clear(0),
    )
    assert found == [
        Cue(Fraction(1), Fraction(3), "Hello\nthere"),
        Cue(Fraction(3), Fraction(4), "Second"),
        Cue(Fraction(5), Fraction(6), "Hello\nthere"),
    ]


def test_a_window_that_rolls_up() -> None:
    rolling = dtvcc.define(0, 2, 32, visible=True) + dtvcc.window_attributes()
    lines = [dtvcc.CARRIAGE_RETURN + dtvcc.text(line) for line in ("two", "three", "four")]
    found = cues(rolling + dtvcc.pen_location(1, 0) + dtvcc.text("one"), *lines)
    assert [cue.text for cue in found] == ["one", "one\ntwo", "two\nthree", "three\nfour"]
    assert [cue.start for cue in found] == [0, 1, 2, 3]


def test_lines_that_end_with_a_carriage_return() -> None:
    rolling = dtvcc.define(0, 2, 32, visible=True) + dtvcc.window_attributes()
    words = ("one", dtvcc.CARRIAGE_RETURN, "two", "+", dtvcc.CARRIAGE_RETURN, "three")
    typed = [dtvcc.text(each) if isinstance(each, str) else each for each in words]
    found = cues(rolling + dtvcc.pen_location(1, 0), *typed, every=15)
    assert [(cue.start, cue.text) for cue in found] == [
        (Fraction(1, 2), "one"),
        (Fraction(3, 2), "one\ntwo+"),
        (Fraction(5, 2), "two+\nthree"),
    ]


def test_text_that_is_typed_is_one_cue_until_it_pauses() -> None:
    typed = [dtvcc.text(word) for word in ("typed ", "word ", "by ")]
    found = cues(SHOWN, *typed, None, None, dtvcc.text("word"), every=15)
    assert [(cue.start, cue.end, cue.text) for cue in found] == [
        (Fraction(1, 2), Fraction(3), "typed word by"),
        (Fraction(3), Fraction(7, 2), "typed word by word"),
    ]


def test_windows_read_from_the_top_of_the_screen() -> None:
    corner = {"top": (0, 5, 20), "middle": (3, 40, 20), "bottom": (6, 70, 20), "left": (6, 70, 2)}
    made = [
        dtvcc.define(number, 1, 20, visible=True, anchor=corner[name]) + dtvcc.text(name)
        for number, name in enumerate(("bottom", "top", "middle", "left"))
    ]
    assert screen(*made) == "top\nmiddle\nleft\nbottom"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((0, 0x80 | 90, 20), (0, 70, 20)),  # in per cent: 67.5 steps
        ((6, 70, 20), (0, 60, 20)),  # by its lower edge
        ((3, 60, 20), (0, 55, 20)),  # by its middle
        ((2, 10, 110), (0, 10, 20)),  # by its right edge
    ],
)
def test_a_window_stands_where_its_anchor_says(
    first: tuple[int, int, int], second: tuple[int, int, int]
) -> None:
    made = dtvcc.define(0, 4, 20, visible=True, anchor=second) + b"second"
    made += dtvcc.define(1, 4, 20, visible=True, anchor=first) + b"first"
    assert screen(made) == "first\nsecond"


def test_windows_shown_one_after_the_other_are_two_cues() -> None:
    first = dtvcc.pop_on(["FIRST"]) + dtvcc.pop_on(["SECOND"], window=1) + dtvcc.display(0)
    found = cues(first, dtvcc.display(1), every=15)
    assert [cue.text for cue in found] == ["FIRST", "FIRST\nSECOND"]


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (dtvcc.text("typo") + dtvcc.BACKSPACE + dtvcc.text("e"), "type"),
        (dtvcc.text("ab") + dtvcc.BACKSPACE, "a"),
        (dtvcc.text("gone") + dtvcc.FORM_FEED + dtvcc.text("new"), "new"),
        (dtvcc.text("one") + dtvcc.CARRIAGE_RETURN + dtvcc.text("two"), "one\ntwo"),
        (dtvcc.text("one") + dtvcc.CLEAR_LINE + dtvcc.text("1"), "1"),
        (
            dtvcc.pen_location(2, 5) + b"low" + dtvcc.pen_location(1, 0) + b"up",
            "up\nlow",
        ),
        (dtvcc.pen_location(0, 4) + b"right" + dtvcc.pen_location(0, 0) + b"left", "leftright"),
        (b"A" + dtvcc.pen_colour() + b"B" + dtvcc.pen_attributes() + b"C", "ABC"),
        (b"A" + dtvcc.pen_attributes(tag=15) + b"hidden" + dtvcc.pen_attributes() + b"B", "AB"),
        (dtvcc.select(3) + b"still in the first", "still in the first"),
        (dtvcc.delete(0) + b"nowhere", ""),
        (dtvcc.display(1, 2) + dtvcc.clear(3) + b"kept", "kept"),
        (b"before" + dtvcc.RESET + b"after", ""),
        (b"kept" + dtvcc.define(0, 2, 10, visible=True), "kept"),
        (b"too long" + dtvcc.define(0, 2, 3, visible=True), "too"),
        (b"\0\x03kept\x00", "kept"),
    ],
)
def test_commands(commands: bytes, said: str) -> None:
    assert screen(SHOWN, dtvcc.window_attributes(), commands) == said


@pytest.mark.parametrize(
    "code",
    [
        *(bytes((code,)) for code in (*range(0x01, 0x08), 0x09, 0x0A, 0x0B, 0x0F)),
        *(bytes((code,)) + b"x" for code in range(0x11, 0x18)),
        *(bytes((code,)) + b"xx" for code in range(0x19, 0x20)),
        *(bytes((code,)) for code in range(0x93, 0x97)),
        *(bytes((0x10, code)) + b"x" * (code >> 3) for code in range(0x20)),
        *(bytes((0x10, code)) + b"x" * 4 for code in range(0x80, 0x88)),
        *(bytes((0x10, code)) + b"x" * 5 for code in range(0x88, 0x90)),
        *(bytes((0x10, 0x90, size)) + b"x" * size for size in (0, 1, 7, 20)),
    ],
)
def test_codes_without_a_meaning_are_passed_over_whole(code: bytes) -> None:
    data = SHOWN + b"A" + code + b"B"
    parts = [data[at : at + dtvcc.BLOCK] for at in range(0, len(data), dtvcc.BLOCK)]
    writer = dtvcc.Writer()
    triples = [each for part in parts for each in writer.packet(dtvcc.block(1, part))]
    assert [cue.text for _, cue in decoded([triples])] == ["AB"]


LATIN = "".join(map(chr, range(0xA1, 0x100))).replace("\u00ad", "")
ASCII = "".join(map(chr, range(0x21, 0x7F)))


@pytest.mark.parametrize("said", ["♪", "…ŠŒ█‘’“”•™šœ℠Ÿ⅛⅜⅝⅞│┐└─┘┌", "日本語", "한국어"])  # noqa: RUF001 - quotes
def test_characters_beyond_one_byte(said: str) -> None:
    assert screen(SHOWN, dtvcc.text(said)) == said


@pytest.mark.parametrize(
    "said", [text[at : at + 32] for text in (ASCII, LATIN) for at in (0, 32, 64)]
)
def test_characters_of_one_byte(said: str) -> None:
    assert screen(SHOWN, dtvcc.text(said)) == said


def test_characters_that_receivers_lack() -> None:
    assert screen(SHOWN, b"a\x10\x22b\x10\xa1c\x18\xd8\x00d") == "a_b_c_d"
    assert screen(SHOWN, b"\x10\xa0 says\x10\x20so\x18\x30\x00") == "[CC] says so"


@pytest.mark.parametrize(
    ("printing", "scrolling", "said"),
    [
        (Print.RIGHT_TO_LEFT, Print.BOTTOM_TO_TOP, "אבג\nדה"),
        (Print.LEFT_TO_RIGHT, Print.TOP_TO_BOTTOM, "דה\nאבג"),
        (Print.TOP_TO_BOTTOM, Print.RIGHT_TO_LEFT, "אבג\nדה"),
        (Print.TOP_TO_BOTTOM, Print.LEFT_TO_RIGHT, "אבג\nדה"),
        (Print.BOTTOM_TO_TOP, Print.LEFT_TO_RIGHT, "אבג\nדה"),
        (Print.RIGHT_TO_LEFT, Print.RIGHT_TO_LEFT, "אבג\nדה"),
    ],
)
def test_directions_give_reading_order(printing: Print, scrolling: Print, said: str) -> None:
    row = 1 if scrolling is Print.TOP_TO_BOTTOM else 0
    column = {Print.RIGHT_TO_LEFT: 19, Print.LEFT_TO_RIGHT: 0}.get(printing, 0)
    if scrolling is Print.LEFT_TO_RIGHT:
        column = 19
    start = dtvcc.define(0, 5, 20, visible=True) + dtvcc.window_attributes(printing, scrolling)
    start += dtvcc.pen_location(4 if printing is Print.BOTTOM_TO_TOP else row, column)
    found = screen(start, dtvcc.text("אבג"), dtvcc.CARRIAGE_RETURN, dtvcc.text("דה"))
    assert found == said


def test_unlocked_windows_grow_and_locked_ones_keep_their_edge() -> None:
    wide = "fourteen signs"
    for locked, said in ((False, wide), (True, "fourtens")):
        window = dtvcc.define(0, 1, 8, visible=True, locked=locked)
        assert screen(window, dtvcc.text(wide)) == (said if not locked else wide[:7] + wide[-1])


def test_an_unlocked_window_has_the_rows_that_are_written() -> None:
    said = b"one" + dtvcc.pen_location(2, 0) + b"three"
    for locked, wanted in ((False, "one\nthree"), (True, "three")):
        assert screen(dtvcc.define(0, 1, 8, visible=True, locked=locked), said) == wanted


def test_a_window_that_prints_leftwards_begins_at_its_right() -> None:
    start = dtvcc.define(0, 1, 20, visible=True) + dtvcc.window_attributes(Print.RIGHT_TO_LEFT)
    assert screen(start, dtvcc.text("שלום")) == "שלום"


def test_the_seventh_style_prints_downwards_until_another_one_is_said() -> None:
    ticker = dtvcc.define(0, 2, 20, visible=True, style=7)
    assert screen(ticker, b"abc") == "ac"  # two rows: the last letter stands over the one before
    assert screen(ticker, dtvcc.define(0, 2, 20, visible=True, style=0), b"abc") == "ac"
    assert screen(ticker, dtvcc.define(0, 2, 20, visible=True, style=1), b"abc") == "abc"


def test_a_delay_holds_what_follows() -> None:
    held = dtvcc.text("now") + dtvcc.delay(15) + dtvcc.FORM_FEED + dtvcc.text("then")
    found = cues(SHOWN, held, None, None, None)
    assert [(cue.start, cue.text) for cue in found] == [(1, "now"), (Fraction(5, 2), "then")]


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (dtvcc.DELAY_CANCEL, ["now", "then"]),
        (dtvcc.RESET, ["now"]),
        (dtvcc.text("x" * 130), ["now", "then" + "x" * 28]),
    ],
)
def test_what_ends_a_delay_early(ending: bytes, said: list[str]) -> None:
    held = dtvcc.text("now") + dtvcc.delay(255) + dtvcc.FORM_FEED + dtvcc.text("then")
    found = cues(SHOWN, held, ending, None)
    assert [cue.text for cue in found] == said
    assert found[0].end == 2


def test_nobody_erases_and_the_last_cue_ends() -> None:
    (cue,) = cues(SHOWN + b"stays", *[None] * 40)
    assert (cue.start, cue.end) == (0, TIMEOUT)


@pytest.mark.parametrize("service", [1, 6, 7, 63])
def test_services_are_told_apart(service: int) -> None:
    writer = dtvcc.Writer()
    both = writer.packet(
        dtvcc.block(service, SHOWN + b"this one"), dtvcc.block(2, SHOWN + b"the other")
    )
    found = {name: cue.text for name, cue in decoded([both])}
    assert found == {f"SERVICE{service}": "this one", "SERVICE2": "the other"}


def test_more_services_than_can_be_announced_are_refused() -> None:
    writer, services = dtvcc.Writer(), Services()
    for number in (*range(63, 6, -1), *range(1, 7)):
        list(services.push(writer.say(number, SHOWN + b"x"), Fraction(0)))
    found = list(services.finish(Fraction(1)))
    assert len(found) == MAX_SERVICES
    assert {f"SERVICE{number}" for number in range(1, 7)} <= {name for name, _ in found}
    assert len(services.refused) == 63 - MAX_SERVICES


def test_a_packet_goes_over_several_pictures() -> None:
    triples = dtvcc.Writer().packet(dtvcc.block(1, SHOWN + b"in parts"))
    (found,) = decoded([[each] for each in triples])
    assert found[1].text == "in parts"
    assert found[1].start == (len(triples) - 1) * FRAME


def test_the_largest_packet() -> None:
    start = dtvcc.block(1, SHOWN) + dtvcc.block(2, SHOWN)
    more = dtvcc.block(1, b"a" * 31) + dtvcc.block(2, b"b" * 31) + dtvcc.block(3, b"c" * 31)
    (triples,) = [dtvcc.Writer().packet(start + more + dtvcc.block(1, b"d" * 13))]
    assert triples[0][1] & 0x3F == 0
    assert {cue.text for _, cue in decoded([triples])} == {"a" * 31 + "d", "b" * 31}


def test_codes_may_be_divided_between_blocks_unless_something_is_lost() -> None:
    data = SHOWN + b"A" + dtvcc.text("…") + b"B"
    for lost, said in ((False, "A…B"), (True, "A%B")):
        writer = dtvcc.Writer()
        cut = len(SHOWN) + 2  # behind EXT1
        first = writer.packet(dtvcc.block(1, data[:cut]))
        if lost:
            writer.skip()
        second = writer.packet(dtvcc.block(1, data[cut:]))
        assert [cue.text for _, cue in decoded([first + second])] == [said]


def test_a_code_does_not_go_on_behind_a_packet_that_was_cut() -> None:
    writer = dtvcc.Writer()
    begun = writer.packet(dtvcc.block(1, SHOWN + b"A\x10"))
    cut = writer.packet(dtvcc.block(1, b"\x25 and more"))[:-3]
    after = writer.packet(dtvcc.block(1, b"%B"))
    assert [cue.text for _, cue in decoded([begun + cut + after])] == ["A%B"]


def test_lost_and_cut_packets_are_counted_and_what_follows_is_read() -> None:
    writer, services = dtvcc.Writer(), Services()
    whole = writer.say(1, SHOWN, b"first ")
    cut = writer.packet(dtvcc.block(1, b"kept "), dtvcc.block(1, b"lost "))[:-2]
    writer.skip()
    after = writer.say(1, b"last")
    garbage = [(2, 0xFF, 0x9F)] * 9  # of no packet
    found = list(services.push([*garbage, *whole, *garbage, *cut, *after], Fraction(0)))
    found += services.finish(Fraction(1))
    assert [cue.text for _, cue in found] == ["first kept last"]
    assert services.lost == 2


def test_writers_that_do_not_count_lose_nothing() -> None:
    services = Services()
    for said in (SHOWN, b"l", b"l"):
        list(services.push(dtvcc.Writer().say(1, said), Fraction(0)))
    assert [cue.text for _, cue in services.finish(Fraction(1))] == ["ll"]
    assert services.lost == 0


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" + dtvcc.block(1, SHOWN + b"x"),  # behind the null block
        bytes((0xE0 | len(SHOWN) + 1, 3)) + SHOWN + b"x",  # an extended number below 7
        b"\x3f" + SHOWN + b"x",  # longer than the packet
        b"\xe5",
        b"\x20" + dtvcc.block(1, SHOWN + b"x"),  # of no bytes
    ],
)
def test_blocks_that_cannot_be_end_their_packet(data: bytes) -> None:
    assert decoded([dtvcc.Writer().packet(data)]) == []
