"""One request after another to a vision model's server: sent again where that can help.

What can help is told apart by what the server did:

    busy       429, 503 with Retry-After     sent again later; the server gets fewer at once
    broken     no connection, 5xx, too slow  sent again later; counts towards the circuit breaker
    wrong      400, 401, 404, 3xx …          not sent again: the same would come back
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx2
import tenacity

from framegate.domain.vision import Urgency
from framegate.errors import VisionUnavailable
from framegate.models.vision.gate import Gate
from framegate.models.vision.transport import MOST_BYTES, Connections, Packed, TooLarge
from framegate.models.vision.wire import lied, parsed, quoted

TRIES = 4
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 8.0
OF_THE_DEADLINE = 0.5
"""Most of the deadline that one try may take: a hung request leaves time for another."""
PAGE_S = 10.0  # for a page that costs a server nothing

type Sleep = Callable[[float], Awaitable[None]]

_KEY = "Set FRAMEGATE_VLM_API_KEY to a key that the server takes"
_NAME = "Check the address (--vlm) and the model's name (--vlm-model)"
_WAYS_OUT: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: _KEY,
    HTTPStatus.FORBIDDEN: _KEY,
    HTTPStatus.NOT_FOUND: _NAME,
}
_NOT_THERE = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


class Again(Exception):
    """A try came to nothing; another may not. ``pause_s`` is what the server asked for."""

    def __init__(self, why: str, *, busy: bool = False, pause_s: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.busy = busy
        self.pause_s = pause_s


class _Deadline(tenacity.stop.stop_base):
    """Ends the tries when the next one would come too late; begins with the first turn."""

    def __init__(self, clock: Callable[[], float], after_s: float) -> None:
        self._clock = clock
        self._after_s = after_s
        self._ends: float | None = None

    def left_s(self) -> float:
        now = self._clock()
        if self._ends is None:
            self._ends = now + self._after_s
        return max(0.0, self._ends - now)

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        return self.left_s() <= retry_state.upcoming_sleep


class Requests:
    """Sends requests in their turn. Runs on one event loop."""

    def __init__(
        self,
        http: Connections,
        gate: Gate,
        clock: Callable[[], float],
        *,
        deadline_s: float,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """``sleep`` is what a pause is waited for with."""
        self._http = http
        self._gate = gate
        self._clock = clock
        self._deadline_s = deadline_s
        self._sleep = sleep
        self.tries = 0

    async def post(
        self, url: str, content: bytes, urgency: Urgency, *, measured: bool
    ) -> tuple[bytes, float]:
        """(body of the 200, latency in s). The deadline begins with the first turn. ``measured``:
        the latency is one that the pace may go by.

        Raises `VisionUnavailable`.
        """
        turn = self._gate.turn()
        deadline = _Deadline(self._clock, self._deadline_s)

        async def once() -> tuple[bytes, float]:
            async with self._gate.place(urgency, turn) as place:
                began = self._clock()
                within = min(deadline.left_s(), self._deadline_s * OF_THE_DEADLINE)
                try:
                    body = _content(await self._send("POST", url, content, within))
                except Again as again:
                    if again.busy:
                        self._gate.refused(place)
                    else:
                        self._gate.failed(place, again.why)
                    raise
                except VisionUnavailable:
                    self._gate.answered(place, None)
                    raise
                took = self._clock() - began
                self._gate.answered(place, took if measured else None)
                return body, took

        try:
            return await once()
        except Again as again:
            first: Again | None = again

        async def from_the_first_on() -> tuple[bytes, float]:
            """What the first try came to, then more tries: nearly all questions need but one, and
            the library's machinery costs as much as reading an answer.
            """
            nonlocal first
            if first is not None:
                came_to, first = first, None
                raise came_to
            return await once()

        trying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Again),
            wait=_pause,
            stop=tenacity.stop_after_attempt(TRIES) | deadline,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await trying(from_the_first_on)
        except Again as again:
            raise VisionUnavailable(
                "the vision model's server did not answer",
                f"{again.why} (try {trying.statistics['attempt_number']})",
            ) from again

    async def plain(self, method: str, url: str, content: bytes | None = None) -> bytes | None:
        """The body of a 200, asked for once and out of turn; None where there is no such page.

        Raises `VisionUnavailable`.
        """
        try:
            response = await self._send(method, url, content, min(PAGE_S, self._deadline_s))
            return None if response.status_code in _NOT_THERE else _content(response)
        except Again as again:
            raise VisionUnavailable(
                "the vision model's server did not answer", again.why
            ) from again

    async def _send(
        self, method: str, url: str, content: bytes | None, within_s: float
    ) -> httpx2.Response:
        self.tries += 1
        try:
            async with asyncio.timeout(within_s):
                response = await self._http.send(method, url, content)
        except TimeoutError as error:
            raise Again(f"nothing whole came in {within_s:g} s") from error
        except TooLarge:
            lied(f"it sent more than {MOST_BYTES} bytes")
        except Packed:
            lied("it sent a compressed answer")
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise Again(_words(error)) from error
        except httpx2.InvalidURL as error:
            raise VisionUnavailable("the vision model's address", str(error)) from error
        return response


def _pause(state: tenacity.RetryCallState) -> float:
    """What the server asked for, else ever longer, with full jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Again) and error.pause_s is not None:
        return error.pause_s
    return _JITTER(state)


_JITTER = tenacity.wait_random_exponential(multiplier=FIRST_PAUSE_S, max=LONGEST_PAUSE_S)


def _content(response: httpx2.Response) -> bytes:
    if response.status_code != HTTPStatus.OK:
        raise _refusal(response)
    return response.content


def _refusal(response: httpx2.Response) -> Again | VisionUnavailable:
    status = response.status_code
    why = f"HTTP {status}"
    if words := _said(response.content):
        why += f": {quoted(words)}"
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT} or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in response.headers
    ):
        return Again(why, busy=True, pause_s=_asked_for(response))
    if response.is_server_error:
        return Again(why, pause_s=_asked_for(response))
    if response.is_redirect:
        why += ", a redirect, which is not followed"
    return VisionUnavailable(
        "the vision model's server refused the question", why, _WAYS_OUT.get(status, "")
    )


def _asked_for(response: httpx2.Response) -> float | None:
    """Retry-After in s; a date counts from the date that the same server wrote beside it."""
    text = response.headers.get("retry-after")
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
        return max(0.0, (then - parsedate_to_datetime(response.headers["date"])).total_seconds())
    except (ValueError, KeyError, TypeError):
        return None


def _said(content: bytes) -> str:
    """The words of an error's body, in any of the shapes that servers use."""
    try:
        body = parsed(content)
    except VisionUnavailable:
        return content[:200].decode(errors="replace").strip()
    error = body.get("error", body) if isinstance(body, dict) else body
    said = error.get("message", error.get("detail", "")) if isinstance(error, dict) else error
    return str(said)


def _words(error: Exception) -> str:
    """What happened; some errors of the library come without words."""
    return str(error) or type(error).__name__
