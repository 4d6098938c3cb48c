"""CPU and wall time of the ladder encode beside the ffmpeg program and shaka-streamer.

    python -m benchmarks encode [--runs 3] [--quick]

Ways to make the same ladder (`ladders`), interleaved so that a noisy neighbour hits all alike:

- one_chunk: framegate's stage, the video as one chunk, with receipt and join;
- chunked: the same in two chunks. They last 2 to 8 s, not 30, so that what each costs (pre-roll, an
  encoder's start and end) weighs several times what it does in a job; of 4K also 30 s, as in a job;
- packaged: the stage in the sandbox, one chunk, to segments and manifests;
- split: one ffmpeg command with a scaler for each rung;
- proof: VMAF of the windows that a job of this length gets, beside the encode itself;
- separate: one ffmpeg command for each rung;
- shaka: shaka-streamer's pipeline with the same options, to segments and manifests.

CPU is user + system time. Ratios are medians of the ratios within each turn. Sizes, and VMAF of
every rung, show that no speed was bought with quality.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import av
from av.filter import Graph

from benchmarks import ladders
from benchmarks.answers import Answer, Row
from benchmarks.ladders import Job
from framegate.domain.ladder import EncodeOptions, VideoCodec

VMAF_APART = 0.3
ORDER = ("one_chunk", "proof", "split", "chunked", "separate", "packaged", "shaka")
type Ways = Mapping[str, Callable[[Job], None]]


@dataclass(frozen=True, slots=True)
class Case:
    """A ladder, and how much framegate's ways may cost of a peer: CPU, or wall time for shaka."""

    name: str
    codec: VideoCodec
    lines: int
    seconds: float
    quick_s: float
    targets: Mapping[tuple[str, str], float]  # (framegate's way, peer): at most
    scored_s: float | None = None  # VMAF of so much in the middle, where chunks join; None: of all


CASES = (
    Case(
        "H.264 1080p, 4 rungs", VideoCodec.H264, 1080, 16, 8,
        {
            ("one_chunk", "split"): 0.97, ("chunked", "split"): 1.00,
            ("one_chunk", "separate"): 0.80, ("packaged", "shaka"): 0.98,
            ("proof", "one_chunk"): 0.15,
        },
    ),
    Case(
        "H.264 4K, 6 rungs", VideoCodec.H264, 2160, 8, 3,
        {
            ("one_chunk", "split"): 0.90, ("chunked", "split"): 0.93,
            ("one_chunk", "separate"): 0.70, ("packaged", "shaka"): 0.92,
            ("proof", "one_chunk"): 0.15,
        },
    ),
    Case(
        "H.264 4K, 6 rungs, 60 s", VideoCodec.H264, 2160, 60, 6,
        {("chunked", "split"): 0.93}, scored_s=8,
    ),
    Case(
        "H.264 1080p, 4 rungs, 5 s", VideoCodec.H264, 1080, 5, 5,
        {("proof", "one_chunk"): 0.15},
    ),
    Case(
        "AV1 1080p, 4 rungs", VideoCodec.AV1, 1080, 5, 2,
        {("one_chunk", "separate"): 0.80},
    ),
    Case(
        "HEVC 1080p, 4 rungs", VideoCodec.H265, 1080, 5, 2,
        {("one_chunk", "separate"): 0.92},
    ),
)  # fmt: skip


@dataclass(slots=True)
class Turn:
    """One way, once."""

    cpu_s: float
    wall_s: float


def bench(*, runs: int, quick: bool) -> Answer:
    """All cases, one after the other."""
    rows: list[Row] = []
    details: dict[str, Any] = {}
    with TemporaryDirectory(prefix="framegate-bench-") as folder:
        for number, case in enumerate(CASES):
            work = Path(folder) / str(number)
            work.mkdir()
            wanted = EncodeOptions(codec=case.codec)
            made = ladders.job(case.lines, case.quick_s if quick else case.seconds, wanted, work)
            turns = _turns(made, case, runs)
            shown = tuple(way for way in turns if way != "proof")
            found = compared(
                made, shown, every=10 if case.lines > 1080 else 5, seconds=case.scored_s
            )
            rows += _rows(case, turns, found)
            details[case.name] = {
                "clip": f"{made.size[0]}x{made.size[1]}, {made.plan.grid.frames} frames",
                "rungs": [f"{rung.width}x{rung.height}" for rung in made.rungs],
                "cpu_s": {way: [t.cpu_s for t in ran] for way, ran in turns.items()},
                "wall_s": {way: [t.wall_s for t in ran] for way, ran in turns.items()},
                "kB_and_vmaf": found,
            }
    return Answer("encode", tuple(rows), details)


def _turns(made: Job, case: Case, runs: int) -> dict[str, list[Turn]]:
    # the proof is of what one_chunk has just made
    names = sorted(dict.fromkeys(name for pair in case.targets for name in pair), key=ORDER.index)
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            cpu, wall = ladders.seconds(), perf_counter()
            getattr(ladders, name)(made)
            turns[name].append(Turn(ladders.seconds() - cpu, perf_counter() - wall))
            last = turns[name][-1]
            print(f"{case.name}: {name} {last.cpu_s:.2f} {last.wall_s:.2f}", file=sys.stderr)
    return turns


def _rows(
    case: Case, turns: Mapping[str, Sequence[Turn]], found: dict[str, dict[str, list[float]]]
) -> list[Row]:
    rows = []
    for (ours, peer), most in case.targets.items():
        pairs = list(zip(turns[ours], turns[peer], strict=True))
        wall = peer == "shaka"
        ratio = statistics.median(
            a.wall_s / b.wall_s if wall else a.cpu_s / b.cpu_s for a, b in pairs
        )
        rows.append(Row(f"{case.name}: {ours} / {peer}, {'wall' if wall else 'CPU'}", ratio, most))
    lost = max(
        (
            ways[peer][1] - ways[ours][1]
            for ways in found.values()
            for ours, peer in case.targets
            if ours != "proof"
        ),
        default=None,
    )
    if lost is not None:
        rows.append(Row(f"{case.name}: VMAF less than a peer's, worst rung", lost, VMAF_APART))
    return rows


def compared(
    made: Job, ways: Sequence[str], *, every: int, seconds: float | None
) -> dict[str, dict[str, list[float]]]:
    """Per rung and way: size in kB, and mean VMAF at the top size of one frame in ``every`` of all,
    or of as many ``seconds`` around the middle.
    """
    grid = made.plan.grid
    first, stop = 0, grid.frames
    if seconds is not None:
        half = round(seconds / 2 * grid.frame_rate)
        first, stop = max(first, grid.frames // 2 - half), min(stop, grid.frames // 2 + half)
    found: dict[str, dict[str, list[float]]] = {}
    for rung in made.rungs:
        found[rung.name] = {}
        for way in ways:
            path = next(made.work.glob(f"{way}.{rung.name}.*"))
            score = vmaf(path, made, every=every, first=first, stop=stop)
            found[rung.name][way] = [round(path.stat().st_size / 1000), score]
    return found


def vmaf(path: Path, made: Job, *, every: int, first: int, stop: int) -> float:
    """Mean VMAF at the top rung's size, of frames ``first`` to ``stop - 1``."""
    log = made.work / "vmaf.json"
    graph = Graph()
    size, base = made.size, Fraction(1, 25)
    ends = [
        graph.add_buffer(width=size[0], height=size[1], format="yuv420p", time_base=base)
        for _ in range(2)
    ]
    compare = graph.add("libvmaf", f"log_fmt=json:log_path={log}:n_subsample={every}:n_threads=2")
    for index, end in enumerate(ends):
        end.link_to(compare, 0, index)
    compare.link_to(graph.add("buffersink"))
    graph.configure()
    with av.open(str(path)) as shown, av.open(str(made.clip)) as source:
        frames = (islice(clip.decode(video=0), first, stop) for clip in (shown, source))
        pairs = zip(*frames, strict=True)
        for number, pair in enumerate(pairs):
            for end, frame in zip(ends, pair, strict=True):
                picture = frame.reformat(*size, "yuv420p", interpolation="BICUBIC")
                picture.pts, picture.time_base = number, base
                end.push(picture)
            graph.vpull()
    for end in ends:
        end.push(None)
    del graph, ends, end, compare
    gc.collect()  # libvmaf writes its log when the filter goes
    return round(float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"]), 2)
