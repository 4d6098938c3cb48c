"""A stretch of presentation time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Span:
    """Presentation seconds from the video's first frame; a still has start == end."""

    start: Fraction
    end: Fraction
