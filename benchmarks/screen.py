"""Screen without models against a pure PyAV full decode: CPU, host and sandboxed child together.

    python -m benchmarks screen [--runs 7]

Three sources without sound: bigbuckbunny.mp4 (720p, no B-frames, 1.6 Mbit/s, ten seconds: as cheap
to decode as real video gets, so that a fixed cost a frame and a call weighs most), and a minute of
1080p at 6 Mbit/s with B-frames and without. Ratios are medians of interleaved runs.
"""

import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import av

from benchmarks import sources
from benchmarks.answers import Answer, Row
from benchmarks.keeping import measure_facts
from framegate.domain.options import ScreenMode
from framegate.security.sandbox.host import ForkServer
from framegate.stages.base import StageContext
from framegate.stages.screen.protocol import Panel
from framegate.stages.screen.screen import screen
from framegate.testing.progress import Silent

AUTO, ALL = 0.75, 1.10
SECONDS = 10


def decode_all(path: Path) -> None:
    with av.open(str(path)) as clip:
        for _frame in clip.decode(video=0):
            pass


def measure(path: Path, server: ForkServer, work: Path, runs: int) -> dict[str, Any]:
    context = StageContext(server, work, Silent(), lambda: datetime.now(UTC))

    facts = measure_facts(context, path)
    kept = {}

    def one(mode: ScreenMode) -> Callable[[], None]:
        def run() -> None:
            with path.open("rb") as source:
                kept[mode] = screen(context, source.fileno(), facts, Panel(), mode=mode)

        return run

    contenders = {
        "pyav": lambda: decode_all(path),
        "auto": one(ScreenMode.AUTO),
        "full": one(ScreenMode.FULL),
    }
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(runs + 1):
        for name, contender in contenders.items():
            began = process_time() + server.usage().cpu_s
            at = perf_counter()
            contender()
            if turn:  # the first round warms up
                cpu[name].append(process_time() + server.usage().cpu_s - began)
                wall[name].append(perf_counter() - at)
    result: dict[str, Any] = {
        "clip": path.name,
        "frames": facts.video.frames_measured,
        "seconds": round(float(facts.video.duration_measured), 2),
        "pyav_cpu_s": round(statistics.median(cpu["pyav"]), 3),
    }
    for mode in (ScreenMode.AUTO, ScreenMode.FULL):
        pairs = zip(cpu[mode], cpu["pyav"], strict=True)
        result[mode] = {
            "cpu_ratio": round(statistics.median(a / b for a, b in pairs), 3),
            "wall_s": round(statistics.median(wall[mode]), 3),
            "decoded": kept[mode].coverage.frames_decoded,
            "samples": len(kept[mode].samples),
            "largest_gap_s": kept[mode].coverage.largest_gap_s,
            "mode": kept[mode].coverage.mode,
        }
    return result


def bench(*, runs: int, quick: bool) -> Answer:
    """Measure both sources."""
    rows: list[Row] = []
    results: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder, ForkServer() as server:
        work = Path(folder)
        small = sources.CLIPS / "bigbuckbunny.mp4"
        length = 20 if quick else 60
        for source, seconds in (
            (small, SECONDS),
            (sources.film(length), length),
            (sources.film(length, b_frames=0), length),
        ):
            path = sources.looped(source, work / f"silent-{source.name}", seconds)
            result = measure(path, server, work, runs)
            skipped = result["auto"]["mode"] == "reference-frames"
            words = "by default, with skippable frames" if skipped else "by default, none skippable"
            name = source.stem
            ratio = result["auto"]["cpu_ratio"]
            rows.append(Row(f"{name}, {words}", ratio, at_most=AUTO if skipped else ALL))
            rows.append(Row(f"{name}, every frame", result["full"]["cpu_ratio"], at_most=ALL))
            results.append(result)
    return Answer(name="screen", rows=tuple(rows), details={"sources": results})
