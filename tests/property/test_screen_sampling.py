"""The sampler keeps its promise on any sequence of timestamps and cuts."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from framegate.domain.frames import SampleReason
from framegate.domain.sampling import Chooser, Chosen, SamplingRule

TIME_BASE = Fraction(1, 1000)

frames = st.lists(
    st.tuples(
        st.integers(1, 3000),  # ticks since the frame before
        st.booleans(),  # cut
        st.integers(0, 255),  # level of the whole picture
    ),
    min_size=1,
    max_size=80,
)
rules = st.builds(
    SamplingRule,
    max_gap=st.fractions(Fraction(1, 50), 3, max_denominator=1001),
    settle=st.fractions(0, 2, max_denominator=1001),
    spacing=st.fractions(0, 2, max_denominator=1001),
    novelty=st.floats(0, 255),
)


def choose(
    found: list[tuple[int, bool, int]], rule: SamplingRule, first: int = 0
) -> tuple[list[int], list[Chosen[int]]]:
    levels: dict[int, int] = {}
    chooser: Chooser[int] = Chooser(
        rule, TIME_BASE, lambda pts: np.full((9, 16), levels[pts], np.float32)
    )
    pts, all_pts, chosen = first, [], []
    for step, cut, level in found:
        pts += step
        all_pts.append(pts)
        levels[pts] = level
        chosen += chooser.offer(pts, pts, cut=cut)
    return all_pts, chosen + chooser.finish()


@given(frames, rules, st.integers(-10_000, 10_000))
def test_no_gap_is_exceeded_where_the_source_has_frames(
    found: list[tuple[int, bool, int]], rule: SamplingRule, first: int
) -> None:
    all_pts, chosen = choose(found, rule, first)
    looks = [all_pts[0], *(choice.pts for choice in chosen)]
    for earlier, later in pairwise(looks):
        if (later - earlier) * TIME_BASE > rule.max_gap:
            assert not [pts for pts in all_pts if earlier < pts < later]


@given(frames, rules)
def test_chosen_frames_ascend_and_end_with_the_last(
    found: list[tuple[int, bool, int]], rule: SamplingRule
) -> None:
    all_pts, chosen = choose(found, rule)
    times = [choice.pts for choice in chosen]
    assert times == sorted(set(times))
    assert set(times) <= set(all_pts)
    assert times[-1] == all_pts[-1]
    assert all(choice.frame == choice.pts for choice in chosen)


@given(frames, rules)
def test_every_shot_is_looked_at(found: list[tuple[int, bool, int]], rule: SamplingRule) -> None:
    _pts, chosen = choose(found, rule)
    shots = 1 + sum(cut for _step, cut, _level in found[1:])
    assert {choice.shot for choice in chosen} == set(range(shots))


@given(frames, rules)
def test_the_same_frames_give_the_same_samples(
    found: list[tuple[int, bool, int]], rule: SamplingRule
) -> None:
    def run() -> list[tuple[int, int, SampleReason]]:
        return [(one.pts, one.shot, one.reason) for one in choose(found, rule)[1]]

    assert run() == run()


def test_one_flashed_frame_at_a_cut_is_looked_at() -> None:
    still = [(40, False, 100)] * 20
    found = [*still, (40, True, 250), *still]
    all_pts, chosen = choose(found, SamplingRule(max_gap=Fraction(10)))
    assert all_pts[20] in [choice.pts for choice in chosen]


def test_a_still_picture_is_looked_at_once_a_gap() -> None:
    chosen = choose([(40, False, 100)] * 251, SamplingRule())[1]
    assert len(chosen) <= 12
    assert {choice.reason for choice in chosen} == {
        SampleReason.SHOT,
        SampleReason.GAP,
        SampleReason.LAST,
    }


def test_signatures_are_made_only_of_frames_that_may_be_looked_at() -> None:
    asked: list[int] = []

    def signature(pts: int) -> np.ndarray:
        asked.append(pts)
        return np.full((9, 16), 100, np.float32)

    rule = SamplingRule(max_gap=Fraction(1), spacing=Fraction(1))
    chooser: Chooser[int] = Chooser(rule, TIME_BASE, signature)
    for pts in range(0, 10_000, 40):
        chooser.offer(pts, pts, cut=False)
    assert len(asked) < 250 / 5
