"""The verdict cache: what was said of a picture is found again for the same or a near one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from framegate.domain.remembered import CacheStats, Hit, Remembered


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept: the least recently used goes first, and what is older than ``ttl``."""

    most_entries: int
    ttl: timedelta

    def __post_init__(self) -> None:
        """Raise ValueError on a cache that could hold nothing."""
        if self.most_entries < 1 or self.ttl <= timedelta(0):
            raise ValueError(f"a cache without room: {self}")


class VerdictCache(Protocol):
    """Safe for threads and processes. Every method raises `CacheUnavailable` where the store
    cannot be reached: whoever asks then goes on as if nothing were known, and says so.
    """

    def near(self, scope: str, pdq: str, within: int) -> tuple[Hit, ...]:
        """All of ``scope`` within so many bits (0 to `FARTHEST`), nearest first, none expired."""

    def put(self, scope: str, entry: Remembered) -> None:
        """Keep an entry; one of the same hash is replaced."""

    def forget(self, scope: str) -> int:
        """Drop a scope whole (its model was wrong); how many entries went."""

    def stats(self) -> CacheStats:
        """For metrics and reports."""

    def close(self) -> None:
        """Let go of the store; entries stay."""
