"""What a report is made of: the input of the report stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath

from framegate.domain import layout
from framegate.domain.agreement import Agreement
from framegate.domain.asset import Asset
from framegate.domain.captions import Captions
from framegate.domain.ladder import EncodedAudio, EncodedRendition, EncodePlan
from framegate.domain.media import MediaFacts
from framegate.domain.policy import Decision, Verdict
from framegate.domain.screening import Screening


@dataclass(frozen=True, slots=True)
class PackageInfo:
    """A finished package; paths are relative to the output folder, "" where there is none."""

    hls: str = layout.MASTER
    dash: str = layout.MPD
    poster: str = layout.POSTER
    thumbnails: str = layout.THUMBNAILS
    preview: str = layout.PREVIEW
    segments: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class StageTiming:
    """What one stage took; ``wall_s`` of this run, ``resumed`` when finished work was reused."""

    stage: str
    wall_s: float
    note: str = ""
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Protection:
    """One protection of the sandbox on this machine, and why it is missing where it is."""

    name: str
    active: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ReportInput:
    """All that happened to one asset, up to now.

    ``plan`` is None and ``renditions`` empty when nothing was encoded (blocked, or screened only);
    ``package`` is None when nothing was published. ``samples`` is the folder with the previews
    (``NNNNNN.jpg``), None when they are gone: the report then has no contact sheet.
    """

    asset: Asset
    facts: MediaFacts
    screening: Screening
    verdict: Verdict
    decisions: tuple[Decision, ...]
    created: datetime
    plan: EncodePlan | None = None
    renditions: tuple[EncodedRendition, ...] = ()
    audio: tuple[EncodedAudio, ...] = ()
    captions: Captions = field(default_factory=Captions)
    package: PackageInfo | None = None
    timings: tuple[StageTiming, ...] = ()
    sandbox: tuple[Protection, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()  # component, version
    samples: PurePath | None = None
    agreement: Agreement | None = None  # of what was encoded with what was screened
