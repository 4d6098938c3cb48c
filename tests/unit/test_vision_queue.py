"""Who is asked first, how many at once, and what becomes of questions that are given up."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from framegate.domain.vision import (
    Profile,
    Urgency,
)
from framegate.models.vision.client import VisionClient
from framegate.testing.vision import (
    MODEL,
    Asked,
    Reply,
    ScriptedServer,
    first_option,
)
from vision_asking import LONG_S, Paused, answer_of, question, refused


@pytest.fixture
def paused() -> Paused:
    return Paused()


class Held:
    """A script that answers when it is let go, and tells who came in."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self.go = threading.Event()
        self.order: list[str] = []

    def __call__(self, asked: Asked) -> Reply:
        self.order.append(asked.after)
        self.came.release()
        reply = first_option(asked)
        return Reply(reply.body, until=self.go)


def test_the_most_urgent_goes_first(paused: Paused) -> None:
    held = Held()
    with ScriptedServer(held) as server:
        vision = VisionClient(server.url, Profile("test", MODEL, most_in_flight=1), sleep=paused)
        futures = [vision.ask(question(after="first"), urgency=Urgency.DETAIL)]
        assert held.came.acquire(timeout=LONG_S)
        for urgency in (Urgency.DETAIL, Urgency.TRIAGE, Urgency.LIVE_DETAIL, Urgency.LIVE_TRIAGE):
            for number in (1, 2):
                words = question(after=f"{urgency.name} {number}")
                futures.append(vision.ask(words, urgency=urgency))
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), vision._loop).result()  # type: ignore[arg-type]
        held.go.set()
        for future in futures:
            answer_of(future)
        vision.close()
        assert server.in_flight_most == 1
    assert held.order == [
        "first",
        *(
            f"{name} {number}"
            for name in ("LIVE_TRIAGE", "LIVE_DETAIL", "TRIAGE", "DETAIL")
            for number in (1, 2)
        ),
    ]


def test_no_more_are_in_flight_than_the_pace_allows(paused: Paused) -> None:
    held = Held()
    with ScriptedServer(held) as server:
        vision = VisionClient(server.url, Profile("test", MODEL), sleep=paused)
        futures = [vision.ask(question()) for _ in range(40)]
        for _ in range(4):
            assert held.came.acquire(timeout=LONG_S)
        assert server.in_flight == 4 == vision.use().in_flight_limit
        held.go.set()
        for future in futures:
            answer_of(future)
        assert vision.use().in_flight_limit > 4, "quick answers let more in"
        vision.close()


def test_a_cancelled_question_gives_its_place_free(paused: Paused) -> None:
    held = Held()
    with ScriptedServer(held) as server:
        vision = VisionClient(server.url, Profile("test", MODEL, most_in_flight=1), sleep=paused)
        stuck = vision.ask(question())
        assert held.came.acquire(timeout=LONG_S)
        waiting, after = vision.ask(question()), vision.ask(question(after="after"))
        waiting.cancel()
        stuck.cancel()
        assert held.came.acquire(timeout=LONG_S)
        held.go.set()
        assert answer_of(after).chosen
        for gone in (stuck, waiting):
            with pytest.raises(CancelledError):
                gone.result(LONG_S)
        assert held.order == ["Which?", "after"]
        vision.close()


def test_closing_ends_everything_as_unavailable(paused: Paused) -> None:
    held = Held()
    with ScriptedServer(held) as server:
        vision = VisionClient(server.url, Profile("test", MODEL), sleep=paused)
        futures = [vision.ask(question()) for _ in range(10)]
        assert held.came.acquire(timeout=LONG_S)
        vision.close()
        vision.close()
        held.go.set()
        for future in (*futures, vision.ask(question())):
            refused(future, "given up: framegate is stopping")
