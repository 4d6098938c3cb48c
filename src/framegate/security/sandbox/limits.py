"""What a sandboxed child may use."""

from __future__ import annotations

from dataclasses import dataclass

CANNOT_START = 127  # exit code of a program that could not be started, as shells say it


@dataclass(frozen=True, slots=True)
class Limits:
    """Per child. ``memory_bytes`` is private writable memory beyond what the fork server has;
    ``cpu_s`` counts all threads; ``file_bytes`` caps any one file the child writes (0: none may be
    written). ``wall_s`` and ``silence_s`` (how long a task may report nothing) count only while
    the host waits for the child, not while the caller's own callbacks run.
    """

    memory_bytes: int = 2 << 30
    cpu_s: int = 3600
    wall_s: float = 3600.0
    file_bytes: int = 0
    silence_s: float = 120.0
    threads: int = 256


BRIEF = Limits(memory_bytes=1 << 30, cpu_s=60, wall_s=60.0, silence_s=60.0)
"""For a question that takes a moment and touches no hostile byte."""


@dataclass(frozen=True, slots=True)
class RingSpec:
    """A frame ring: ``slots`` buffers of ``slot_bytes`` each, in one sealed anonymous memfd."""

    slots: int
    slot_bytes: int
