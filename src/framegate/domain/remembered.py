"""What is remembered of pictures that were judged before, and how near a picture is to them. Pure.

A **scope** is everything that the judgement hung on (profile, prompt, letters, preprocessing): what
was said under another scope is no answer. Within a scope, pictures are known by their PDQ hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from framegate.domain.hashlist import PDQ_BITS, is_digest

BANDS = 16
BAND_BITS = PDQ_BITS // BANDS
FARTHEST = 2 * BANDS - 1
"""Bits. Of two hashes that differ in no more, at least one band of `BAND_BITS` differs in one bit
or none (pigeonhole): looking bands and their neighbours up finds every one of them (multi-index
hashing; Norouzi, Punjani and Fleet, 2012)."""

MOST_VALUE_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class Remembered:
    """``value`` is text of whoever judged (JSON), at most `MOST_VALUE_BYTES` of UTF-8."""

    pdq: str  # 64 hex digits
    value: str
    at: datetime

    def __post_init__(self) -> None:
        """Refuse what could not be found or kept again."""
        if not is_digest(self.pdq):
            raise ValueError(f"not a PDQ hash: {self.pdq[:70]!r}")
        if len(self.value.encode()) > MOST_VALUE_BYTES:
            raise ValueError(f"a value of more than {MOST_VALUE_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class Hit:
    """A remembered picture near the one asked for; ``distance`` in bits, 0 for the same hash."""

    distance: int
    remembered: Remembered


@dataclass(frozen=True, slots=True)
class CacheStats:
    """``entries`` over all scopes; the counts are this process's own, since it opened the cache."""

    entries: int
    most_entries: int
    hits: int
    misses: int
    stored: int
    evicted: int
    expired: int


def scope_of(*parts: str) -> str:
    """One name, 32 hex digits, for everything that a judgement hangs on."""
    text = "\0".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def probes(pdq: str, within: int) -> tuple[str, ...]:
    """The bands under which every hash within so many bits of this one can be found."""
    if not 0 <= within <= FARTHEST:
        raise ValueError(f"within {within}: 0 to {FARTHEST} bits can be searched")
    own = bands(pdq)
    if within < BANDS:
        return own
    digits = BAND_BITS // 4
    return own + tuple(
        f"{band[:-digits]}{int(band[-digits:], 16) ^ 1 << bit:0{digits}x}"
        for band in own
        for bit in range(BAND_BITS)
    )


def bands(pdq: str) -> tuple[str, ...]:
    """The `BANDS` parts of a hash, each ``n:hhhh`` with its place."""
    digits = BAND_BITS // 4
    return tuple(f"{place}:{pdq[place * digits : (place + 1) * digits]}" for place in range(BANDS))
