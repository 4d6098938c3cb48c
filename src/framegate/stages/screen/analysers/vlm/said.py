"""What a vision-language model said of one frame. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

CLEAR = 0.10
"""Risk, 1 - P(none), under which triage is clear: nothing more is asked about the frame."""

RISKY = 0.50
"""P(yes) from which a remembered frame counts as risky."""


@dataclass(frozen=True, slots=True)
class Said:
    """``risk`` is 1 - P(none); ``yes`` has P(yes) of each label that was asked about alone, which
    is all that may decide; ``letters`` only ranks. ``order`` is the order of letters.
    """

    risk: float
    order: int
    letters: Mapping[str, float] = field(default_factory=dict)  # label -> probability
    yes: Mapping[str, float] = field(default_factory=dict)  # label -> P(yes)

    @property
    def clean(self) -> bool:
        """Nothing was found: triage was clear, or no label was likelier than not."""
        return self.risk < CLEAR or max(self.yes.values(), default=0.0) < RISKY


def dumped(said: Said) -> str:
    """As text for the cache."""
    return json.dumps(
        {
            "risk": round(said.risk, 6),
            "order": said.order,
            "letters": {label: round(value, 6) for label, value in said.letters.items()},
            "yes": {label: round(value, 6) for label, value in said.yes.items()},
        },
        separators=(",", ":"),
        sort_keys=True,
    )


def loaded(text: str) -> Said | None:
    """What `dumped` wrote; None for anything else: a cache may be shared with who knows whom."""
    try:
        value = json.loads(text)
        said = Said(
            risk=float(value["risk"]),
            order=int(value["order"]),
            letters={str(label): float(part) for label, part in value["letters"].items()},
            yes={str(label): float(part) for label, part in value["yes"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    numbers = (said.risk, *said.letters.values(), *said.yes.values())
    return said if all(math.isfinite(one) and 0 <= one <= 1 for one in numbers) else None
