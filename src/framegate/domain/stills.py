"""What is asked of `framegate.media.stills`."""

from __future__ import annotations

from dataclasses import dataclass

from framegate.domain.ladder import Grid


@dataclass(frozen=True, slots=True)
class ThumbnailWork:
    """Every ``every``-th keyframe, ``width`` x ``height`` px."""

    grid: Grid
    every: int
    width: int
    height: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class PosterWork:
    """One output frame, ``width`` x ``height`` px."""

    grid: Grid
    frame: int
    width: int
    height: int
    max_pixels: int
    step: int = 1  # `Rendition.step` of the one that it is taken from


@dataclass(frozen=True, slots=True)
class PreviewWork:
    """Packets at most in each track; 0 for no sound."""

    video_packets: int
    audio_packets: int
    max_pixels: int
