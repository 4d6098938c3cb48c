"""The words of the questions, and which letter stands for which label. Pure.

An order of letters is one of a few fixed permutations: a model that likes a letter, or the first
line of a list, would otherwise favour one label everywhere. Which order a frame gets follows from
its hash, so the same frame is always asked the same way.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ORDERS = 4
YES, NO = "yes", "no"
SEVERITIES = ("none", "low", "medium", "high")
TAGS, TAG_LENGTH, DESCRIPTION_LENGTH = 8, 32, 240
DEFECTS = (
    "blur",
    "blocking",
    "noise",
    "underexposed",
    "overexposed",
    "interlacing",
    "watermark",
    "black-bars",
    "frozen",
    "none",
)
# IAB Tech Lab Content Taxonomy 3.1, tier 1
CATEGORIES = (
    "Attractions",
    "Automotive",
    "Books and Literature",
    "Business and Finance",
    "Careers",
    "Communication",
    "Crime",
    "Disasters",
    "Education",
    "Entertainment",
    "Events",
    "Family and Relationships",
    "Fine Art",
    "Food & Drink",
    "Genres",
    "Healthy Living",
    "Hobbies & Interests",
    "Holidays",
    "Home & Garden",
    "Law",
    "Medical Health",
    "Personal Celebrations & Life Events",
    "Personal Finance",
    "Pets",
    "Politics",
    "Pop Culture",
    "Real Estate",
    "Religion & Spirituality",
    "Science",
    "Shopping",
    "Sports",
    "Style & Fashion",
    "Technology & Computing",
    "Travel",
    "Video Gaming",
    "War and Conflicts",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A label that the model is asked about; those of the top level have a letter each."""

    label: str
    name: str
    definition: str
    below: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """One order of letters: ``letters`` name the labels, ``none`` is the one for none of them."""

    number: int
    system: str
    letters: Mapping[str, str]  # letter -> label
    none: str

    @property
    def options(self) -> tuple[str, ...]:
        """Every letter that may be answered, in the order of the alphabet."""
        return tuple(sorted((*self.letters, self.none)))


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of the words, with the labels put in."""

    version: str
    labels: tuple[Asked, ...]
    orders: tuple[Order, ...]
    triage: str
    yes_no: str
    detail: str
    digest: str = field(repr=False)  # SHA-256 of the words and labels: what answers are keyed to

    def order(self, pdq: str) -> Order:
        """The order for a frame of this perceptual hash (64 hex digits)."""
        return self.orders[hashlib.sha256(pdq.encode()).digest()[0] % len(self.orders)]

    def about(self, asked: Asked) -> str:
        """The yes/no question on one label."""
        return self.yes_no.format(name=asked.name, definition=asked.definition)

    def below(self, label: str) -> Asked:
        """A label under one of the top level; KeyError for any other."""
        known = {each.label: each for asked in self.labels for each in asked.below}
        return known[label]

    def detail_schema(self, labels: Sequence[str]) -> dict[str, Any]:
        """JSON schema of the detailed answer, severities of ``labels`` first: they are scored by
        their tokens, and nothing written before may lean on them.
        """
        words = {"type": "string", "maxLength": TAG_LENGTH}
        seen = {label: {"type": "string", "enum": list(SEVERITIES)} for label in labels}
        shown = {
            "type": "object",
            "properties": seen,
            "required": list(seen),
            "additionalProperties": False,
        }
        parts: dict[str, Any] = {"seen": shown} if seen else {}
        parts |= {
            "tags": {"type": "array", "items": words, "maxItems": TAGS},
            "category": {"type": "string", "enum": list(CATEGORIES)},
            "description": {"type": "string", "maxLength": DESCRIPTION_LENGTH},
            "defects": {
                "type": "array",
                "items": {"type": "string", "enum": list(DEFECTS)},
                "maxItems": 3,
            },
        }
        return {
            "type": "object",
            "properties": parts,
            "required": list(parts),
            "additionalProperties": False,
        }


def load_prompt(data: bytes, labels: Sequence[Asked]) -> Prompt:
    """The prompt of a file's bytes for these labels.

    Raises ValueError where the file is no prompt, or there are more labels than letters.
    """
    said = tomllib.loads(data.decode())
    if said.get("schema_version") != 1:
        raise ValueError("a prompt of another schema version")
    if not 1 <= len(labels) < len(LETTERS):
        raise ValueError(f"{len(labels)} labels cannot have a letter each")
    texts = {name: str(said[name]).strip() for name in ("system", "triage", "yes_no", "detail")}
    digest = hashlib.sha256(data)
    for asked in (each for top in labels for each in (top, *top.below)):
        digest.update(repr((asked.label, asked.name, asked.definition)).encode())
    return Prompt(
        version=str(said["version"]),
        labels=tuple(labels),
        orders=tuple(_order(number, texts["system"], labels) for number in range(ORDERS)),
        triage=texts["triage"],
        yes_no=texts["yes_no"],
        detail=texts["detail"],
        digest=digest.hexdigest(),
    )


def _order(number: int, system: str, labels: Sequence[Asked]) -> Order:
    """Fixed for a number of labels: steps of different lengths around a circle, from different
    starts, so that each label has another letter and other neighbours.
    """
    count = len(labels) + 1
    steps = [step for step in range(1, 2 * ORDERS * count) if math.gcd(step, count) == 1]
    start = number * count // ORDERS
    places = [(start + place * steps[number]) % count for place in range(count)]
    letters: dict[str, str] = {}
    none = ""
    lines = []
    for letter, place in zip(LETTERS, places, strict=False):
        if place == len(labels):
            none = letter
            continue
        asked = labels[place]
        letters[letter] = asked.label
        lines.append(f"{letter}: {asked.name}. {asked.definition}")
    text = system.format(labels="\n".join(lines), none=none)
    return Order(number, text, letters, none)
