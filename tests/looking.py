"""Screen called as a stage, in this process and without models; and an analyser that listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from footage import facts_of
from framegate.domain.screening import Screening
from framegate.security.sandbox.host import MediaSandbox
from framegate.stages.base import StageContext
from framegate.stages.screen.protocol import Looked, Panel, Sound
from framegate.stages.screen.screen import screen
from framegate.testing.sandbox import InProcessSandbox


@dataclass
class Watched:
    """A progress that remembers."""

    done: list[float] = field(default_factory=list)

    def start(self, stage: str, total: float | None, unit: str) -> None:
        assert (stage, unit) == ("screen", "s")
        self.total = total

    def advance(self, _stage: str, done: float) -> None:
        self.done.append(done)

    def end(self, stage: str, note: str = "") -> None:
        self.note = (stage, note)


class Ear:
    name, version, level, labels, model, model_sha256 = "ear", "1", "speech", (), None, None

    def __init__(self) -> None:
        self.blocks: list[tuple[Fraction, Sound]] = []

    def listen(self, start: Fraction, sound: Sound) -> Looked:
        self.blocks.append((start, sound))
        return Looked(spoken_language="en")

    def finish(self) -> Looked:
        return Looked()


def look_at(
    path: Path,
    work: Path,
    panel: Panel | None = None,
    sandbox: MediaSandbox | None = None,
    **options: object,
) -> Screening:
    work.mkdir(exist_ok=True)
    context = StageContext(
        sandbox or InProcessSandbox(), work, Watched(), lambda: datetime.now(UTC)
    )
    with path.open("rb") as source:
        return screen(context, source.fileno(), facts_of(path), panel or Panel(), **options)  # type: ignore[arg-type]
