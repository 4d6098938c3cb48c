"""Which audio tracks the package has, and what viewers find them under. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from framegate.domain.ladder import AudioRendition, EncodeOptions
from framegate.domain.languages import english_name
from framegate.domain.media import AudioFacts

RATES = (44_100, 48_000)
LONGEST_LABEL = 60
_JOINERS = "\u200c\u200d"  # some scripts cannot be written without


def plan_audio(tracks: Sequence[AudioFacts], options: EncodeOptions) -> tuple[AudioRendition, ...]:
    """Every track as stereo AAC-LC; 44.1 kHz stays, everything else becomes 48 kHz."""
    return tuple(
        AudioRendition(
            name=f"audio-{track.index}-{_plain(track.language or 'und')}",
            source_index=track.index,
            codec="aac",
            bitrate=options.audio_bitrate,
            sample_rate=track.sample_rate if track.sample_rate in RATES else RATES[-1],
            channels=2,
            language=track.language or "und",
            label=label,
        )
        for track, label in zip(tracks, labels(tracks), strict=True)
    )


def labels(tracks: Sequence[AudioFacts]) -> tuple[str, ...]:
    """A name for each track that no other has.

    The language in English; its title with it where several have that language; the title alone
    where there is no language; else "Audio 1". What is still the same is numbered.
    """
    spoken = [english_name(track.language) for track in tracks]
    often = Counter(spoken)
    wanted: list[str] = []
    for number, (track, language) in enumerate(zip(tracks, spoken, strict=True), 1):
        title = _clean(track.title or "")
        if language and title and often[language] > 1 and title != language:
            wanted.append(f"{language} ({title})")
        else:
            wanted.append(language or title or f"Audio {number}")
    taken: set[str] = set()
    unique: list[str] = []
    for label in wanted:
        number, free = 1, label
        while free in taken:
            number += 1
            free = f"{label} {number}"
        taken.add(free)
        unique.append(free)
    return tuple(unique)


def _clean(title: str) -> str:
    """A stranger's title as one short line that fits a quoted string of HLS and XML."""
    kept = "".join(
        c if unicodedata.category(c)[0] not in "CZ" or c in _JOINERS else " " for c in title
    )
    words = " ".join(kept.replace('"', "'").split())
    return words if len(words) <= LONGEST_LABEL else f"{words[: LONGEST_LABEL - 1].rstrip()}…"


def _plain(language: str) -> str:
    """A language tag that is safe in a file name, whatever the container claimed."""
    kept = "".join(c for c in language.lower() if c.isascii() and (c.isalnum() or c == "-"))
    return kept[:16] or "und"
