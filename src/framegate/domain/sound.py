"""Sound: what a track is for, how it is encoded, how loud it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from framegate.domain.span import Span


class AudioCodec(StrEnum):
    """Output codecs of sound."""

    AAC = "aac"  # AAC-LC: what every player takes
    OPUS = "opus"


FRAME_SAMPLES = {AudioCodec.AAC: 1024, AudioCodec.OPUS: 960}
"""Samples that one packet holds; Opus: 20 ms."""


class LoudnessMode(StrEnum):
    """What is done about loudness."""

    R128 = "r128"  # EBU R 128: to `TARGET_LUFS`, true peaks at most `MOST_DBTP`
    SOURCE = "source"  # as loud as it came


class AudioPurpose(StrEnum):
    """What a track is for, by the source's own flags."""

    MAIN = "main"
    COMMENTARY = "commentary"
    DESCRIPTION = "description"  # of the picture, for people who cannot see it
    CLEAR_SPEECH = "clear-speech"  # for people who are hard of hearing
    DUB = "dub"


TARGET_LUFS = -23.0
"""Integrated loudness that EBU R 128 asks of a programme."""

MOST_DBTP = -1.0
"""True peak that EBU R 128 allows a programme."""


@dataclass(frozen=True, slots=True)
class Level:
    """Measured by ITU-R BS.1770-4. ``integrated_lufs`` is None where nothing passes the gate of
    -70 LUFS (silence, less than 0.4 s); ``true_peak_dbtp`` is None for digital silence.
    """

    integrated_lufs: float | None
    true_peak_dbtp: float | None


@dataclass(frozen=True, slots=True)
class Levelling:
    """What is done to a track's level. ``ceiling_dbtp``: where the true-peak limiter works; None
    without one.
    """

    gain_db: float = 0.0
    ceiling_dbtp: float | None = None


@dataclass(frozen=True, slots=True)
class Levelled:
    """How loud a track was (mixed down already, cut to the picture's length), what was done, and
    how loud the encoded one is after decoding.
    """

    before: Level
    done: Levelling
    after: Level


@dataclass(frozen=True, slots=True)
class HeardTrack:
    """One audio track of the source as screen heard it. What is not ``screened`` is not published,
    and ``why`` says why. Silence in presentation seconds from the video's first frame.
    """

    index: int
    screened: bool
    why: str = ""
    heard_s: float = 0.0  # of sound that was decoded
    loudness_lufs: float | None = None  # integrated, of the track as it came
    silence: tuple[Span, ...] = ()
    corrupt_packets: int = 0
