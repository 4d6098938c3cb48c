"""Any text survives WebVTT, any line 21 decodes to something, and what was encoded comes back."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from framegate.domain import webvtt
from framegate.domain.captions import Cue
from framegate.domain.ladder import Grid
from framegate.media import captions_a53 as a53
from framegate.media.captions_608 import TIMEOUT, Field
from framegate.media.captions_text import words
from framegate.stages.encode import subtitles
from framegate.testing import line21

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
