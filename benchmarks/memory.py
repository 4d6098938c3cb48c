"""Peak memory of a command and all its children (summed PSS, models included), and length's cost.

    python -m benchmarks memory [--quick]

How much: the whole job on one minute of 1080p with sound (four rungs) and on some seconds of 4K
(six rungs), H.264; with the other codecs at 1080p, recorded. Seconds are enough: what encoders hold
is bounded by their lookahead, and reached within two.

Does it grow with the length: the whole job on 1, 5 and 20 minutes with sound, at 360p so that
twenty do not take hours (chunks of half a minute, as ever), and ``framegate screen`` on 1 and 20
minutes of 1080p. The whole job's CPU over the three lengths says whether cost is linear.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import measure, sources
from benchmarks.answers import Answer, Row
from benchmarks.flow import FRAMEGATE
from benchmarks.ladders import stretched

MOST_MB, MOST_MB_4K = 1200, 2000
GROWTH = 1.1
MINUTES = (1, 5, 20)
QUICK_MINUTES = (1, 2, 3)
SECONDS_4K = 16  # 400 frames: enough for trials
VERDICTS = (0, 3, 4)  # a block (3) or a review (4) is a verdict too


def bench(*, runs: int, quick: bool) -> Answer:
    """Measure; the highest of ``runs``."""
    film = sources.film(20 if quick else 60)
    lengths = QUICK_MINUTES if quick else MINUTES
    longest = lengths[-1]
    with TemporaryDirectory(prefix="framegate-bench-") as name:
        folder = Path(name)
        reel = sources.scaled(sources.CLIPS / sources.REELS[0], folder / "reel.mp4")
        low = sources.film(60, lines=360)
        ways = {"1080p": ["process", str(film)]}
        ways["4K"] = ["process", str(stretched(2160, 3 if quick else SECONDS_4K, folder))]
        for codec in () if quick else ("h265", "av1"):
            ways[f"1080p {codec}"] = ["process", "--codec", codec, str(sources.film(20))]
        for n in lengths:
            clip = sources.looped(low, folder / f"low{n}.mp4", n * 60, sound=True)
            ways[f"360p {n} min"] = ["process", str(clip)]
        for n in (1, longest):
            clip = sources.looped(reel, folder / f"{n}.mp4", n * 60)
            ways[f"screen {n} min"] = ["screen", str(clip)]
        usages: dict[str, list[measure.Usage]] = {way: [] for way in ways}
        for turn in range(runs):
            for way, arguments in ways.items():
                usages[way].append(_run(arguments, folder / f"{turn} {way}"))
                last = usages[way][-1]
                told = f"{way}: {last.peak_pss_bytes / 1e6:.0f} MB, {last.cpu_s:.0f} s of CPU"
                print(told, file=sys.stderr)
    peaks = {way: max(usage.peak_pss_bytes for usage in ran) / 1e6 for way, ran in usages.items()}
    cpu = {way: min(usage.cpu_s for usage in ran) for way, ran in usages.items()}
    grown = peaks[f"360p {longest} min"] / peaks["360p 1 min"]
    screened = peaks[f"screen {longest} min"] / peaks["screen 1 min"]
    return Answer(
        name="memory",
        rows=(
            Row("whole job, 1080p, 4 rungs", peaks["1080p"], at_most=MOST_MB, unit=" MB"),
            Row("whole job, 4K, 6 rungs", peaks["4K"], at_most=MOST_MB_4K, unit=" MB"),
            *(
                Row(f"whole job, {way}", peaks[way], unit=" MB")
                for way in ways
                if way.startswith("1080p ")
            ),
            Row(f"whole job, 360p, {longest} minutes / 1 minute", grown, at_most=GROWTH),
            Row(f"screen, 1080p, {longest} minutes", peaks[f"screen {longest} min"], unit=" MB"),
            Row(f"screen, 1080p, {longest} minutes / 1 minute", screened, at_most=GROWTH),
            Row(
                "CPU a minute from {1} to {2} minutes / from {0} to {1}, 360p".format(*lengths),
                bend(lengths, [cpu[f"360p {n} min"] for n in lengths]),
                at_most=GROWTH,
            ),
        ),
        details={
            "peak_pss_mb": peaks,
            "length": [
                {"minutes": n, "cpu_s": cpu[f"360p {n} min"], "mb": peaks[f"360p {n} min"]}
                for n in lengths
            ],
            "wall_s": {way: [usage.wall_s for usage in ran] for way, ran in usages.items()},
            "cpu_s": {way: [usage.cpu_s for usage in ran] for way, ran in usages.items()},
        },
    )


def bend(minutes: Sequence[int], cpu_s: Sequence[float]) -> float:
    """The slope of the last stretch over the slope of the first: 1 where cost is linear."""
    points = list(zip(minutes, cpu_s, strict=True))
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(points)]
    return slopes[-1] / slopes[0]


def _run(arguments: Sequence[str], home: Path) -> measure.Usage:
    command, *rest = arguments
    out = ["-o", str(home / "out")] if command == "process" else []
    return measure.run(
        [FRAMEGATE, command, *out, *rest],
        env={"FRAMEGATE_HOME": str(home)},
        memory=True,
        accept=VERDICTS,
    )
