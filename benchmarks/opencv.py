"""The whole screen beside the usual script: OpenCV, PySceneDetect, same samples, same models.

    python -m benchmarks opencv [--runs 5]

Both are whole programs (interpreter, imports and model files included), on a minute of 1080p
without sound, which OpenCV does not read. framegate also probes, walls the decoder off, measures
every frame for black, freeze and motion, and answers for its coverage; the script does not.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import measure, sources
from benchmarks.answers import Answer, Row

TARGET = 1.4


def bench(*, runs: int, quick: bool) -> Answer:
    """Measure; medians of the ratios of paired runs."""
    seconds = 20 if quick else 60
    with TemporaryDirectory(prefix="framegate-bench-") as name:
        folder = Path(name)
        clip = sources.looped(sources.film(seconds), folder / "silent.mp4", seconds)
        times = str(folder / "times.json")

        def program(which: str) -> measure.Usage:
            module = f"benchmarks.peers.{which}_screen"
            return measure.run([sys.executable, "-m", module, str(clip), times])

        found = measure.interleave(
            {"framegate": lambda: program("framegate"), "opencv": lambda: program("opencv")},
            runs=runs,
        )
    pairs = list(zip(found["framegate"], found["opencv"], strict=True))
    return Answer(
        name="opencv",
        rows=(
            Row(
                "times faster, wall",
                statistics.median(b.wall_s / a.wall_s for a, b in pairs),
                at_least=TARGET,
            ),
            Row(
                "times less CPU",
                statistics.median(b.cpu_s / a.cpu_s for a, b in pairs),
                at_least=TARGET,
            ),
        ),
        details={
            who: {"cpu_s": [u.cpu_s for u in usages], "wall_s": [u.wall_s for u in usages]}
            for who, usages in found.items()
        },
    )
