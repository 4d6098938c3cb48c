"""A vision model's server that fails and lies at random, asked by many at once."""

from __future__ import annotations

import asyncio
import random
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import pytest

from framegate.domain.vision import Answer, Choice, Profile, Question, Structured, Urgency
from framegate.errors import VisionUnavailable
from framegate.models.vision.breaker import Breaker
from framegate.models.vision.client import VisionClient
from framegate.testing.vision import (
    MODEL,
    Asked,
    Reply,
    ScriptedServer,
    choosing,
    completion,
    telling,
)

TRUTH = {"A": 0.7, "B": 0.2, "C": 0.1}
SCHEMA = {
    "type": "object",
    "required": ["severity"],
    "properties": {"severity": {"enum": ["low", "high"]}},
}
SOUND = telling(['{"severity":"', "low", '"}'], {1: {"low": 0.6, "high": 0.4}})
TROUBLE = [
    Reply(status=500),
    Reply(status=429, headers={"Retry-After": "0"}),
    Reply(status=400),
    Reply(b'{"error": "engine died"}'),
    Reply(b"{"),
    Reply(drop=True),
    Reply(b'{"id"', cut=True),
    completion("A"),
    choosing(TRUTH, model="another"),
    choosing({"A": 0.7}),
]
LONG_S = 60.0


class Moody:
    """Every third request comes to nothing, in one of the ways above."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - runs must repeat
        self._guard = threading.Lock()

    def __call__(self, asked: Asked) -> Reply:
        with self._guard:
            if self._chance.random() < 1 / 3:
                return self._chance.choice(TROUBLE)
        return choosing(TRUTH) if asked.options else SOUND


async def _no_pause(_pause_s: float) -> None:
    return


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_question_ends_in_the_truth_or_in_an_error(seed: int) -> None:
    with ScriptedServer(Moody(seed)) as server:
        vision = VisionClient(
            server.url,
            Profile("moody", MODEL, most_in_flight=12),
            sleep=_no_pause,
            breaker=Breaker(rest_s=0.0),
        )

        def ask(number: int) -> str:
            answer = Structured("d", SCHEMA, 20) if number % 4 == 0 else Choice(tuple(TRUTH))
            urgency = Urgency(number % len(Urgency))
            future = vision.ask(Question("s", (b"jpeg",), "?", answer), urgency=urgency)
            if number % 17 == 0:
                future.cancel()
            return _end(future)

        with ThreadPoolExecutor(8) as pool:
            ends = list(pool.map(ask, range(400)))
        assert ends.count("truth") > 200
        assert "error" in ends
        lines = vision._lines
        assert lines is not None
        _wait_for(vision, lines.tasks)  # what was cancelled may still put things away
        use = vision.use()
        assert use.in_flight_most <= 12
        assert use.answered + use.failed == use.asked
        assert lines.gate._in_flight == 0, "every place was given back"
        assert not lines.tasks
        vision.close()


def _wait_for(vision: VisionClient, tasks: set[asyncio.Task[object]]) -> None:
    async def all_of_them() -> None:
        while tasks:
            await asyncio.wait(list(tasks))

    assert vision._loop is not None
    asyncio.run_coroutine_threadsafe(all_of_them(), vision._loop).result(LONG_S)


def _end(future: Future[Answer]) -> str:
    try:
        answer = future.result(LONG_S)
    except VisionUnavailable:
        return "error"
    except CancelledError:
        return "cancelled"
    if answer.data:
        assert answer.token_probabilities == {"/severity": pytest.approx({"low": 0.6, "high": 0.4})}
    else:
        assert answer.chosen == pytest.approx(TRUTH)
    return "truth"


def test_a_server_that_is_killed_and_comes_back_loses_nothing() -> None:
    """What was asked while it was gone is an error; what is asked after, an answer."""
    with ScriptedServer(lambda _asked: choosing(TRUTH)) as server:
        vision = VisionClient(
            server.url, Profile("killed", MODEL), sleep=_no_pause, breaker=Breaker(rest_s=0.0)
        )
        question = Question("s", (b"jpeg",), "?", Choice(tuple(TRUTH)))
        for _ in range(3):
            futures = [vision.ask(question) for _ in range(40)]
            server.stop()
            assert set(map(_end, futures)) <= {"truth", "error"}
            assert _end(vision.ask(question)) == "error"
            server.start(server.port)
            assert _end(vision.ask(question)) == "truth"
        vision.close()
