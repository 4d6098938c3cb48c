"""The client of a vision model's server: questions from any thread, one event loop of its own.

ask() ──► task ──► gate (most urgent first, pace, circuit) ──► try ──► checked ──► Future
                     ▲                                          │
                     └──────── again, after a pause ◄───────────┘
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from framegate.domain.vision import (
    LETTERS,
    Answer,
    Choice,
    Profile,
    Question,
    Served,
    Urgency,
    VisionUse,
)
from framegate.errors import VisionUnavailable
from framegate.models.vision.address import base_address, bearer
from framegate.models.vision.breaker import Breaker
from framegate.models.vision.checks import examine
from framegate.models.vision.gate import Gate
from framegate.models.vision.pace import Pace
from framegate.models.vision.requests import Requests, Sleep
from framegate.models.vision.transport import Connections
from framegate.models.vision.wire import body, read

CLOSE_S = 10.0
DOUBT_S = 30.0
"""How long a server that could not be described is not asked again: a hung one would hold up
everybody who asks, each for as long as it takes to find out.
"""


@dataclass(slots=True)
class _Lines:
    """What lives on the loop."""

    requests: Requests
    gate: Gate
    pace: Pace
    end: Callable[[], Coroutine[Any, Any, None]]
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)


class VisionClient:
    """A `Vision` behind an OpenAI-compatible server. Nothing is sent before the first question."""

    def __init__(
        self,
        url: str,
        profile: Profile,
        *,
        api_key: str = "",
        sleep: Sleep = asyncio.sleep,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``url`` is the server's base address (``…/v1``). ``sleep`` is what a pause between two
        tries is waited for with. Raises `SettingsInvalid` on an address or key that
        cannot be.
        """
        self._clock = clock
        self._base = base_address(url)
        self._profile = profile
        self._api_key = bearer(api_key)
        self._sleep = sleep
        self._breaker = breaker or Breaker()
        self._guard = threading.Lock()
        self._describing = threading.Lock()
        self._doubt: tuple[float, VisionUnavailable] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lines: _Lines | None = None
        self._closed = False
        self._served: dict[tuple[str, ...], Served] = {}
        self._priorities = False
        self._counts: Counter[str] = Counter()  # of `VisionUse`, by field

    @property
    def profile(self) -> Profile:
        """How it may be used."""
        return self._profile

    def describe(self, options: Sequence[str] = LETTERS) -> Served:
        """See `Vision.describe`."""
        key = tuple(options)
        with self._describing:
            if key in self._served:
                return self._served[key]
            if self._doubt is not None and self._clock() < self._doubt[0]:
                raise self._doubt[1]
            try:
                served = self._submit(self._examine(key)).result()
            except VisionUnavailable as error:
                self._doubt = (self._clock() + DOUBT_S, error)
                raise
            self._doubt = None
            self._priorities = served.priorities
            self._served[key] = served
            return served

    def ask(self, question: Question, *, urgency: Urgency = Urgency.TRIAGE) -> Future[Answer]:
        """See `Vision.ask`."""
        return self._submit(self._answer(question, urgency))

    def use(self) -> VisionUse:
        """See `Vision.use`."""
        with self._guard:
            use, lines = VisionUse(**self._counts), self._lines
        if lines is None:
            return use
        return replace(
            use,
            tries=lines.requests.tries,
            in_flight_limit=lines.pace.limit,
            in_flight_most=lines.gate.in_flight_most,
            latency_p95_s=lines.pace.p95_s,
        )

    def close(self) -> None:
        """See `Vision.close`."""
        with self._guard:
            self._closed = True
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop)
        thread.join(CLOSE_S)

    def _submit[T](self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._guard:
            if self._closed:
                work.close()
                refused: Future[T] = Future()
                refused.set_exception(_ended())
                return refused
            if self._loop is None:
                self._loop = self._begin()
            return asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)

    def _begin(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()

        def run() -> None:
            asyncio.set_event_loop(loop)
            try:
                loop.run_forever()
            finally:
                loop.close()

        # a daemon: one that hangs in a vendor's code must not keep the process from ending
        self._thread = threading.Thread(target=run, name="vision", daemon=True)
        self._thread.start()
        return loop

    def _connected(self) -> _Lines:
        """Made on the loop, at the first question."""
        if self._lines is None:
            profile = self._profile
            clock = asyncio.get_running_loop().time
            # /models and /tokenize go beside those that the gate admits
            http = Connections(api_key=self._api_key, most=profile.most_in_flight + 2)
            pace = Pace(bound_s=profile.p95_ms / 1000, most=profile.most_in_flight)
            gate = Gate(pace, self._breaker, clock)
            requests = Requests(http, gate, clock, deadline_s=profile.deadline_s, sleep=self._sleep)
            self._lines = _Lines(requests, gate, pace, http.aclose)
        return self._lines

    async def _tracked[T](self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None
        tasks = self._connected().tasks
        tasks.add(task)
        try:
            return await work
        except asyncio.CancelledError:
            if self._closed:
                raise _ended() from None
            raise
        finally:
            tasks.discard(task)

    async def _examine(self, options: tuple[str, ...]) -> Served:
        return await examine(self._connected().requests, self._base, self._profile, options)

    async def _answer(self, question: Question, urgency: Urgency) -> Answer:
        self._count(asked=1)
        try:
            said = body(
                question,
                self._profile.asked_as,
                priority=int(urgency) if self._priorities else None,
            )
            content, took = await self._connected().requests.post(
                f"{self._base}/chat/completions",
                said,
                urgency,
                measured=isinstance(question.answer, Choice),
            )
            answer = read(content, question, self._profile.asked_as, took)
        except BaseException:
            self._count(failed=1)
            raise
        self._count(
            answered=1,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            tokens_cached=answer.tokens_cached,
        )
        return answer

    def _count(self, **more: int) -> None:
        with self._guard:
            self._counts.update(more)

    async def _end(self) -> None:
        lines = self._lines
        if lines is not None:
            lines.gate.close()
            tasks = list(lines.tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(OSError):
                await lines.end()
        asyncio.get_running_loop().stop()


def _ended() -> VisionUnavailable:
    return VisionUnavailable(
        "the question was given up", "framegate is stopping", "Run the same command again"
    )
