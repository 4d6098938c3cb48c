"""Which caption tracks say the same: one programme's CEA-608 and CEA-708. Pure.

Broadcasters send the same captions twice, usually CC1 as service 1, but which channel goes with
which service is said nowhere in the picture. The words tell: a track of which nearly all is said by
another one at the same time is not published beside it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from framegate.domain.captions import Cue

SAME = 0.8  # of a track's words
LITTLE = 0.05  # more of them: spelling, not words that are missing
APART = Fraction(5)  # s between the two: one may be shown whole where the other is typed

_SAMPLES = 2_000  # cues that are compared, spread over the track
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Track:
    cues: Sequence[Cue]  # in order; a service shows one at a time
    starts: tuple[Fraction, ...]
    ends: tuple[Fraction, ...]
    words: tuple[frozenset[str], ...]


def said_twice(found: Mapping[str, Sequence[Cue]]) -> dict[str, str]:
    """Tracks to leave out, each with the one that says the same.

    ``found`` are the channels and services of one picture track, cues in order. A service stays
    rather than a channel: it has both cases and more characters, and receivers prefer it. A channel
    stays where it says more than the service, which then came damaged.
    """
    tracks = {name: _track(cues) for name, cues in found.items() if cues}
    services = [name for name in tracks if not _is_channel(name)]
    left_out: dict[str, str] = {}
    for channel in (name for name in tracks if _is_channel(name)):
        for service in services:
            if service in left_out:
                continue
            in_service = _share(tracks[channel], tracks[service])
            in_channel = _share(tracks[service], tracks[channel])
            if max(in_service, in_channel) < SAME:
                continue
            if in_service < in_channel - LITTLE:
                left_out[service] = channel
                continue
            left_out[channel] = service
            break
    return left_out


def _is_channel(name: str) -> bool:
    return name.startswith("CC")


def _track(cues: Sequence[Cue]) -> _Track:
    return _Track(
        cues,
        starts=tuple(cue.start for cue in cues),
        ends=tuple(cue.end for cue in cues),
        words=tuple(_words(cue.text) for cue in cues),
    )


def _words(text: str) -> frozenset[str]:
    """In one case; of a text without words, its signs."""
    return frozenset(_WORD.findall(text.casefold())) or frozenset(text.split())


def _share(one: _Track, other: _Track) -> float:
    """Of the first track's words, those that the other one says at the same time."""
    said = total = 0
    for index in range(0, len(one.cues), -(-len(one.cues) // _SAMPLES)):
        total += len(one.words[index])
        heard = one.words[index]
        missing = heard.difference(*_around(one.cues[index], other))
        said += len(heard) - len(missing)
    return said / total if total else 0.0


def _around(cue: Cue, other: _Track) -> Sequence[frozenset[str]]:
    first = bisect_left(other.ends, cue.start - APART)
    return other.words[first : bisect_right(other.starts, cue.end + APART)]
