"""What all work is done with: one value, built once by wiring, for every flow and service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from framegate.cache.protocol import VerdictCache
from framegate.catalog.assets import Assets
from framegate.catalog.decisions import Decisions
from framegate.catalog.works import Works
from framegate.domain.asset import AssetDetails
from framegate.domain.encoding import Encoders
from framegate.domain.limits import SourceLimits
from framegate.domain.report import Protection
from framegate.flow.claim import Claims
from framegate.jobs import Leases
from framegate.models.store import Models
from framegate.models.vision.protocol import Vision
from framegate.security.sandbox.host import MediaSandbox
from framegate.stages.base import Clock, Progress, StageContext
from framegate.stages.ingest import Classifier, Ingested, ingest
from framegate.storage import DataFolder


@dataclass(frozen=True, slots=True)
class Workshop:
    """The back ends, and the few choices of the machine's owner that no single run makes.

    ``encoders`` and ``protections`` are asked when needed, not at start: each costs a child.
    """

    sandbox: MediaSandbox
    models: Models
    vision: Vision | None
    remembered: VerdictCache | None
    data: DataFolder
    assets: Assets
    works: Works
    decisions: Decisions
    claims: Claims
    leases: Leases
    classifier: Classifier
    clock: Clock
    limits: SourceLimits
    default_policy: bytes
    assets_at_once: int
    chunks_at_once: int
    encoders: Callable[[], Encoders]
    protections: Callable[[], tuple[Protection, ...]]
    versions: tuple[tuple[str, str], ...]

    def take_in(self, path: Path, details: AssetDetails, progress: Progress) -> Ingested:
        """`ingest` within this workshop's limits; raises what it raises."""
        return ingest(
            path,
            details=details,
            max_bytes=self.limits.max_bytes,
            classifier=self.classifier,
            clock=self.clock,
            progress=progress,
        )

    def context(self, work: Path, progress: Progress) -> StageContext:
        """What the stages are given for work in this folder."""
        return StageContext(self.sandbox, work, progress, self.clock)
