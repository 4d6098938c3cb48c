"""What a benchmark answers: rows of target and measured value, and details for the JSON file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One number. A target is a ceiling (``at_most``) or a floor (``at_least``), or neither."""

    what: str
    measured: float
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""

    @property
    def target(self) -> str:
        """As a table says it."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}{self.unit}"
        return f"≥ {self.at_least:g}{self.unit}" if self.at_least is not None else ""

    @property
    def passed(self) -> bool | None:
        """None without a target. What is compared is what the table shows: three decimals."""
        value = round(self.measured, 3)
        if self.at_most is not None:
            return value <= self.at_most
        return value >= self.at_least if self.at_least is not None else None


@dataclass(frozen=True, slots=True)
class Answer:
    """One benchmark's rows, and all that was measured for them."""

    name: str
    rows: tuple[Row, ...]
    details: dict[str, Any] = field(default_factory=dict)
