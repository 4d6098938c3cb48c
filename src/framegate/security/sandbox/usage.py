"""What the children of a sandbox have used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What all children so far have used."""

    calls: int
    cpu_s: float
    peak_bytes: int  # resident, of the largest
