"""What is compared to prove an encode's quality."""

from __future__ import annotations

from dataclasses import dataclass

from framegate.domain.blurring import FrameSpan
from framegate.domain.ladder import Fields, Grid, QualityWindow, Rendition
from framegate.domain.media import VideoFacts


@dataclass(frozen=True, slots=True)
class Window:
    """Output frames ``first`` to ``first + frames - 1``, of which every ``step``-th is scored."""

    first: int
    frames: int
    step: int
    join: bool

    def scored(self) -> range:
        """The frames that are scored, in the middle of their steps; at least one."""
        offset = min(self.step // 2, self.frames - 1)
        return range(self.first + offset, self.first + self.frames, self.step)


@dataclass(frozen=True, slots=True)
class VmafWork:
    """What is asked of `framegate.media.vmaf:measure`. ``windows`` ascend and do not overlap."""

    video: VideoFacts
    grid: Grid
    renditions: tuple[Rendition, ...]
    fields: Fields
    windows: tuple[Window, ...]
    blurred: tuple[FrameSpan, ...] = ()  # as encoded: the reference is blurred there too


@dataclass(frozen=True, slots=True)
class VmafDone:
    """Its answer: windows of the first rendition, then of the next."""

    windows: tuple[QualityWindow, ...]
