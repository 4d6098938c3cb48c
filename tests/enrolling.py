"""Consents and templates for tests of creators, and where a secret's bytes still lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from framegate.domain.creator import (
    Consent,
    Template,
)

QUICK = {"screen": {"text": False, "speech": False}, "encode": {"vmaf": "off", "ladder": "fixed"}}
DAY = timedelta(days=1)


def template(seed: int = 1) -> Template:
    return Template(np.random.default_rng(seed).normal(size=128).astype(np.float32))


def consent(days: int = 30) -> Consent:
    now = datetime.now(UTC)
    return Consent("Ann Example", now - DAY, "form 12, signed", "uploads", now + days * DAY)


def holders(folder: Path, secret: bytes) -> set[str]:
    """Names of files below that hold any eighth of these bytes."""
    parts = [secret[at : at + len(secret) // 8] for at in range(0, len(secret), len(secret) // 8)]
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(part in path.read_bytes() for part in parts)
    }
