"""What an MPD promises about its buffer, against every sample's own arrival."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from framegate.stages.encode.held_track import HeldTrack, buffer_needed
from framegate.stages.encode.sample_entry import SampleEntry
from framegate.stages.encode.segments import SegmentTimes, TrackHeader, _add_burst

HEADER = TrackHeader(10, 0, 1, 0, 0, SampleEntry("avc1", "", ""))


def segment(sizes: list[int], start: int) -> SegmentTimes:
    bursts: list[tuple[int, int]] = []
    read = 0
    for index, size in enumerate(sizes):
        read += size
        _add_burst(bursts, (index, read))
    length = Fraction(len(sizes), 10)
    begin = Fraction(start, 10)
    return SegmentTimes(
        begin,
        begin + length,
        length,
        len(sizes),
        True,
        start,
        start + len(sizes),
        (),
        tuple(bursts),
    )


@given(
    st.lists(st.lists(st.integers(0, 5000), min_size=1, max_size=12), min_size=1, max_size=6),
    st.integers(1_000, 100_000),
)
def test_no_sample_comes_late_and_not_a_bit_is_waited_for_in_vain(
    segments: list[list[int]], bandwidth: int
) -> None:
    times, start = [], 0
    for sizes in segments:
        times.append(segment(sizes, start))
        start += len(sizes)
    track = HeldTrack("v", HEADER, tuple(sum(sizes) for sizes in segments), tuple(times))
    waits = [Fraction(0)]
    for first in range(len(segments)):
        received = 0
        for due, size in enumerate(size for sizes in segments[first:] for size in sizes):
            received += size
            waits.append(Fraction(8 * received, bandwidth) - Fraction(due, 10))
    assert buffer_needed(track, bandwidth) == max(waits)
