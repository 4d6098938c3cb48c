"""A progress display that nobody watches."""

from __future__ import annotations


class Silent:
    """A `framegate.stages.base.Progress` that says nothing; tests override what they wait for."""

    def start(self, stage: str, total: float | None, unit: str) -> None:
        """Say nothing."""

    def advance(self, stage: str, done: float) -> None:
        """Say nothing."""

    def end(self, stage: str, note: str = "") -> None:
        """Say nothing."""
