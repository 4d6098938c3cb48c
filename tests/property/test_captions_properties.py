"""Any text survives WebVTT, any caption data decodes to something, and what was encoded comes
back.
"""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from framegate.domain import webvtt
from framegate.domain.caption_twins import said_twice
from framegate.domain.captions import MAX_SERVICES, Cue
from framegate.domain.ladder import Grid
from framegate.media import captions_a53 as a53
from framegate.media.captions_608 import TIMEOUT, Field
from framegate.media.captions_708 import BUFFER, WINDOWS, Services
from framegate.media.captions_708_window import COLUMNS, ROWS
from framegate.media.captions_text import words
from framegate.stages.encode import subtitles
from framegate.testing import dtvcc, line21

NASTY = st.sampled_from(
    ["-->", "&lt;", "&amp;", "<b>", "</b>", "\n\n", "\r\n", "\0", "\u2028", "WEBVTT", "NOTE", "&"]
)
TEXT = st.lists(st.one_of(NASTY, st.text(max_size=20)), max_size=8).map("".join)
TIME = st.integers(0, 40_000).map(lambda ms: Fraction(ms, 1000))
CUE = st.builds(lambda at, long, text: Cue(at, at + long, webvtt.clean(text)), TIME, TIME, TEXT)


@given(TEXT)
def test_clean_text_is_lines_without_control_characters(text: str) -> None:
    cleaned = webvtt.clean(text)
    assert webvtt.clean(cleaned) == cleaned
    lines = cleaned.split("\n")
    assert lines == [""] or all(lines)
    assert not any(character < " " or character == "\x7f" for line in lines for character in line)
    assert len(cleaned) <= webvtt.MAX_CHARACTERS


@given(st.lists(CUE, max_size=8))
def test_cues_come_back_from_a_file(cues: list[Cue]) -> None:
    ordered = webvtt.ordered(cues)
    text = webvtt.render(ordered)
    assert webvtt.parse(text) == ordered
    assert text.startswith("WEBVTT\n")
    blocks = text.split("\n\n")[1:]
    assert len(blocks) == len(ordered)  # nothing in a cue ends it
    assert all(block.count("-->") == 1 and "<" not in block for block in blocks)
    assert list(ordered) == sorted(ordered, key=lambda cue: (cue.start, cue.end, cue.text))


@given(st.lists(CUE, max_size=8), st.integers(1, 2000), st.sampled_from([24, 25, 30, 60]))
def test_segments_hold_every_cue_where_it_is_shown(cues: list[Cue], frames: int, rate: int) -> None:
    grid = Grid(Fraction(rate * 1000, 1001), frames, 2 * rate, 4 * rate)
    ordered = webvtt.ordered(cues)
    cuts = subtitles.cuts(grid)
    length = grid.frames / grid.frame_rate
    assert cuts[0][0] == 0
    assert cuts[-1][1] == length
    assert all(before[1] == after[0] for before, after in pairwise(cuts))
    segment = grid.segment_frames / grid.frame_rate
    assert all((start / segment).denominator == 1 for start, _end in cuts)
    held = [subtitles.within(ordered, start, end) for start, end in cuts]
    assert {cue for part in held for cue in part} == {c for c in ordered if c.start < length}
    for part, (start, end) in zip(held, cuts, strict=True):
        assert all(cue.start < end and cue.end > start for cue in part)


@given(st.binary(max_size=300))
def test_any_event_is_words(text: bytes) -> None:
    said = words(b"0,0,Default,,0,0,0,," + text.replace(b"\0", b""))
    assert "{\\" not in said or b"{\\" in text
    words(text)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=400))
def test_any_pairs_decode_to_cues_that_end(pairs: list[tuple[int, int]]) -> None:
    field = Field(1)
    found = [cue for at, pair in enumerate(pairs) for cue in field.push(*pair, Fraction(at, 30))]
    found += field.finish(Fraction(len(pairs), 30))
    for name, cue in found:
        assert name in {"CC1", "CC2"}
        assert 0 <= cue.start < cue.end <= Fraction(len(pairs), 30)
        assert cue.end - cue.start <= len(pairs) * Fraction(1, 30) + TIMEOUT
        assert len(cue.text.split("\n")) <= 15
        assert all(len(line) <= 32 for line in cue.text.split("\n"))


@given(st.binary(max_size=400), st.sampled_from(sorted(a53.CODECS)))
def test_any_packet_gives_triples_or_none(packet: bytes, codec: str) -> None:
    for signature in (b"\xb5\x00\x31GA94\x03", b"\0\0\1\xb2GA94\x03"):
        for kind, first, second in a53.triples(packet + signature + packet, codec):
            assert 0 <= kind <= 3
            assert 0 <= first <= 255
            assert 0 <= second <= 255


def test_a_packet_of_nothing_but_captions_is_not_read_whole() -> None:
    message = b"\xb5\x00\x31GA94\x03\x5f\xff" + b"\xfc\xc1\xc1" * 31
    assert len(a53.triples(message * 10_000, "h264")) <= 8 * 31


LINE = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,.!?", min_size=1, max_size=32)
CAPTION = st.lists(LINE, min_size=1, max_size=4)


@given(st.lists(CAPTION, min_size=1, max_size=4), st.sampled_from([1, 2, 3, 4]))
def test_pop_on_captions_come_back(captions: list[list[str]], channel: int) -> None:
    pairs: list[line21.Pair] = []
    shown = []
    for lines in captions:
        pairs += line21.pop_on(lines, channel)
        shown.append(Fraction(len(pairs), 30))
        pairs += line21.command(line21.END_OF_CAPTION, channel)
    found = decoded(pairs, channel)
    assert [cue.text for cue in found] == ["\n".join(lines) for lines in captions]
    assert [cue.start for cue in found] == shown
    assert [cue.end for cue in found][:-1] == shown[1:]


@given(st.lists(LINE, min_size=1, max_size=6), st.sampled_from([2, 3, 4]))
def test_roll_up_captions_come_back(lines: list[str], depth: int) -> None:
    pairs: list[line21.Pair] = []
    for line in lines:
        pairs += line21.command(line21.ROLL_UP[depth])
        pairs += line21.command(line21.CARRIAGE_RETURN)
        pairs += line21.row(15)
        pairs += line21.characters(line)
    found = decoded(pairs, 1)
    wanted = ["\n".join(lines[max(0, n - depth + 1) : n + 1]) for n in range(len(lines))]
    assert [cue.text for cue in found] == wanted
    assert all(before.end == after.start for before, after in pairwise(found))


@given(st.lists(LINE, min_size=1, max_size=3))
def test_paint_on_captions_come_back(lines: list[str]) -> None:
    pairs: list[line21.Pair] = []
    for line in lines:
        pairs += line21.command(line21.ERASE_DISPLAYED)
        pairs += line21.command(line21.RESUME_DIRECT)
        pairs += line21.row(1) + line21.characters(line)
    assert [cue.text for cue in decoded(pairs, 1)] == lines


def decoded(pairs: list[line21.Pair], channel: int) -> list[Cue]:
    field = Field(1 if channel < 3 else 3)
    found = [cue for at, pair in enumerate(pairs) for cue in field.push(*pair, Fraction(at, 30))]
    found += field.finish(Fraction(len(pairs), 30))
    assert {name for name, _cue in found} <= {f"CC{channel}"}
    return [cue for _name, cue in found]


def _numbered(service: int, said: list[bytes], sequence: int) -> list[dtvcc.Triple]:
    writer = dtvcc.Writer()
    for _ in range(sequence):
        writer.skip()
    return writer.say(service, *said)


BYTES = st.binary(min_size=1, max_size=dtvcc.BLOCK)
COMMANDS = st.one_of(
    BYTES,
    st.builds(
        lambda window, rows, columns, style: dtvcc.define(
            window, rows, columns, visible=True, locked=style > 4, style=style
        ),
        st.integers(0, 7),
        st.integers(1, 16),
        st.integers(1, 64),
        st.integers(0, 7),
    ),
    st.builds(dtvcc.window_attributes, st.sampled_from(dtvcc.Print), st.sampled_from(dtvcc.Print)),
    st.sampled_from([dtvcc.display(*range(8)), dtvcc.delay(9), dtvcc.DELAY_CANCEL, dtvcc.RESET]),
    st.builds(dtvcc.text, st.text(st.characters(max_codepoint=0xFFFF), max_size=9)),
)
BYTE = st.integers(0, 255)
TRIPLES = st.lists(
    st.one_of(
        st.tuples(st.integers(2, 3), BYTE, BYTE).map(lambda triple: [triple]),
        st.builds(
            _numbered,
            st.integers(1, 63),
            st.lists(COMMANDS, max_size=4),
            st.integers(0, 3),
        ),
    ),
    max_size=60,
)


@given(TRIPLES)
def test_any_services_decode_to_cues_that_end_and_stay_small(
    pictures: list[list[dtvcc.Triple]],
) -> None:
    services = Services()
    end = Fraction(len(pictures), 30)
    found: list[tuple[str, Cue]] = []
    for at, triples in enumerate(pictures):
        found += services.push(triples, Fraction(at, 30))
    found += services.finish(end)
    for name, cue in found:
        assert 1 <= int(name.removeprefix("SERVICE")) <= 63
        assert 0 <= cue.start < cue.end <= end
        assert len(cue.text) <= WINDOWS * ROWS * COLUMNS * 4  # "[CC]" stands in one cell
    assert len({name for name, _ in found}) <= MAX_SERVICES
    for service in services._services.values():
        assert len(service._windows) <= WINDOWS
        assert len(service._held) <= BUFFER + dtvcc.BLOCK
        for window in service._windows.values():
            assert len(window.cells) <= ROWS * COLUMNS
            assert all(0 <= r < window.rows and 0 <= c < window.columns for r, c in window.cells)


WIDE = st.text(
    [*"ABCxyz0129,.!?♪éñß", *sorted(dtvcc.G2), *"日本語"], min_size=1, max_size=COLUMNS
).filter(str.strip)


@given(
    st.lists(st.lists(WIDE, min_size=1, max_size=4), min_size=1, max_size=4),
    st.integers(1, 63),
)
def test_pop_on_captions_of_a_service_come_back(captions: list[list[str]], service: int) -> None:
    writer, pictures, shown = dtvcc.Writer(), [], []
    for number, lines in enumerate(captions):
        now, before = number % 2, 1 - number % 2
        loading = dtvcc.pop_on(lines, window=now).replace(
            dtvcc.define(now, len(lines), 32), dtvcc.define(now, len(lines), COLUMNS)
        )
        triples = writer.say(service, loading)
        pictures += [triples[at : at + 18] for at in range(0, len(triples), 18)]
        shown.append(Fraction(len(pictures), 30))
        pictures.append(writer.say(service, dtvcc.hide(before) + dtvcc.display(now)))
    services = Services()
    found: list[tuple[str, Cue]] = []
    for at, triples in enumerate(pictures):
        found += services.push(triples, Fraction(at, 30))
    found += services.finish(Fraction(len(pictures) + 9, 30))
    wanted = ["\n".join(" ".join(line.split()) for line in lines) for lines in captions]
    if all(before != after for before, after in pairwise(wanted)):
        assert [cue.text for _, cue in found] == wanted
        assert [cue.start for _, cue in found] == shown
    assert {name for name, _ in found} == {f"SERVICE{service}"}


@given(
    st.dictionaries(
        st.sampled_from(["CC1", "CC3", "SERVICE1", "SERVICE2", "SERVICE9"]),
        st.lists(CUE, max_size=6).map(webvtt.ordered),
    )
)
def test_what_is_left_out_is_said_by_a_track_that_stays(found: dict[str, list[Cue]]) -> None:
    left_out = said_twice(found)
    assert not left_out.keys() & set(left_out.values())
    for name, kept in left_out.items():
        assert name.startswith("CC") != kept.startswith("CC")
