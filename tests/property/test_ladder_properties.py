"""What must hold of every ladder, grid and chunk list, and of the mapping onto the grid."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from framegate.domain.ladder import Grid
from framegate.domain.slots import SlotRule, on_grid
from framegate.stages.encode.ladder import MAX_SAMPLE_ASPECT, _chunks, _sizes

sides = st.integers(1, 4096).map(lambda n: 2 * n)
rates = st.sampled_from(
    [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(7, 2)]
)


@given(sides, sides, st.sampled_from([2160, 1080, 480]))
def test_every_rung_shows_the_same_aspect_and_none_is_larger_than_the_source(
    width: int, height: int, most: int
) -> None:
    rungs = _sizes(width, height, most)
    aspects = {Fraction(w, h) * sar for _, w, h, sar in rungs}
    assert len(aspects) == 1
    source = Fraction(width, height)
    if max(width, height) / min(width, height) < 10:
        assert abs(aspects.pop() / source - 1) < Fraction(1, 200)
    for _, w, h, sar in rungs:
        assert w % 2 == h % 2 == 0
        assert 2 <= w <= width
        assert 2 <= h <= height
        assert max(sar.numerator, sar.denominator) <= MAX_SAMPLE_ASPECT
    pixels = [w * h for _, w, h, _ in rungs]
    assert pixels == sorted(set(pixels))
    assert len({name for name, *_ in rungs}) == len(rungs)
    if min(width, height) <= most:
        assert rungs[-1][1:3] == (width, height)


@given(rates, st.integers(1, 200_000), st.integers(1, 90))
def test_chunks_are_whole_segments_of_at_least_the_length_and_cover_the_grid(
    rate: Fraction, frames: int, seconds: int
) -> None:
    gop = max(1, round(2 * rate))
    grid = Grid(rate, frames, gop, 2 * gop)
    chunks = _chunks(grid, seconds)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    at = 0
    for chunk in chunks:
        assert chunk.first_frame == at
        assert at % grid.segment_frames == 0
        at += chunk.frames
    assert at == frames
    for chunk in chunks[:-1]:
        assert chunk.frames / rate >= seconds
        assert chunk.frames % grid.segment_frames == 0
    if len(chunks) > 1:
        assert chunks[-1].frames >= grid.segment_frames


@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=80),
    rates,
    st.integers(0, 5000),
    st.lists(st.integers(1, 40), min_size=1, max_size=10),
)
def test_an_output_frame_is_the_same_picture_whichever_chunk_computes_it(
    steps: list[int], rate: Fraction, start: int, lengths: list[int]
) -> None:
    pts = [start + sum(steps[:n]) for n in range(len(steps))]
    base = Fraction(1, 1000)
    rule = SlotRule.of(time_base=base, start=start * base, frame_rate=rate)
    slots = [rule.slot(p) for p in pts]
    assert slots[0] == 0
    assert slots == sorted(slots)
    for p, slot in zip(pts, slots, strict=True):
        assert abs((p - start) * base * rate - slot) <= Fraction(1, 2)
    total = sum(lengths)
    whole = list(on_grid(zip(slots, pts, strict=True), first=0, frames=total))
    assert [n for n, _ in whole] == list(range(total))
    pieces: list[tuple[int, int]] = []
    first = 0
    for length in lengths:
        # as after a seek: nothing before the last frame that may still be shown first
        begin = max(i for i, slot in enumerate(slots) if slot <= first)
        later = zip(slots[begin:], pts[begin:], strict=True)
        pieces += on_grid(later, first=first, frames=length)
        first += length
    assert pieces == whole


def test_nothing_comes_of_nothing() -> None:
    assert list(on_grid(iter(()), first=0, frames=5)) == []
