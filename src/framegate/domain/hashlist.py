"""Lists of known pictures and files, and how near a picture is to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framegate.domain.labels import CHILD_SAFETY, covers

PDQ_BITS = 256
_PDQ_DIGITS = 64
_SHA256_DIGITS = 64
_HEX = frozenset("0123456789abcdef")

DEFAULT_DISTANCE = 31  # bits; PDQ's authors' threshold for "same picture", re-encodes included
MIN_QUALITY = 50  # of 100; below it PDQ is unreliable (its authors advise against matching)


def is_digest(text: str) -> bool:
    """Whether ``text`` is 64 lower-case hexadecimal digits: a PDQ hash or a SHA-256."""
    return len(text) == _PDQ_DIGITS == _SHA256_DIGITS and _HEX.issuperset(text)


@dataclass(frozen=True, slots=True)
class HashList:
    """Known pictures (PDQ) and files (SHA-256), all of one label; digests are 64 hex digits.

    ``child_safety`` keeps matches apart: never shown, never in a report, always escalated.
    """

    name: str
    label: str
    pdq: tuple[str, ...] = ()
    sha256: frozenset[str] = frozenset()
    child_safety: bool = False

    def __post_init__(self) -> None:
        """Refuse digests of another shape: a typing error must not become a silent miss."""
        for digest in (*self.pdq, *self.sha256):
            if not is_digest(digest):
                raise ValueError(f"not 64 hexadecimal digits in list {self.name}: {digest[:70]!r}")

    @property
    def reported_label(self) -> str:
        """What a match is called. A child-safety list whose label does not say so is called
        ``child-safety``: whoever hides such pictures goes by the label.
        """
        named = covers(CHILD_SAFETY, self.label)
        return self.label if named or not self.child_safety else CHILD_SAFETY


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest entry of one list. ``distance`` in bits, 0 for the same hash."""

    list_name: str
    label: str
    child_safety: bool
    entry: str
    distance: int

    @property
    def likeness(self) -> float:
        """1.0 for the same hash, falling by 1/256 for each bit that differs."""
        return 1.0 - self.distance / PDQ_BITS


def pack(digest: str) -> NDArray[np.uint8]:
    """64 hex digits as (32,) bytes."""
    return np.frombuffer(bytes.fromhex(digest), np.uint8)


def distance(first: str, second: str) -> int:
    """Bits that differ between two PDQ hashes, 0..256."""
    return int(np.bitwise_count(pack(first) ^ pack(second)).sum())


class Index:
    """Hash lists made ready for comparing: one pass over all entries for each picture."""

    def __init__(self, lists: Sequence[HashList]) -> None:
        self._lists = tuple(lists)
        self._tables = tuple(
            np.frombuffer(bytes.fromhex("".join(known.pdq)), np.uint8).reshape(-1, PDQ_BITS // 8)
            for known in self._lists
        )

    def match(self, digest: str, within: int = DEFAULT_DISTANCE) -> tuple[Match, ...]:
        """The nearest entry of each list that is at most ``within`` bits away."""
        probe = pack(digest)
        found: list[Match] = []
        for known, table in zip(self._lists, self._tables, strict=True):
            if not len(table):
                continue
            distances = np.bitwise_count(table ^ probe).sum(axis=1, dtype=np.int64)
            nearest = int(distances.argmin())
            bits = int(distances[nearest])
            if bits <= within:
                entry = known.pdq[nearest]
                label = known.reported_label
                found.append(Match(known.name, label, known.child_safety, entry, bits))
        return tuple(found)

    def match_file(self, sha256: str) -> tuple[Match, ...]:
        """The lists that hold this very file."""
        return tuple(
            Match(known.name, known.reported_label, known.child_safety, sha256, 0)
            for known in self._lists
            if sha256 in known.sha256
        )
