"""The circuit breaker: a server that does not answer is left alone for a while.

    closed ──N failures in a row──► resting ──rest over──► trying ──answer──► closed
                                       ▲                      │
                                       └──────failure─────────┘  (from now on: down)

While it rests for the first time, whoever asks may wait: the server may only have been restarted.
When the one try after the rest fails too, it is *down*, and whoever asks is refused at once until a
later try succeeds. Pure: the time is passed in.
"""

from __future__ import annotations

from enum import StrEnum

FAILURES = 5  # in a row
REST_S = 5.0


class Circuit(StrEnum):
    """What a request may do now."""

    CLOSED = "closed"  # go
    TRYING = "trying"  # wait: one is on its way to find out
    RESTING = "resting"  # wait for the end of the rest
    DUE = "due"  # go, alone


class Breaker:
    """Not safe for threads."""

    def __init__(self, *, failures: int = FAILURES, rest_s: float = REST_S) -> None:
        self._most = failures
        self._rest_s = rest_s
        self._failures = 0
        self._rested_at: float | None = None  # when the rest is over; None: closed
        self._trying = False
        self._down = False

    @property
    def down(self) -> bool:
        """Whether a try after a rest failed, and none succeeded since."""
        return self._down

    @property
    def failures(self) -> int:
        """In a row, until now."""
        return self._failures

    def circuit(self, now: float) -> Circuit:
        """What a request may do at this time."""
        if self._rested_at is None:
            return Circuit.CLOSED
        if self._trying:
            return Circuit.TRYING
        return Circuit.DUE if now >= self._rested_at else Circuit.RESTING

    def left_s(self, now: float) -> float:
        """Of the rest."""
        return max(0.0, (self._rested_at or now) - now)

    def begin(self, now: float) -> bool:
        """A request goes out; the first after a rest is the try, and the answer is then True."""
        trial = self.circuit(now) is Circuit.DUE
        self._trying |= trial
        return trial

    def succeeded(self) -> None:
        """The server answered, whatever it said."""
        self._failures = 0
        self._rested_at = None
        self._trying = self._down = False

    def failed(self, now: float, *, trial: bool) -> None:
        """The server was not reached, broke off, took too long or said that it is broken."""
        self._failures += 1
        if trial:
            self._trying = False
            self._down = True
        elif self._rested_at is not None or self._failures < self._most:
            return  # one that was sent before the rest began; or not enough of them
        self._rested_at = now + self._rest_s

    def abandoned(self, *, trial: bool) -> None:
        """A request was given up by the one who asked: it says nothing."""
        if trial:
            self._trying = False
