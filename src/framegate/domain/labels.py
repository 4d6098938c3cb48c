"""Labels: dotted words of a taxonomy, up to three levels; one covers all that begin with it. Pure.

``sexual`` covers ``sexual.explicit``, which covers ``sexual.explicit.nudity``.
"""

from __future__ import annotations

PATTERN = r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*){0,2}"
"""Regular expression that a whole label matches."""

CHILD_SAFETY = "child-safety"
"""What it covers is never shown, never in a report, always escalated."""


def covers(label: str, other: str) -> bool:
    """Whether ``label`` is ``other`` or one of its parents."""
    return other == label or other.startswith(f"{label}.")
