"""The taxonomy: every label with its meaning in plain words. Pure.

The data lies in ``policies/taxonomy.toml`` and is a constant of this package, as good as code:
`shipped` reads it once. docs/reference/taxonomy.md is made from it.
"""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from framegate.domain import labels as dotted
from framegate.domain.dsa import Category, Keyword
from framegate.errors import Internal

type Place = Literal["picture", "text", "speech", "list", "creator"]
type Vendor = Literal["aws", "google", "azure", "openai", "llama-guard"]
type Line = Annotated[str, Field(min_length=3, max_length=100)]


@dataclass(frozen=True, slots=True)
class Label:
    """One label. ``definition`` can be answered with yes or no; ``also`` names what others call
    about the same thing (their borders and scores differ).
    """

    id: str
    title: str
    definition: str
    meant: tuple[str, ...]
    not_meant: tuple[str, ...]
    seen_in: tuple[str, ...]  # picture, text, speech, list, creator
    severities: tuple[str, ...] = ()  # words, mildest first
    dsa: str = ""  # category of the DSA Transparency Database; "" for what is never an offence
    dsa_keywords: tuple[str, ...] = ()
    also: tuple[tuple[str, tuple[str, ...]], ...] = ()  # vendor, its names
    own: bool = False  # hash lists may bring children of their own
    informative: bool = False  # tells what is there, never that it is wrong
    formerly: tuple[str, ...] = ()

    @property
    def parent(self) -> str:
        """The label above, or nothing."""
        return self.id.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Labels in the file's order: a parent, then its children. ``sha256`` is over the bytes."""

    version: str
    sha256: str
    labels: tuple[Label, ...]

    def get(self, label: str) -> Label | None:
        """The label itself, or else the nearest parent that takes children from hash lists."""
        found = next((one for one in self.labels if one.id == label), None)
        if found is not None or "." not in label:
            return found
        above = self.get(label.rpartition(".")[0])
        return above if above is not None and above.own else None

    def top(self, place: str | None = None) -> tuple[Label, ...]:
        """Labels of the first level; with ``place`` those of which evidence may lie there."""
        return tuple(
            one
            for one in self.labels
            if "." not in one.id and (place is None or place in one.seen_in)
        )

    def below(self, label: str) -> tuple[Label, ...]:
        """All that a label covers, without itself."""
        return tuple(one for one in self.labels if one.id != label and dotted.covers(label, one.id))

    def nearest(self, label: str) -> str:
        """The label that was probably meant, or nothing."""
        for one in self.labels:
            if label in one.formerly:
                return one.id
        known = [one.id for one in self.labels]
        last = {one.rpartition(".")[2]: one for one in reversed(known)}
        close = difflib.get_close_matches(label, known, n=1, cutoff=0.6)
        if not close:
            close = [
                last[word]
                for word in difflib.get_close_matches(label.rpartition(".")[2], last, n=1)
            ]
        return close[0] if close else ""


class LabelEntry(BaseModel):
    """One [[labels]] table."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="label")

    id: Annotated[str, Field(pattern=f"^{dotted.PATTERN}$")]
    title: Line
    definition: Annotated[str, Field(min_length=10, max_length=160)]
    meant: Annotated[tuple[Line, ...], Field(min_length=1)]
    not_meant: Annotated[tuple[Line, ...], Field(min_length=1)]
    seen_in: tuple[Place, ...] = ()
    severities: tuple[Line, ...] = ()
    dsa: Category | Literal[""] = ""
    dsa_keywords: tuple[Keyword, ...] = ()
    also: dict[Vendor, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    own: bool = False
    informative: bool = False
    formerly: tuple[str, ...] = ()


class TaxonomyFile(BaseModel):
    """framegate's taxonomy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1]
    version: Annotated[str, Field(min_length=1, max_length=40)]
    labels: Annotated[tuple[LabelEntry, ...], Field(min_length=1, max_length=500)]


def load_taxonomy(data: bytes) -> Taxonomy:
    """Check and read a taxonomy. Raises `Internal`: the file is part of framegate."""
    try:
        file = TaxonomyFile.model_validate(tomllib.loads(data.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Internal("the taxonomy cannot be read", str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Internal("the taxonomy cannot be read", f"{place}: {first['msg']}") from error
    return Taxonomy(file.version, hashlib.sha256(data).hexdigest(), tuple(_resolved(file.labels)))


@cache
def shipped() -> Taxonomy:
    """The one that ships."""
    return load_taxonomy(files("framegate").joinpath("policies", "taxonomy.toml").read_bytes())


def _resolved(entries: Iterable[LabelEntry]) -> Iterable[Label]:
    """Each label with what it takes from its parent, which stands before it."""
    known: dict[str, Label] = {}
    for entry in entries:
        above = known.get(entry.id.rpartition(".")[0])
        if entry.id in known or (above is None and "." in entry.id):
            what = "twice" if entry.id in known else "before its parent"
            raise Internal("the taxonomy cannot be read", f"{entry.id} stands {what}")
        plain = entry.informative
        label = Label(
            id=entry.id,
            title=entry.title,
            definition=entry.definition,
            meant=entry.meant,
            not_meant=entry.not_meant,
            seen_in=entry.seen_in or (above.seen_in if above else ()),
            severities=entry.severities,
            dsa=entry.dsa or (above.dsa if above and not plain else ""),
            # keywords belong to a category: another category takes none of the parent's
            dsa_keywords=entry.dsa_keywords
            or (above.dsa_keywords if above and not plain and not entry.dsa else ()),
            also=tuple(sorted(entry.also.items())),
            own=entry.own,
            informative=plain,
            formerly=entry.formerly,
        )
        if not label.seen_in or bool(label.dsa) == plain:
            raise Internal("the taxonomy cannot be read", f"{entry.id} lacks seen_in or dsa")
        known[entry.id] = label
        yield label
