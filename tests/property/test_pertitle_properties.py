"""What must hold of a fitted ladder, whatever the trials say."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from framegate.domain.ladder import Rendition, VideoCodec
from framegate.domain.pertitle import TrialPoint
from framegate.stages.encode.curve import WHOLE, Operating, interpolate, operating_points
from framegate.stages.encode.pertitle import (
    FILLED,
    GAP_SPREAD,
    LEAST_GAP,
    TOP_RANGE,
    choose,
    planned_gap,
    trials,
    upper_hull,
)

SIZES = ((640, 360), (864, 486), (1280, 720), (1920, 1080), (2560, 1440))


def rung(width: int, height: int, maxrate: int) -> Rendition:
    return Rendition(
        name=f"{height}p",
        width=width,
        height=height,
        codec=VideoCodec.H264,
        crf=23.0,
        maxrate=maxrate,
        bufsize_bits=2 * maxrate,
        preset="veryfast",
        frame_rate=Fraction(25),
    )


@st.composite
def ladders(draw: st.DrawFn) -> tuple[tuple[Rendition, ...], tuple[TrialPoint, ...], int]:
    """A fixed ladder and trial points of any video, noisy ones included: no order is kept; and how
    many frames they are of.
    """
    frames = draw(st.integers(12, 200))
    sizes = SIZES[: draw(st.integers(1, len(SIZES)))]
    renditions = tuple(
        rung(width, height, draw(st.integers(100_000, 20_000_000))) for width, height in sizes
    )
    points = tuple(
        TrialPoint(
            trial.name,
            trial.width,
            trial.height,
            trial.crf,
            draw(st.integers(1, 50_000_000)),
            draw(st.floats(0, 100)),
        )
        for trial in trials(renditions, frames)
    )
    return renditions, points, frames


@settings(deadline=None)  # a busy machine is no fault
@given(ladders())
def test_a_ladder_keeps_its_rules(
    made: tuple[tuple[Rendition, ...], tuple[TrialPoint, ...], int],
) -> None:
    renditions, points, frames = made
    choice = choose(renditions, points, frames)
    names = [each.name for each in renditions]
    kept = [each.rendition for each in choice.rungs]
    assert kept == sorted(kept, key=names.index)
    assert sorted([*kept, *(each.rendition for each in choice.left_out)]) == sorted(names)
    assert all(each.why for each in choice.left_out)
    for low, high in pairwise(choice.rungs):
        assert high.vmaf - low.vmaf >= planned_gap(frames) - 1e-9
        assert high.bitrate > low.bitrate or high.vmaf > low.vmaf
    ceilings = {each.name: each.maxrate for each in renditions}
    curves = {
        name: operating_points([each for each in points if each.rendition == name])
        for name in names
    }
    for each in choice.rungs:
        cheapest = curves[each.rendition][-1]
        assert each.bitrate <= FILLED * ceilings[each.rendition] or each == cheapest
    assert choose(renditions, tuple(reversed(points)), frames) == choice


@settings(deadline=None)  # a busy machine is no fault
@given(ladders())
def test_the_top_is_as_good_as_wanted_or_as_its_ceiling_allows(
    made: tuple[tuple[Rendition, ...], tuple[TrialPoint, ...], int],
) -> None:
    renditions, points, frames = made
    top = choose(renditions, points, frames).rungs[-1]
    size = next(each for each in renditions if each.name == top.rendition)
    curve = [
        each
        for each in operating_points([p for p in points if p.rendition == top.rendition])
        if each.bitrate <= FILLED * size.maxrate
    ]
    low, high = TOP_RANGE
    if any(low <= each.vmaf <= high for each in curve):
        assert low <= top.vmaf <= high


@given(st.integers(12, 500), st.floats(0, 1))
def test_rungs_stay_apart_where_the_whole_is_better_than_what_was_tried(
    frames: int, share: float
) -> None:
    # every picture lacks less than those that were tried did, by as much as so few can be off
    lack = 1 - share * GAP_SPREAD / frames**0.5
    low = 80.0
    high = low + planned_gap(frames)
    found = [WHOLE - lack * (WHOLE - vmaf) for vmaf in (low, high)]
    assert found[1] - found[0] >= LEAST_GAP - 1e-9
    assert planned_gap(frames + 1) < planned_gap(frames) < 11


@given(
    st.lists(
        st.tuples(st.integers(32, 200), st.integers(1, 10**8), st.floats(0, 100)),
        min_size=1,
        max_size=5,
        unique_by=lambda each: each[0],
    )
)
def test_a_higher_crf_never_costs_more_or_looks_better(
    found: list[tuple[int, int, float]],
) -> None:
    points = [TrialPoint("720p", 1280, 720, crf / 4, rate, vmaf) for crf, rate, vmaf in found]
    curve = operating_points(points)
    assert min(p.crf for p in points) in {each.crf for each in curve}
    for better, worse in pairwise(curve):
        assert better.crf < worse.crf
        assert better.bitrate >= worse.bitrate * (1 - 1e-9)
        assert better.vmaf >= worse.vmaf - 1e-9


@given(
    st.lists(st.floats(-50, 50), min_size=2, max_size=6, unique=True),
    st.lists(st.floats(-50, 50), min_size=6, max_size=6),
    st.floats(0, 1),
)
def test_interpolation_meets_its_points_and_stays_between_neighbours(
    xs: list[float], ys: list[float], share: float
) -> None:
    xs = sorted(xs)
    assume(all(b - a > 1e-3 for a, b in pairwise(xs)))
    ys = ys[: len(xs)]
    for x, y in zip(xs, ys, strict=True):
        assert abs(interpolate(xs, ys, x) - y) < 1e-9
    for (a, b), (low, high) in zip(pairwise(xs), pairwise(ys), strict=True):
        value = interpolate(xs, ys, a + share * (b - a))
        assert min(low, high) - 1e-9 <= value <= max(low, high) + 1e-9


@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 100)), min_size=1, max_size=30))
def test_nothing_lies_above_the_hull(found: list[tuple[int, float]]) -> None:
    points = [Operating("any", 20.0, float(rate), vmaf) for rate, vmaf in found]
    hull = upper_hull(points)
    assert max(point.vmaf for point in points) == hull[-1].vmaf
    for low, high in pairwise(hull):
        assert low.bitrate < high.bitrate
        assert low.vmaf < high.vmaf
    for point in points:
        for low, high in pairwise(hull):
            if low.bitrate <= point.bitrate <= high.bitrate:
                share = (point.log_rate - low.log_rate) / (high.log_rate - low.log_rate)
                assert point.vmaf <= low.vmaf + share * (high.vmaf - low.vmaf) + 1e-6


@settings(deadline=None)
@given(ladders())
def test_the_top_rung_shows_every_picture(
    ladder: tuple[tuple[Rendition, ...], tuple[TrialPoint, ...], int],
) -> None:
    renditions, points, frames = ladder
    smallest = replace(renditions[0], frame_rate=Fraction(25, 2))
    slow = (smallest, *renditions[1:])
    chosen = choose(slow, points, frames).rungs[-1].rendition
    assert len(slow) == 1 or chosen != smallest.name
