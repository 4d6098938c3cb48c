"""The pure parts of a probe over all their inputs."""

import os
import struct
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from framegate.domain.asset import AssetDetails
from framegate.domain.disguise import unsafe_kind
from framegate.domain.media import Crop, Rotation
from framegate.domain.sidecar import read_sidecar
from framegate.domain.signature import media_type_of
from framegate.errors import SidecarInvalid
from framegate.media.colour import describe
from framegate.media.geometry import crop_of, display_size, rotation_of
from framegate.media.outline import read_outline
from framegate.media.timing import STANDARD, distinct, measure_timing
from framegate.testing.clips import display_matrix

RATES = st.sampled_from([*STANDARD[:6], *(Fraction(n) for n in (1, 12, 24, 25, 30, 50, 60, 120))])
CLOCKS = st.sampled_from([Fraction(1, n) for n in (1000, 12800, 24000, 48000, 90000, 600 * 1001)])


@given(rate=RATES, clock=CLOCKS, count=st.integers(100, 2000), start=st.integers(-5000, 10**9))
def test_a_constant_rate_survives_any_clock(
    rate: Fraction, clock: Fraction, count: int, start: int
) -> None:
    pts = np.array([start + round(n / rate / clock) for n in range(count)], dtype=np.int64)
    found = measure_timing(pts, clock, claimed=None, last_ticks=None)
    assert found.frame_rate.measured == rate
    assert not found.frame_rate.variable
    assert found.duration == count / rate


@given(rate=RATES, lost=st.sets(st.integers(1, 298), min_size=1, max_size=20))
def test_lost_frames_do_not_change_the_rate(rate: Fraction, lost: set[int]) -> None:
    clock = Fraction(1, 90_000)
    kept = [n for n in range(300) if n not in lost]
    pts = np.array([round(n / rate / clock) for n in kept], dtype=np.int64)
    found = measure_timing(pts, clock, claimed=None, last_ticks=None).frame_rate
    assert found.variable
    assert found.measured == rate
    assert found.longest_interval > found.shortest_interval


@given(
    pts=st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=60),
    claimed=st.none() | st.fractions(0, 10**6),
    last=st.none() | st.integers(1, 2**31),
)
def test_any_timestamps_make_a_timeline(
    pts: list[int], claimed: Fraction | None, last: int | None
) -> None:
    ordered = distinct(np.array(pts, dtype=np.int64))
    assert ordered.tolist() == sorted(set(pts))
    found = measure_timing(ordered, Fraction(1, 90_000), claimed=claimed, last_ticks=last)
    rate = found.frame_rate
    assert rate.measured > 0
    assert 0 < rate.shortest_interval <= rate.longest_interval
    assert found.duration > 0


@given(turn=st.sampled_from([0, 90, 180, 270]), flip=st.booleans(), scale=st.integers(1, 4))
def test_a_matrix_says_what_made_it(turn: int, flip: bool, scale: int) -> None:  # noqa: FBT001
    matrix = display_matrix(turn, flip=flip)
    matrix[:6] = [value * scale for value in matrix[:6]]
    assert rotation_of(struct.pack("=9i", *matrix)) == (Rotation(turn, flip), True)


@given(data=st.binary(max_size=64))
def test_any_matrix_is_some_quarter_turn(data: bytes) -> None:
    rotation, _ = rotation_of(data)
    assert rotation.clockwise_deg in {0, 90, 180, 270}


@given(
    width=st.integers(1, 40_000),
    height=st.integers(1, 40_000),
    crop=st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4),
    turn=st.sampled_from([0, 90, 180, 270]),
)
def test_display_sizes_are_even_and_inside(
    width: int, height: int, crop: list[int], turn: int
) -> None:
    found = crop_of(struct.pack("<4I", *crop), width, height)
    assert found == Crop() or (
        found.left + found.right < width and found.top + found.bottom < height
    )
    wide, high = display_size(
        width, height, crop=found, aspect=Fraction(1), rotation=Rotation(turn)
    )
    assert wide % 2 == high % 2 == 0
    if turn in {90, 270}:
        wide, high = high, wide
    assert 2 <= wide <= max(2, width)
    assert 2 <= high <= max(2, height)


@given(
    tags=st.tuples(*[st.integers(0, 255)] * 4),
    size=st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    is_rgb=st.booleans(),
)
def test_colour_is_always_complete(
    tags: tuple[int, int, int, int],
    size: tuple[int, int],
    is_rgb: bool,  # noqa: FBT001
) -> None:
    primaries, transfer, matrix, colour_range = tags
    colour = describe(
        primaries=primaries,
        transfer=transfer,
        matrix=matrix,
        colour_range=colour_range,
        size=size,
        pixel_format="yuv420p",
        is_rgb=is_rgb,
    )
    assert colour.primaries
    assert colour.transfer
    assert colour.matrix


@settings(max_examples=200)
@given(
    head=st.sampled_from(
        [b"", b"\0\0\0\x18ftypisom", b"\x1a\x45\xdf\xa3", b"RIFF\0\0\0\0AVI ", b"\0\0\0\x40moov"]
    ),
    data=st.binary(max_size=600),
)
def test_any_bytes_have_an_outline(head: bytes, data: bytes) -> None:
    fd = os.memfd_create("bytes")
    try:
        os.write(fd, head + data)
        found = read_outline(fd)
    finally:
        os.close(fd)
    assert found.samples_claimed >= 0
    media_type_of(head + data)
    unsafe_kind(head + data)


@given(data=st.binary(max_size=400))
def test_a_container_is_never_called_a_script(data: bytes) -> None:
    for head in (b"\0\0\0\x18ftyp", b"\x1a\x45\xdf\xa3", b"RIFF", b"\x47\x40", b"\0\0\x01\xba"):
        assert unsafe_kind(head + data) is None


@given(data=st.binary(max_size=200))
def test_any_sidecar_is_details_or_an_error(data: bytes) -> None:
    try:
        found = read_sidecar(data, AssetDetails())
    except SidecarInvalid:
        return
    assert isinstance(found, AssetDetails)
