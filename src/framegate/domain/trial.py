"""What is asked of the trial encodes, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass

from framegate.domain.ladder import Fields, Grid, Rendition
from framegate.domain.media import VideoFacts
from framegate.domain.pertitle import TrialPoint
from framegate.domain.proof import Window


@dataclass(frozen=True, slots=True)
class TrialWork:
    """Every ``trials`` over every one of ``windows``. A size at two CRFs is two trials of the same
    name. ``sizes`` are all rungs of the ladder, so that pictures are scaled as they will be.
    Windows ascend, do not overlap and begin on frames that every rendition shows.
    """

    video: VideoFacts
    grid: Grid
    sizes: tuple[Rendition, ...]
    trials: tuple[Rendition, ...]
    fields: Fields
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class TrialDone:
    """Points in the order of the trials. ``windows`` that could be decoded count alone."""

    points: tuple[TrialPoint, ...]
    windows: tuple[Window, ...]
