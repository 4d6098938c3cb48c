"""What the sandbox says about itself: protections of this machine, use of its children."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capability:
    """One protection and whether a child here gets it; ``detail`` says why not."""

    name: str
    available: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What all children so far have used."""

    calls: int
    cpu_s: float
    peak_bytes: int  # resident, of the largest
