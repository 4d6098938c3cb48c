"""The samples and the sound that framegate's screen shows its analysers, kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from framegate.domain.frames import Sample
from framegate.domain.limits import SourceLimits
from framegate.domain.media import MediaFacts
from framegate.security.sandbox.host import ForkServer
from framegate.stages.base import StageContext
from framegate.stages.probe import probe
from framegate.stages.screen.analysers.hashes import HashAnalyser
from framegate.stages.screen.protocol import Every, Looked, Panel
from framegate.stages.screen.screen import screen
from framegate.testing.progress import Silent


class _Keeper:
    """An analyser that only remembers what it was shown."""

    version, labels, model, model_sha256 = "1", (), None, None

    def __init__(self, every: Every) -> None:
        self.name = self.level = f"keep.{every.value}"
        self.every = every
        self.batch = 1
        self.kept: list[Sample] = []
        self.sound: list[NDArray[np.float32]] = []

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        """Remember."""
        self.kept += samples
        return Looked()

    def listen(self, _start: Fraction, sound: NDArray[np.float32]) -> Looked:
        """Remember."""
        self.sound.append(sound)
        return Looked()

    def finish(self) -> Looked:
        """Nothing to say."""
        return Looked()


@dataclass(frozen=True, slots=True)
class Kept:
    """Samples in order; numbers of the novel ones and of the first of each shot; 16 kHz mono."""

    samples: list[Sample]
    novel: list[int]
    shots: list[int]
    sound: NDArray[np.float32]
    facts: MediaFacts = field(repr=False)


def measure_facts(context: StageContext, path: Path) -> MediaFacts:
    """What probe measures."""
    with path.open("rb") as source:
        return probe(
            context,
            source.fileno(),
            name=path.name,
            size_bytes=path.stat().st_size,
            limits=SourceLimits(),
        )


def keep_samples(path: Path) -> Kept:
    """Screen once with default sampling."""
    keepers = [_Keeper(every) for every in Every]
    with TemporaryDirectory(prefix="framegate-bench-") as folder, ForkServer() as server:
        context = StageContext(server, Path(folder), Silent(), lambda: datetime.now(UTC))
        facts = measure_facts(context, path)
        panel = Panel(stills=(HashAnalyser(), *keepers), audio=(keepers[0],))
        with path.open("rb") as source:
            screen(context, source.fileno(), facts, panel)
    by_reason = {keeper.every: keeper for keeper in keepers}
    blocks = keepers[0].sound
    return Kept(
        samples=by_reason[Every.SAMPLE].kept,
        novel=[sample.info.index for sample in by_reason[Every.NOVEL].kept],
        shots=[sample.info.index for sample in by_reason[Every.SHOT].kept],
        sound=np.concatenate(blocks) if blocks else np.zeros(0, np.float32),
        facts=facts,
    )
