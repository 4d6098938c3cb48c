"""Peak memory of the command and all its children: summed PSS, models included, 1080p.

    python -m benchmarks memory

Two questions. How much: the whole job on one minute, four rungs. Does it grow with the length: one
minute beside twenty, both with the same shorter ladder (``--max-short-side 360 --vmaf off``), since
twenty minutes in four rungs would take half an hour. Screening, with every model, is the same at
any ladder; chunks are at most a minute long whatever the video is.
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
LIGHT = ("--max-short-side", "360", "--vmaf", "off")
MINUTES = 20


def bench(*, runs: int, quick: bool) -> Answer:
    """Measure; the highest of ``runs``."""
    clip = sources.film(20 if quick else 60)
    with TemporaryDirectory(prefix="framegate-bench-") as name:
        folder = Path(name)
        long = sources.looped(clip, folder / "long.mp4", 60 if quick else MINUTES * 60, sound=True)
        ways = {"whole": (clip, ()), "short": (clip, LIGHT), "long": (long, LIGHT)}
        usages = {
            way: [_process(path, folder / f"{way}{turn}", options) for turn in range(runs)]
            for way, (path, options) in ways.items()
        }
    peaks = {
        way: max(usage.peak_pss_bytes for usage in found) / 1e6 for way, found in usages.items()
    }
    return Answer(
        name="memory",
        rows=(
            Row("whole job, 1 minute", peaks["whole"], at_most=MOST_MB, unit=" MB"),
            Row(f"{MINUTES} minutes, ladder to 360p", peaks["long"], at_most=MOST_MB, unit=" MB"),
            Row(
                f"{MINUTES} minutes / 1 minute, same ladder",
                peaks["long"] / peaks["short"],
                at_most=GROWTH,
            ),
        ),
        details={
            "peak_pss_mb": peaks,
            "wall_s": {way: [usage.wall_s for usage in found] for way, found in usages.items()},
            "cpu_s": {way: [usage.cpu_s for usage in found] for way, found in usages.items()},
        },
    )


def _process(clip: Path, home: Path, options: tuple[str, ...]) -> measure.Usage:
    usage = measure.run(
        [FRAMEGATE, "process", str(clip), "-o", str(home / "out"), *options],
        env={"FRAMEGATE_HOME": str(home)},
        memory=True,
    )
    print(
        f"{clip.name} {usage.peak_pss_bytes / 1e6:.0f} MB, {usage.cpu_s:.0f} s CPU", file=sys.stderr
    )
    return usage
