"""What viewers choose a track from: one short name each, that no other track has. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from framegate.domain.languages import english_name

LONGEST = 60
_JOINERS = "\u200c\u200d"  # some scripts cannot be written without


def track_labels(
    tracks: Sequence[tuple[str | None, str | None]], kind: str, roles: Sequence[str] = ()
) -> tuple[str, ...]:
    """A name for each track, given as (language tag, title). ``roles``: what each is for, "" for
    the programme itself; none for tracks that have none.

    The language in English, with the role; its title instead where several with that role have
    that language; the title alone where there is no language; else "Audio 1" (``kind`` and a
    number). What is still the same is numbered.
    """
    spoken = [english_name(language) for language, _title in tracks]
    purposes = roles or [""] * len(tracks)
    often = Counter(zip(spoken, purposes, strict=True))
    wanted: list[str] = []
    for number, ((_tag, said), language, role) in enumerate(
        zip(tracks, spoken, purposes, strict=True), 1
    ):
        title = one_line(said or "")
        if language and title and often[language, role] > 1 and title != language:
            wanted.append(f"{language} ({title})")
        elif language or not title:
            base = language or f"{kind} {number}"
            wanted.append(f"{base} ({role})" if role else base)
        else:
            wanted.append(title)
    return unique(wanted)


def unique(wanted: Sequence[str], joiner: str = " ") -> tuple[str, ...]:
    """The same names, numbered where one was taken."""
    taken: set[str] = set()
    free: list[str] = []
    for name in wanted:
        number, found = 1, name
        while found in taken:
            number += 1
            found = f"{name}{joiner}{number}"
        taken.add(found)
        free.append(found)
    return tuple(free)


def one_line(title: str) -> str:
    """A stranger's title as one short line that fits a quoted string of HLS and XML."""
    kept = "".join(
        c if unicodedata.category(c)[0] not in "CZ" or c in _JOINERS else " " for c in title
    )
    words = " ".join(kept.replace('"', "'").split())
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1].rstrip()}…"
