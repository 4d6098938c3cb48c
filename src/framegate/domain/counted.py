"""A number and its noun, one or many. Pure."""

from __future__ import annotations


def noun(number: int, one: str, many: str = "") -> str:
    """``shot`` for one, ``shots`` for any other number; ``many`` where an s is not enough."""
    return one if number == 1 else many or f"{one}s"


def counted(number: int, one: str, many: str = "") -> str:
    """``1 shot``, ``2 shots``, ``0 files``."""
    return f"{number} {noun(number, one, many)}"
