"""What holds of the pace and of the circuit breaker whatever a server does."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegate.models.vision.breaker import Breaker, Circuit
from framegate.models.vision.pace import FIRST, Pace, percentile

BOUND_S = 0.5


def settle(pace: Pace, latency_s: dict[int, float], answers: int = 4000) -> list[int]:
    """The limits after each answer of a server whose latency depends on how many are in flight
    (piecewise linear between the points given), always filled to the limit.
    """
    points = sorted(latency_s.items())
    noise = random.Random(7)  # noqa: S311 - runs must repeat
    limits = []
    for _ in range(answers):
        here = pace.limit
        below = max((each for each in points if each[0] <= here), default=points[0])
        above = min((each for each in points if each[0] >= here), default=points[-1])
        share = (here - below[0]) / (above[0] - below[0]) if above[0] > below[0] else 0
        mean = below[1] + share * (above[1] - below[1])
        pace.answered(pace.sent(here), mean * noise.uniform(0.9, 1.1))
        limits.append(pace.limit)
    return limits


# p50 of a one-token answer by requests in flight, as measured on two servers of Llama 4 Scout
H100_INT4 = {1: 0.19, 8: 0.41, 32: 0.85, 64: 1.25}
H200_FP8 = {1: 0.11, 8: 0.21, 16: 0.40, 32: 0.57, 64: 0.96}


@pytest.mark.parametrize(
    ("server", "low", "high"), [(H100_INT4, 6, 13), (H200_FP8, 14, 26)], ids=["H100", "H200"]
)
def test_the_limit_settles_where_the_latency_meets_the_bound(
    server: dict[int, float], low: int, high: int
) -> None:
    limits = settle(Pace(bound_s=BOUND_S, most=64), server)[1000:]
    assert low <= min(limits)
    assert max(limits) <= high


def test_a_quick_server_is_filled_and_a_slow_one_still_asked() -> None:
    assert settle(Pace(bound_s=BOUND_S, most=64), {1: 0.01, 64: 0.1})[-1] == 64
    assert settle(Pace(bound_s=BOUND_S, most=64), {1: 5.0, 64: 50.0})[-1] == 1


def test_one_slow_answer_in_twenty_changes_nothing() -> None:
    pace = Pace(bound_s=BOUND_S, most=64)
    for number in range(20):
        pace.answered(pace.sent(FIRST), 9.0 if number == 3 else 0.1)
    assert pace.limit == 2 * FIRST


def test_without_need_the_limit_does_not_grow() -> None:
    pace = Pace(bound_s=BOUND_S, most=64)
    for _ in range(200):
        pace.answered(pace.sent(1), 0.1)
    assert pace.limit == FIRST


def test_what_was_sent_before_a_change_is_not_held_against_it() -> None:
    pace = Pace(bound_s=BOUND_S, most=64)
    before = [pace.sent(FIRST) for _ in range(30)]
    pace.refused(before[0])
    assert pace.limit == FIRST // 2
    for epoch in before:
        pace.refused(epoch)
        pace.answered(epoch, 9.0)
    assert pace.limit == FIRST // 2


@given(
    st.integers(1, 200),
    st.lists(
        st.one_of(st.floats(0, 100).map(lambda s: ("answered", s)), st.just(("refused", 0.0))),
        max_size=300,
    ),
)
def test_the_limit_stays_between_one_and_the_most(
    most: int, events: list[tuple[str, float]]
) -> None:
    pace = Pace(bound_s=BOUND_S, most=most)
    for kind, value in events:
        epoch = pace.sent(pace.limit)
        if kind == "answered":
            pace.answered(epoch, value)
        else:
            pace.refused(epoch)
        assert 1 <= pace.limit <= most


@given(st.lists(st.floats(0, 10), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_the_share_does_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


@given(st.lists(st.tuples(st.sampled_from(["ask", "ok", "bad", "gone"]), st.floats(0, 3))))
def test_a_server_that_fails_is_tried_by_one_at_a_time(events: list[tuple[str, float]]) -> None:
    breaker = Breaker(failures=3, rest_s=5.0)
    now, row = 0.0, 0
    out: list[bool] = []  # requests on their way: whether each is the try
    for what, after_s in events:
        now += after_s
        circuit = breaker.circuit(now)
        if what == "ask":
            if circuit in (Circuit.CLOSED, Circuit.DUE):
                out.append(breaker.begin(now))
                assert sum(out) <= 1, "never two tries"
        elif out:
            trial = out.pop(0)
            if what == "ok":
                breaker.succeeded()
                out, row = [False] * len(out), 0
                assert breaker.circuit(now) is Circuit.CLOSED
            elif what == "bad":
                breaker.failed(now, trial=trial)
                row += 1
                if trial:
                    assert breaker.down
                    assert breaker.circuit(now) is Circuit.RESTING
                elif row >= 3:
                    assert breaker.circuit(now) is not Circuit.CLOSED
            else:
                breaker.abandoned(trial=trial)
        assert not (breaker.down and breaker.circuit(now) is Circuit.CLOSED)


def test_the_rest_ends_and_one_try_decides() -> None:
    breaker = Breaker(failures=2, rest_s=5.0)

    def state(now: float) -> tuple[Circuit, bool]:
        return breaker.circuit(now), breaker.down

    for _ in range(2):
        assert not breaker.begin(0.0)
        breaker.failed(1.0, trial=False)
    assert state(5.9) == (Circuit.RESTING, False), "it may only have been restarted"
    assert breaker.left_s(2.0) == 4.0
    assert breaker.begin(6.0)
    assert state(6.0) == (Circuit.TRYING, False)
    breaker.failed(7.0, trial=True)
    assert state(7.0) == (Circuit.RESTING, True)
    assert breaker.begin(12.0)
    breaker.succeeded()
    assert state(12.0) == (Circuit.CLOSED, False)
