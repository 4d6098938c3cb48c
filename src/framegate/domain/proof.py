"""What is compared to prove an encode's quality."""

from __future__ import annotations

from dataclasses import dataclass

from framegate.domain.ladder import Grid, QualityWindow, Rendition
from framegate.domain.media import VideoFacts


@dataclass(frozen=True, slots=True)
class Window:
    """Output frames ``first`` to ``first + frames - 1``; every ``step``-th is scored."""

    first: int
    frames: int
    step: int
    join: bool


@dataclass(frozen=True, slots=True)
class VmafWork:
    """What is asked of `framegate.media.vmaf:measure`. ``windows`` ascend and do not overlap."""

    video: VideoFacts
    grid: Grid
    renditions: tuple[Rendition, ...]
    deinterlace: bool
    windows: tuple[Window, ...]
    max_pixels: int


@dataclass(frozen=True, slots=True)
class VmafDone:
    """Its answer: windows of the first rendition, then of the next."""

    windows: tuple[QualityWindow, ...]
