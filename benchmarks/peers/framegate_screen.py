"""framegate's screen as a program of its own: probe, sandbox, every still analyser, all signals.

    python -m benchmarks.peers.framegate_screen CLIP [TIMES]

Writes the times of its samples (s) to the JSON file ``TIMES``, for the other script to follow.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.keeping import Quiet, measure_facts
from framegate.models.store import Models
from framegate.security.sandbox.host import ForkServer
from framegate.stages.base import StageContext
from framegate.stages.screen.analysers import catalogue
from framegate.stages.screen.screen import screen


def main() -> None:
    """Screen one clip."""
    clip = Path(sys.argv[1])
    with TemporaryDirectory(prefix="framegate-bench-") as folder, ForkServer() as server:
        context = StageContext(server, Path(folder), Quiet(), lambda: datetime.now(UTC))
        facts = measure_facts(context, clip)
        names = [name for name in catalogue.NAMES if not name.startswith("speech.")]
        panel = catalogue.build(Models(), names=names)
        with clip.open("rb") as source:
            screening = screen(context, source.fileno(), facts, panel)
    if len(sys.argv) > 2:
        first = {shot.index: True for shot in screening.shots}
        rows = [
            {"time": float(sample.time), "pdq": sample.pdq, "first": first.pop(sample.shot, False)}
            for sample in screening.samples
        ]
        Path(sys.argv[2]).write_text(json.dumps(rows))
    print(len(screening.samples), "samples,", len(screening.shots), "shots")


if __name__ == "__main__":
    main()
