"""Peak memory of a command and all its children: summed PSS, models included, 1080p.

    python -m benchmarks memory

How much: the whole job on one minute with sound, four rungs. Does it grow with the length: one
minute of picture beside twenty, screened alone (``framegate screen``: probe, decode, every model
that looks). Twenty minutes in four rungs would take an hour, and would tell nothing more: chunks
are about half a minute long whatever the video is, each in a process that ends with it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import measure, sources
from benchmarks.answers import Answer, Row
from benchmarks.flow import FRAMEGATE

MOST_MB = 1200
GROWTH = 1.1
MINUTES = 20


def bench(*, runs: int, quick: bool) -> Answer:
    """Measure; the highest of ``runs``."""
    film = sources.film(20 if quick else 60)
    minutes = 2 if quick else MINUTES
    with TemporaryDirectory(prefix="framegate-bench-") as name:
        folder = Path(name)
        reel = sources.scaled(sources.CLIPS / sources.REELS[0], folder / "reel.mp4")
        lengths = {n: sources.looped(reel, folder / f"{n}.mp4", n * 60) for n in (1, minutes)}
        home = {"FRAMEGATE_HOME": str(folder / "home")}
        ways = {
            "whole": ["process", str(film), "-o", str(folder / "out")],
            "short": ["screen", str(lengths[1])],
            "long": ["screen", str(lengths[minutes])],
        }
        usages: dict[str, list[measure.Usage]] = {way: [] for way in ways}
        for turn in range(runs):
            home["FRAMEGATE_HOME"] = str(folder / f"home{turn}")
            for way, arguments in ways.items():
                # a block (3) or a review (4) is a verdict too
                usage = measure.run(
                    [FRAMEGATE, *arguments], env=home, memory=True, accept=(0, 3, 4)
                )
                usages[way].append(usage)
                print(f"{way}: {usage.peak_pss_bytes / 1e6:.0f} MB", file=sys.stderr)
    peaks = {way: max(usage.peak_pss_bytes for usage in ran) / 1e6 for way, ran in usages.items()}
    growth = peaks["long"] / peaks["short"]
    return Answer(
        name="memory",
        rows=(
            Row("whole job, 1 minute", peaks["whole"], at_most=MOST_MB, unit=" MB"),
            Row(f"screen, {minutes} minutes", peaks["long"], at_most=MOST_MB, unit=" MB"),
            Row(f"screen, {minutes} minutes / 1 minute", growth, at_most=GROWTH),
        ),
        details={
            "peak_pss_mb": peaks,
            "wall_s": {way: [usage.wall_s for usage in ran] for way, ran in usages.items()},
            "cpu_s": {way: [usage.cpu_s for usage in ran] for way, ran in usages.items()},
        },
    )
