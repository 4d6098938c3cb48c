"""Who may send now: the most urgent first, as many at once as the pace allows, none while the
circuit rests. Runs on one event loop.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from framegate.domain.vision import Urgency
from framegate.errors import VisionUnavailable
from framegate.models.vision.breaker import Breaker, Circuit
from framegate.models.vision.pace import Pace


@dataclass(slots=True)
class Place:
    """A request's turn. ``epoch`` is the pace's at the time of sending."""

    epoch: int
    trial: bool  # the one request after a rest
    settled: bool = False


@dataclass(order=True, slots=True)
class _Waiting:
    urgency: Urgency
    turn: int
    granted: asyncio.Future[bool] = field(compare=False)


class Gate:
    """Turns for requests."""

    def __init__(self, pace: Pace, breaker: Breaker, clock: Callable[[], float]) -> None:
        self._pace = pace
        self._breaker = breaker
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._in_flight = 0
        self._turns = itertools.count()
        self._reason = ""
        self._alarm: asyncio.TimerHandle | None = None
        self.in_flight_most = 0

    def turn(self) -> int:
        """A number to wait with: who came first and tries again is still before who came later."""
        return next(self._turns)

    @asynccontextmanager
    async def place(self, urgency: Urgency, turn: int) -> AsyncIterator[Place]:
        """Wait for a place and hold it. Raises `VisionUnavailable` when the server is down.

        Inside, say how it went with `answered`, `refused` or `failed`; an end without a word counts
        as given up.
        """
        if self._breaker.down and self._breaker.circuit(self._clock()) is not Circuit.DUE:
            raise self._down()
        waiting = _Waiting(urgency, turn, asyncio.get_running_loop().create_future())
        heapq.heappush(self._waiting, waiting)
        self._admit()
        try:
            trial = await waiting.granted
        except asyncio.CancelledError:
            if waiting.granted.done() and not waiting.granted.cancelled():
                # granted and cancelled in the same moment
                self._breaker.abandoned(trial=waiting.granted.result())
                self._leave()
            raise
        place = Place(self._pace.sent(self._in_flight), trial)
        try:
            yield place
        finally:
            if not place.settled:
                self._breaker.abandoned(trial=trial)
            self._leave()

    def answered(self, place: Place, latency_s: float | None) -> None:
        """The server spoke; ``latency_s`` of a one-token answer."""
        place.settled = True
        self._breaker.succeeded()
        if latency_s is not None:
            self._pace.answered(place.epoch, latency_s)

    def refused(self, place: Place) -> None:
        """The server is there and too busy."""
        place.settled = True
        self._breaker.succeeded()
        self._pace.refused(place.epoch)

    def failed(self, place: Place, reason: str) -> None:
        """The server is not there, or not itself."""
        place.settled = True
        self._reason = reason
        self._breaker.failed(self._clock(), trial=place.trial)
        self._pace.refused(place.epoch)

    def close(self) -> None:
        """Wake nobody any more."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _leave(self) -> None:
        self._in_flight -= 1
        if self._breaker.down:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                if not each.granted.done():
                    each.granted.set_exception(self._down())
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            if self._waiting[0].granted.done():  # cancelled while it waited
                heapq.heappop(self._waiting)
                continue
            now = self._clock()
            circuit = self._breaker.circuit(now)
            if circuit is Circuit.RESTING:
                self._wake_after(self._breaker.left_s(now))
                return
            if circuit is Circuit.TRYING or self._in_flight >= self._pace.limit:
                return
            trial = self._breaker.begin(now)
            self._in_flight += 1
            self.in_flight_most = max(self.in_flight_most, self._in_flight)
            heapq.heappop(self._waiting).granted.set_result(trial)

    def _wake_after(self, delay_s: float) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self._woken)

    def _woken(self) -> None:
        self._alarm = None
        self._admit()

    def _down(self) -> VisionUnavailable:
        return VisionUnavailable(
            "the vision model's server is down",
            f"{self._breaker.failures} requests in a row failed, the last one: {self._reason}",
        )
