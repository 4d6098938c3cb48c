"""How many requests a server is given at once: AIMD on the 95th percentile of its latency.

    limit doubles ──► first breach ──► falls by a quarter ──► grows by one ──► …

A decision is made on the latencies of one epoch: the answers to requests that were sent under the
limit in force. What was sent before a change says nothing about the change. Only answers of one
token are measured: a long answer takes longer by nature, and what it costs the server is felt in
the short ones beside it. Pure: no clock.
"""

from __future__ import annotations

import math

FIRST = 4  # in flight, before anything is known
SAMPLES = 20  # fewest latencies that a decision is made on: one in 20 may be an outlier
ROOM = 0.9  # of the bound, under which the limit grows; up to the bound it stays
FALL = 0.75
CRASH = 0.5  # after a refusal or a timeout
SHARE = 0.95


class Pace:
    """The limit. Not safe for threads."""

    def __init__(self, *, bound_s: float, most: int) -> None:
        """``bound_s`` is what the 95th percentile is to stay under, ``most`` the highest limit."""
        self._bound_s = bound_s
        self._most = most
        self._limit = float(min(FIRST, most))
        self._probing = True
        self._epoch = 0
        self._latencies: list[float] = []
        self._full = False
        self._p95_s: float | None = None

    @property
    def limit(self) -> int:
        """Requests that may be in flight now, at least 1."""
        return int(self._limit)

    @property
    def p95_s(self) -> float | None:
        """Of the last epoch that was decided on."""
        return self._p95_s

    def sent(self, in_flight: int) -> int:
        """One more is under way, ``in_flight`` of them now; answers the epoch it belongs to."""
        self._full |= in_flight >= self.limit
        return self._epoch

    def answered(self, epoch: int, latency_s: float) -> None:
        """A one-token answer arrived after so long."""
        if epoch != self._epoch:
            return
        self._latencies.append(latency_s)
        if len(self._latencies) >= max(SAMPLES, 2 * self.limit):
            self._decide()

    def refused(self, epoch: int) -> None:
        """The server said that it is too busy, or did not answer in time."""
        if epoch == self._epoch:
            self._set(self._limit * CRASH)

    def _decide(self) -> None:
        self._p95_s = percentile(self._latencies, SHARE)
        if self._p95_s > self._bound_s:
            self._set(self._limit * FALL)
        elif self._p95_s <= self._bound_s * ROOM and self._full:
            probing = self._probing
            self._set(self._limit * 2 if probing else self._limit + 1)
            self._probing = probing
        else:
            self._begin()

    def _set(self, limit: float) -> None:
        """Another limit; whatever it is, the doubling is over."""
        self._limit = min(max(1.0, limit), float(self._most))
        self._probing = False
        self._begin()

    def _begin(self) -> None:
        self._epoch += 1
        self._latencies = []
        self._full = False


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least ``share`` of them do not exceed (nearest rank)."""
    return sorted(values)[max(1, math.ceil(len(values) * share)) - 1]
