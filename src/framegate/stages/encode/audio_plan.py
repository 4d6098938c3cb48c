"""Which audio tracks the package has, and what viewers find them under. Pure.

Every track comes in stereo, the source's default one first. A track that has surround comes in 5.1
besides, in a group of its own: a player takes one group, and a viewer a track in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from framegate.domain.audio_tracks import in_order
from framegate.domain.ladder import STEREO_GROUP, SURROUND_GROUP, AudioRendition, EncodeOptions
from framegate.domain.media import AudioFacts
from framegate.domain.sound import TARGET_LUFS, AudioCodec, AudioPurpose, LoudnessMode
from framegate.domain.track_labels import track_labels

RATES = {AudioCodec.AAC: (44_100, 48_000), AudioCodec.OPUS: (48_000,)}
"""Sample rates that stay; every other one becomes 48 kHz, lower ones too: the video's clock, and
players, take few."""

STEREO, SURROUND = 2, 6  # channels
SURROUND_LAYOUTS = frozenset(
    {
        *("5.1", "5.1(side)", "6.1", "6.1(back)", "6.1(front)"),
        *("7.1", "7.1(wide)", "7.1(wide-side)"),
        *("6 channels", "7 channels", "8 channels"),
    }
)
"""Layouts with a centre, a low-frequency channel and surrounds; 5.1 is made of these. Where a
source says only how many channels there are (PCM in Matroska), they are in the usual order."""

SURROUND_RATE = 3
"""Bit rate of 5.1 over stereo's: three pairs of channels, of which one is hardly used."""

PURPOSES = {
    AudioPurpose.COMMENTARY: "commentary",
    AudioPurpose.DESCRIPTION: "audio description",
    AudioPurpose.CLEAR_SPEECH: "clear speech",
    AudioPurpose.DUB: "dubbed",
}


def plan_audio(tracks: Sequence[AudioFacts], options: EncodeOptions) -> tuple[AudioRendition, ...]:
    """Every track in stereo, then those with surround in 5.1; the default track first in both."""
    ordered = in_order(tracks)
    named = list(zip(ordered, labels(ordered), strict=True))
    return (
        *(_rendition(track, label, STEREO, options) for track, label in named),
        *(
            _rendition(track, label, SURROUND, options)
            for track, label in named
            if track.layout in SURROUND_LAYOUTS
        ),
    )


def _rendition(
    track: AudioFacts, label: str, channels: int, options: EncodeOptions
) -> AudioRendition:
    rates = RATES[options.audio_codec]
    surround = channels == SURROUND
    name = f"audio-{track.index}-{_plain(track.language or 'und')}"
    return AudioRendition(
        name=f"{name}-surround" if surround else name,
        source_index=track.index,
        codec=options.audio_codec.value,
        bitrate=options.audio_bitrate * (SURROUND_RATE if surround else 1),
        sample_rate=track.sample_rate if track.sample_rate in rates else rates[-1],
        channels=channels,
        language=track.language or "und",
        label=label,
        group=SURROUND_GROUP if surround else STEREO_GROUP,
        purpose=track.purpose,
        source_layout=track.layout,
        target_lufs=TARGET_LUFS if options.loudness is LoudnessMode.R128 else None,
    )


def labels(tracks: Sequence[AudioFacts]) -> tuple[str, ...]:
    """A name for each track that no other has: see `track_labels`."""
    return track_labels(
        [(track.language, track.title) for track in tracks],
        "Audio",
        [PURPOSES.get(track.purpose, "") for track in tracks],
    )


def _plain(language: str) -> str:
    """A language tag that is safe in a file name, whatever the container claimed."""
    kept = "".join(c for c in language.lower() if c.isascii() and (c.isalnum() or c == "-"))
    return kept[:16] or "und"
