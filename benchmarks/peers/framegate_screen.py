"""framegate's screen as a program of its own: probe, sandbox, every still analyser, all signals.

    python -m benchmarks.peers.framegate_screen FOLDER

The folder's ``job.json`` names the clip. Leaves there ``report.json`` (the samples, for the other
scripts to follow, and the CPU of each part) and ``answers.npz`` (what the models said).
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from benchmarks.keeping import measure_facts
from benchmarks.peers.remembering import Remembering
from framegate.domain.frames import SampleInfo
from framegate.security.sandbox.host import ForkServer
from framegate.stages.base import StageContext
from framegate.stages.screen.analysers import catalogue
from framegate.stages.screen.cascade import is_novel
from framegate.stages.screen.protocol import PdqHash
from framegate.stages.screen.screen import screen
from framegate.testing.progress import Silent


def main() -> None:
    """Screen one clip."""
    folder = Path(sys.argv[1])
    clip = Path(json.loads((folder / "job.json").read_text())["clip"])
    models = Remembering()
    with TemporaryDirectory(prefix="framegate-bench-") as work, ForkServer() as server:
        context = StageContext(server, Path(work), Silent(), lambda: datetime.now(UTC))
        facts = measure_facts(context, clip)
        probed_s = server.usage().cpu_s
        names = [name for name in catalogue.NAMES if not name.startswith("speech.")]
        began_s = process_time()
        panel = catalogue.build(models, names=names)
        loaded_s = process_time()
        with clip.open("rb") as source:
            screening = screen(context, source.fileno(), facts, panel)
        decoded_s = server.usage().cpu_s - probed_s
        screened_s = process_time() - loaded_s
    cpu_s = {run.analyser: run.cpu_s for run in screening.runs if run.samples_seen}
    cpu_s["around them"] = screened_s - sum(cpu_s.values())
    cpu_s |= {"probe": probed_s, "decode": decoded_s, "load": loaded_s - began_s}
    models.save(folder / "answers.npz", [sample.pdq for sample in screening.samples])
    report = {
        "shots": len(screening.shots),
        "cpu_s": cpu_s,
        "texts": models.texts,
        "samples": _shown(screening.samples),
    }
    (folder / "report.json").write_text(json.dumps(report))


def _shown(samples: tuple[SampleInfo, ...]) -> list[dict[str, object]]:
    """Each sample's time (s), whether it is new to its shot, and whether it begins one."""
    rows: list[dict[str, object]] = []
    shot, last = -1, None
    for sample in samples:
        now = PdqHash(sample.index, sample.pdq, sample.pdq_quality)
        first = sample.shot != shot
        novel = first or is_novel(last, now)
        rows.append({"time": float(sample.time), "novel": novel, "first": first})
        shot, last = sample.shot, now if novel else last
    return rows


if __name__ == "__main__":
    main()
