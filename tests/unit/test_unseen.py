"""Which frames no screened frame accounts for, on imprints made up for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from framegate.domain.imprint import COLUMNS, PLANES, ROWS, Codes, Imprints, distance, record
from framegate.domain.unseen import JUMP, Comparison, find_unseen
from framegate.errors import Internal

COUNT, EVERY = 60, 20  # frames, and how far samples lie apart
PICTURES = np.random.default_rng(1).integers(40, 200, (5, PLANES, ROWS, COLUMNS))
BASE, FOREIGN, OTHER = PICTURES[0], PICTURES[1], PICTURES[2]


def clip(pictures: Sequence[NDArray[np.generic]]) -> Codes:
    return np.rint(np.stack(pictures)).clip(0, 255).astype(np.uint8)


def moving() -> Codes:
    """A shot in which the picture gets a little lighter with each frame."""
    return clip([BASE + n * 0.4 for n in range(COUNT)])


def compared(
    frames: Codes, samples: Sequence[int], *, cuts: Sequence[int] = (), most: int = 99
) -> Comparison:
    """PTS are frame numbers times ten; ``cuts`` is where one part ends and the next begins."""
    pts = np.arange(len(frames), dtype=np.int64) * 10
    at = np.array(sorted(samples), np.intp)

    def part(first: int, end: int) -> Callable[[], Imprints]:
        return lambda: Imprints(pts[first:end], frames[first:end])

    parts = [part(first, end) for first, end in pairwise([0, *sorted(cuts), len(frames)])]
    return find_unseen(Imprints(pts[at], frames[at]), parts, most=most)


def regular(frames: Codes) -> list[int]:
    return [*range(0, len(frames), EVERY), len(frames) - 1]


def looked_at(found: Comparison) -> set[int]:
    return {look.pts // 10 for look in found.looks}


def test_what_moves_and_dissolves_is_accounted_for() -> None:
    assert compared(moving(), regular(moving())) == Comparison(COUNT, 0)
    share = np.linspace(0, 1, 6)
    dissolve = clip(
        [BASE] * 20 + [BASE * (1 - part) + FOREIGN * part for part in share] + [FOREIGN] * 20
    )
    assert compared(dissolve, [0, 19, 30, 45]) == Comparison(46, 0)
    cut = clip([BASE] * 20 + [FOREIGN] * 20)
    assert compared(cut, [0, 25, 39]) == Comparison(40, 0)


@given(
    place=st.integers(0, COUNT - 1),
    length=st.integers(1, 4),
    kind=st.sampled_from([1, 2, 3, 4]),
    cuts=st.sets(st.integers(1, COUNT - 1), max_size=4),
)
def test_what_was_put_in_between_samples_is_found_wherever_it_lies(
    place: int, length: int, kind: int, cuts: set[int]
) -> None:
    frames = moving()
    put_in = set(range(place, min(COUNT, place + length)))
    samples = [at for at in regular(frames) if at not in put_in] or [0]
    for at in put_in:
        frames[at] = PICTURES[kind]
    found = compared(frames, samples, cuts=sorted(cuts))
    assert found.unlike == len(put_in)
    assert len(found.looks) == 1
    assert looked_at(found) <= put_in
    assert found.looks[0].frames == len(put_in)


def test_different_pictures_are_looked_at_each() -> None:
    frames = moving()
    frames[31], frames[32] = FOREIGN, OTHER
    assert looked_at(compared(frames, regular(frames))) == {31, 32}


def test_what_comes_again_and_again_is_looked_at_once() -> None:
    frames = moving()
    frames[22:38:2] = FOREIGN
    found = compared(frames, regular(frames))
    assert found.unlike == 8
    assert [look.frames for look in found.looks] == [8]


def test_a_foreign_shot_that_was_sampled_is_accounted_for() -> None:
    frames = moving()
    frames[25:35] = FOREIGN
    assert compared(frames, [*regular(frames), 30]).unlike == 0
    assert compared(frames, regular(frames)).unlike == 10


def pan(repeats: Sequence[int]) -> Codes:
    """A fast sweep across a wide picture, between two moments of rest; each of its pictures is
    shown as often as ``repeats`` says in turn, as a conversion of the frame rate does.
    """
    wide = np.random.default_rng(3).integers(100, 131, (PLANES, ROWS, 32)).repeat(8, axis=2)
    places = [*[0] * 10, *range(0, 240, 3), *[240] * 10]
    times = np.resize(repeats, len(places)).tolist()
    return clip([wide[..., at : at + COLUMNS] for at in np.repeat(places, times).tolist()])


@pytest.mark.parametrize("repeats", [(1,), (1, 1, 1, 2), (2,), (3, 2), (1,) * 24 + (2,)])
def test_a_sweep_in_which_pictures_are_held_is_no_row_of_jumps(repeats: tuple[int, ...]) -> None:
    frames = pan(repeats)
    rate = round(24 * sum(repeats) / len(repeats))
    samples = [*range(0, len(frames), rate // 2), len(frames) - 1]
    assert compared(frames, samples).unlike == 0


@pytest.mark.parametrize("length", [1, 2, 3])
def test_what_is_put_into_such_a_sweep_is_found(length: int) -> None:
    frames = pan((1, 1, 1, 2))
    samples = [*range(0, len(frames), 15), len(frames) - 1]
    for place in (61, 63, 66, 94, 97):
        spliced = frames.copy()
        spliced[place : place + length] = FOREIGN
        found = looked_at(compared(spliced, samples))
        assert found
        assert found <= set(range(place, place + length))


def test_a_frame_very_unlike_all_is_found_without_a_jump() -> None:
    """Blended in and out within a second of 60 frames: no step reaches what a jump needs."""
    share = 1 - np.abs(np.linspace(-1, 1, 55))
    blend = [BASE * (1 - part) + FOREIGN * part for part in share]
    frames = clip([*[BASE] * 3, *blend, *[BASE] * 3])
    steps = distance(frames[1:], frames[:-1])
    assert steps.max() < JUMP
    found = compared(frames, [0, 60])
    assert 30 in looked_at(found)
    assert compared(frames, [0, 30, 60]).unlike == 0  # on the way to a sample and back


def test_colour_alone_and_a_part_of_the_picture_tell() -> None:
    frames = moving()
    frames[31, 1:] = frames[31, 1:] + 20
    assert looked_at(compared(frames, regular(frames))) == {31}
    frames = moving()
    frames[31, :, 0:3, 4:8] = FOREIGN[:, 0:3, 4:8]  # a twelfth of it
    assert looked_at(compared(frames, regular(frames))) == {31}


def test_a_sample_counts_only_if_the_encode_saw_the_same_picture() -> None:
    """A decoder that began at another keyframe may have made another picture of it."""
    frames = moving()
    screened = frames.copy()
    frames[40] = FOREIGN
    pts = np.arange(COUNT, dtype=np.int64) * 10
    at = np.array(regular(screened), np.intp)
    found = find_unseen(Imprints(pts[at], screened[at]), [lambda: Imprints(pts, frames)])
    assert looked_at(found) == {40}


def test_a_video_gets_only_so_many_looks_and_the_rest_is_counted() -> None:
    frames = moving()
    for at, kind in zip((5, 15, 25, 35), (1, 2, 3, 4), strict=True):
        frames[at] = PICTURES[kind]
    found = compared(frames, regular(frames), most=3)
    assert (found.unlike, len(found.looks), found.beyond) == (4, 3, 1)


def test_without_frames_there_is_nothing_to_say() -> None:
    none = Imprints.unpack(b"")
    assert find_unseen(none, [lambda: none]) == Comparison(0, 0)
    one = Imprints.unpack(record(7, BASE.astype(np.uint8)))
    assert find_unseen(none, [lambda: one]).unlike == 1


def test_records_come_back_and_nonsense_does_not() -> None:
    codes = moving()
    data = b"".join(record(at * 10, codes[at]) for at in range(3))
    back = Imprints.unpack(data)
    assert back.pts.tolist() == [0, 10, 20]
    assert np.array_equal(back.codes, codes[:3])
    for bad in (data[:-1], data + data):
        with pytest.raises(Internal):
            Imprints.unpack(bad)
