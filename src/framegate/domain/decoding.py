"""What screening asks of the decoders, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from framegate.domain.media import VideoFacts
from framegate.domain.sampling import SamplingRule

SOUND_RATE = 16_000  # Hz, of the sound that analysers hear
BLOCK_S = 30  # most sound that they get at once


@dataclass(frozen=True, slots=True)
class SampleWork:
    """One pass over a track. ``skip`` lets the decoder leave out non-reference frames."""

    video: VideoFacts  # without ``keyframes``
    rule: SamplingRule
    skip: bool


@dataclass(frozen=True, slots=True)
class SampleDone:
    """What came out. Frames unless said."""

    decoded: int
    sampled: int
    packets: int  # with data
    corrupt: int  # packets that the demuxer or the decoder refused
    untimed: int
    misordered: int  # at or before one already shown: nobody sees them
    skipped: bool  # non-reference frames were left out to the end
    why_full: str  # why that was given up; "" when it was not, or not asked for
    last: int  # PTS
    torn: int = 0  # whose two fields are two pictures, where fields may be published apart


@dataclass(frozen=True, slots=True)
class RevisitWork:
    """Frames to decode once more, by their PTS, ascending."""

    video: VideoFacts
    pts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ListenWork:
    """One audio track. ``sound``: whether blocks of it are wanted."""

    index: int
    start: Fraction  # PTS of the video's first presented frame, s
    sound: bool
    max_pixels: int


@dataclass(frozen=True, slots=True)
class ListenDone:
    """``loudness_lufs`` is None when nothing was heard."""

    loudness_lufs: float | None
    heard_s: Fraction  # of sound in all
    corrupt_packets: int
