"""What packaging made, as measured on the files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TrackKind(StrEnum):
    """What a packaged track holds."""

    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class PackagedTrack:
    """One folder under ``media/``. Rates in bit/s.

    ``bitrate_peak`` is the highest rate over adjacent segments that last between 0.5 and 1.5 times
    the HLS target duration together (RFC 8216, 4.3.4.2), the whole track when it is shorter.
    """

    name: str
    kind: TrackKind
    segments: int
    size_bytes: int  # media segments, without the initialisation segment
    bitrate_mean: int
    bitrate_peak: int


@dataclass(frozen=True, slots=True)
class Packaged:
    """HLS and DASH over shared CMAF segments. Paths are relative to the package folder."""

    files: tuple[str, ...]
    tracks: tuple[PackagedTrack, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stills:
    """Pictures and the progressive preview, beside the package. Paths as in `Packaged`."""

    poster: str
    sprites: tuple[str, ...]
    thumbnails: str  # WebVTT
    interval_s: float  # between thumbnails
    preview: str
