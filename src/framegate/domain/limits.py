"""What a source may be. Over a limit it is refused with a clear line, before it costs anything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """Bounds on one source; settings carry the same names and the reasons for the defaults.

    ``max_pixels`` is width x height of one picture, ``max_total_pixels`` that times the frames
    (twelve hours of 2160p at 60 frames a second), ``max_expansion`` decoded bytes over file bytes:
    a black 2160p hour is under 200,000, a decompression bomb over a million. Expansion counts
    only where it decodes to more than ``expansion_floor_bytes``.
    """

    max_bytes: int = 256 << 30
    max_pixels: int = 8192 * 4320
    max_total_pixels: int = 12 * 3600 * 60 * 3840 * 2160
    max_duration_s: int = 12 * 3600
    max_frames: int = 4_000_000
    max_streams: int = 64
    max_expansion: int = 500_000
    expansion_floor_bytes: int = 8 << 30
