"""What a sandboxed child may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Per child. Memory is address space beyond what the fork server already maps, bytes;
    ``cpu_s`` counts all threads; ``wall_s`` is kept by the parent; ``file_bytes`` caps any one
    file the child writes; ``silence_s`` kills a child that reports nothing for so long.
    """

    memory_bytes: int = 2 << 30
    cpu_s: int = 3600
    wall_s: float = 3600.0
    file_bytes: int = 0
    silence_s: float = 120.0
    threads: int = 256


@dataclass(frozen=True, slots=True)
class RingSpec:
    """A frame ring: ``slots`` buffers of ``slot_bytes`` each, in one sealed anonymous memfd."""

    slots: int
    slot_bytes: int
