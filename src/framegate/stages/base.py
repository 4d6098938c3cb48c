"""What every stage is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from framegate.security.sandbox.host import MediaSandbox


class Progress(Protocol):
    """Where a stage tells how far it is. Calls come from any thread and must not block."""

    def start(self, stage: str, total: float | None, unit: str) -> None:
        """``total`` in ``unit`` ("s", "frames", "bytes", "files"); None when not known."""

    def advance(self, stage: str, done: float) -> None:
        """``done`` so far, in the unit of `start` (absolute, not a step)."""

    def end(self, stage: str, note: str = "") -> None:
        """The stage is over; ``note`` is a few words for the display ("12 shots")."""


class Clock(Protocol):
    """The time of day, aware UTC."""

    def __call__(self) -> datetime:
        """Now."""


@dataclass(frozen=True, slots=True)
class StageContext:
    """``work`` is the asset's own work folder (exists, private, same file system as itself)."""

    sandbox: MediaSandbox
    work: Path
    progress: Progress
    clock: Clock
