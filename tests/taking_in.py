"""Ingest and probe of one file as the flow does them, without a flow."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from framegate.domain.asset import AssetDetails
from framegate.domain.limits import SourceLimits
from framegate.domain.media import MediaFacts
from framegate.security.sandbox.host import MediaSandbox
from framegate.stages.base import StageContext
from framegate.stages.ingest import Ingested, MagikaClassifier, ingest
from framegate.stages.probe import probe
from framegate.storage.source import open_unchanged
from framegate.testing.sandbox import InProcessSandbox

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CLASSIFIER = MagikaClassifier()  # its model is loaded once


class Quiet:
    """A progress display that only remembers."""

    def __init__(self) -> None:
        self.done: list[float] = []
        self.note = ""

    def start(self, _stage: str, total: float | None, _unit: str) -> None:
        self.total = total

    def advance(self, _stage: str, done: float) -> None:
        self.done.append(done)

    def end(self, _stage: str, note: str = "") -> None:
        self.note = note


def take_in(
    path: Path,
    *,
    details: AssetDetails | None = None,
    max_bytes: int = 1 << 30,
    progress: Quiet | None = None,
) -> Ingested:
    return ingest(
        path,
        details=details or AssetDetails(),
        max_bytes=max_bytes,
        classifier=CLASSIFIER,
        clock=lambda: NOW,
        progress=progress or Quiet(),
    )


def look(
    path: Path, *, limits: SourceLimits | None = None, sandbox: MediaSandbox | None = None
) -> MediaFacts:
    """Probe alone: the bytes are not asked what they are first."""
    context = StageContext(sandbox or InProcessSandbox(), path.parent, Quiet(), lambda: NOW)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return probe(
            context,
            fd,
            name=path.name,
            size_bytes=path.stat().st_size,
            limits=limits or SourceLimits(),
        )
    finally:
        os.close(fd)


def take_in_and_look(path: Path, *, sandbox: MediaSandbox | None = None) -> MediaFacts:
    taken = take_in(path)
    context = StageContext(sandbox or InProcessSandbox(), path.parent, Quiet(), lambda: NOW)
    fd = open_unchanged(taken.source)
    try:
        return probe(
            context,
            fd,
            name=taken.asset.name,
            size_bytes=taken.asset.size_bytes,
            limits=SourceLimits(),
        )
    finally:
        os.close(fd)
