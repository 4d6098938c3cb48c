"""Steps without durability: for commands that run single stages and keep nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from framegate.jobs.engine import Answer


class DirectSteps:
    """`framegate.jobs.Steps` that does each step when it is asked for, and records nothing."""

    def run(self, name: str, work: Callable[[], Answer]) -> Answer:
        """Do it now."""
        del name
        return work()

    def parallel(
        self, name: str, works: Sequence[Callable[[], Answer]], *, at_once: int
    ) -> list[Answer]:
        """Several at a time; the first error is raised once those begun have ended."""
        with ThreadPoolExecutor(max(1, at_once), thread_name_prefix=name) as pool:
            return list(pool.map(lambda work: work(), works))
