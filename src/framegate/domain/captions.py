"""Captions: cues, the tracks made of them, and what is asked for and answered on the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from framegate.domain.media import TextFacts

MAX_CUES = 50_000  # of a track: a day of roll-up captions
MAX_CHARACTERS = 4_000_000  # of a track: ten long novels
MAX_SERVICES = 16  # of CEA-708 in a picture: what ATSC A/65 can announce


class CaptionsMode(StrEnum):
    """Whether text tracks and captions of the source are published."""

    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Cue:
    """Plain text (lines divided by a line feed) shown for a while, presentation seconds from the
    video's first frame.
    """

    start: Fraction
    end: Fraction
    text: str


@dataclass(frozen=True, slots=True)
class CaptionsWork:
    """What is asked of the reader of a source's captions. ``embedded``: those in the picture of
    track ``video``, whose codec is ``video_codec``.
    """

    tracks: tuple[TextFacts, ...]
    video: int
    video_codec: str
    embedded: bool
    video_start: Fraction  # source time of the video's first frame, s
    length: Fraction  # of the picture, s
    max_pixels: int


@dataclass(frozen=True, slots=True)
class CaptionsDone:
    """What reading captions answers. The names of ``refused`` are those of the messages' tracks."""

    corrupt_packets: int
    refused: tuple[tuple[str, str], ...]  # track, why nothing of it is kept
    lost_packets: int = 0  # of CEA-708: missing, or cut short


@dataclass(frozen=True, slots=True)
class CaptionTrack:
    """One WebVTT track of the package, as it lies in the work folder."""

    name: str  # of its file: "en", "CC1", "SERVICE1"
    source: str  # "track 2", "track 0, CC1"
    source_index: int
    codec: str  # of the source: "mov_text"
    language: str  # "und" where the source says none
    label: str  # what viewers choose from, unique among the tracks
    cues: int
    path: str  # relative to the asset's work folder
    sha256: str
    size_bytes: int
    default: bool = False
    forced: bool = False
    hearing_impaired: bool = False


@dataclass(frozen=True, slots=True)
class Captions:
    """The checkpoint of the captions step; ``dropped`` names what is not published and why."""

    tracks: tuple[CaptionTrack, ...] = ()
    dropped: tuple[str, ...] = ()


def service_name(number: int) -> str:
    """A CEA-708 service as HLS calls it too (``INSTREAM-ID``)."""
    return f"SERVICE{number}"
