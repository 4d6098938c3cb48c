"""Counts of one process's use of a cache."""

from __future__ import annotations

from threading import Lock

from framegate.domain.remembered import CacheStats


class Tally:
    """Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts = dict.fromkeys(("hits", "misses", "stored", "evicted", "expired"), 0)

    def add(self, name: str, count: int = 1) -> None:
        """One of hits, misses, stored, evicted, expired."""
        with self._lock:
            self._counts[name] += count

    def stats(self, *, entries: int, most_entries: int) -> CacheStats:
        """With what only the store knows."""
        with self._lock:
            return CacheStats(entries=entries, most_entries=most_entries, **self._counts)
