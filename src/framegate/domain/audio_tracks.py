"""Which audio tracks of a source count, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from framegate.domain.media import AudioFacts, MediaFacts
from framegate.domain.sound import AudioPurpose, HeardTrack

MOST_TRACKS = 16
"""Audio tracks that are listened to, and so published: each costs a whole look."""


def in_order(tracks: Iterable[AudioFacts]) -> tuple[AudioFacts, ...]:
    """The track that plays when nobody chooses, then the others as they lie in the source.

    That is the first that the source calls default and that is the programme itself; some
    containers call every track default.
    """
    listed = tuple(tracks)
    main = [track for track in listed if track.purpose is AudioPurpose.MAIN] or list(listed)
    first = next((track for track in main if track.default), next(iter(main), None))
    return tuple(sorted(listed, key=lambda track: track is not first))


def only_screened(facts: MediaFacts, heard: Sequence[HeardTrack]) -> MediaFacts:
    """``facts`` with those audio tracks alone that may be published."""
    screened = {track.index for track in heard if track.screened}
    return replace(facts, audio=tuple(t for t in facts.audio if t.index in screened))
