"""The whole job beside the sum of its bare parts, in the same run.

    python -m benchmarks flow [--runs 3] [--seconds 60]

framegate is the command itself with a fresh data folder: interpreter, imports, database, durable
steps, sandbox, probe, screen, decision, report, everything. The parts are in `parts`, each alone
and bare. ``start-up`` is the command again on the finished file: it starts, hashes the file, finds
it done and ends. The ratio is given with start-up and without. The ladder is the fixed one: what
trials cost and bring is measured in `pertitle`.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from subprocess import run as execute
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import measure, sources
from benchmarks.answers import Answer, Row
from benchmarks.keeping import keep_samples
from benchmarks.ladders import PROGRAM, flags
from framegate.domain import serial
from framegate.domain.ladder import EncodePlan, Grid
from framegate.stages.encode.package import packager_path
from framegate.stages.encode.proof import spread_step

TARGET = 1.08
FRAMEGATE = str(Path(sys.executable).with_name("framegate"))
PARTS = ("ingest", "decode", "sound", "models", "ladder", "aac", "vmaf", "packager")


def bench(*, runs: int, quick: bool) -> Answer:
    """Measure; medians over ``runs`` of the ratios within each turn."""
    clip = sources.film(20 if quick else 60)
    turns: list[dict[str, float]] = []
    with TemporaryDirectory(prefix="framegate-bench-") as name:
        folder = Path(name)
        for turn in range(runs):
            turns.append(_turn(clip, folder, turn))
            print(json.dumps(turns[-1]), file=sys.stderr)
    middle = {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
    whole = statistics.median(turn["framegate"] / turn["parts"] for turn in turns)
    bare = statistics.median(
        (turn["framegate"] - turn["start-up"]) / turn["parts"] for turn in turns
    )
    return Answer(
        name="flow",
        rows=(
            Row("whole job / sum of bare parts, without start-up", bare, at_most=TARGET),
            Row("whole job / sum of bare parts, start-up included", whole, at_most=TARGET),
        ),
        details={"clip": clip.name, "runs": runs, "cpu_s": middle, "turns": turns},
    )


def _turn(clip: Path, folder: Path, turn: int) -> dict[str, float]:
    """The command and every part once; the first turn tells the parts what to do."""
    took: dict[str, float] = {}

    home = folder / f"turn{turn}"
    usage, report = _process(clip, home)
    took["framegate"] = usage.cpu_s
    took["start-up"] = _process(clip, home)[0].cpu_s
    if turn == 0:
        _write_job(clip, report, folder)
    for part in PARTS:
        took[part] = _part(part, folder)
    took["parts"] = sum(took[part] for part in PARTS)
    return took


def _process(clip: Path, home: Path) -> tuple[measure.Usage, dict[str, Any]]:
    """One run of the command; its usage, and the report that it wrote."""
    usage = measure.run(
        [FRAMEGATE, "process", str(clip), "-o", str(home / "out"), "--ladder", "fixed"],
        env={"FRAMEGATE_HOME": str(home)},
    )
    (report,) = (home / "out").glob("*/report.json")
    return usage, json.loads(report.read_text())


def _part(name: str, folder: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.parts", name, str(folder)]
    done = execute(
        command, check=True, capture_output=True, text=True, cwd=sources.OUT.parent.parent
    )
    return float(json.loads(done.stdout)["cpu_s"])


def _write_job(clip: Path, report: dict[str, Any], folder: Path) -> None:
    """What the parts have to do, taken from what framegate did."""
    plan, screening = report["plan"], report["screening"]
    encoded = serial.load(EncodePlan, plan)
    kept = keep_samples(clip)
    arrays: dict[str, Any] = {
        "pixels": np.stack([sample.pixels for sample in kept.samples]),
        "sound": kept.sound,
    }
    for number, sample in enumerate(kept.samples):
        if sample.active.shape != sample.pixels.shape:
            arrays[f"active{number}"] = sample.active
    np.savez(folder / "samples.npz", **arrays)
    ran = {run["analyser"]: run for run in screening["runs"]}
    if ran["tags.imagenet"]["samples_seen"] != len(kept.novel):
        raise RuntimeError("the kept samples are not those of the run")
    numerator, denominator = map(int, plan["grid"]["frame_rate"].split("/"))
    job = {
        "clip": str(clip),
        "ffmpeg": PROGRAM,
        "packager": str(packager_path()),
        "rungs": plan["renditions"],
        "flags": {rung.name: flags(rung, encoded) for rung in encoded.renditions},
        "gop": plan["grid"]["gop_frames"],
        "rate": numerator / denominator,
        "audio_bitrate": plan["audio"][0]["bitrate"] if plan["audio"] else 0,
        "windows": _windows(report),
        "novel": kept.novel,
        "shots": kept.shots,
        # by CPU, not by status: speech of another language was heard too, though not judged
        "text": ran["text.rapidocr"]["cpu_s"] > 0,
        "speech": ran["speech.whisper"]["cpu_s"] > 0,
    }
    (folder / "job.json").write_text(json.dumps(job))


def _windows(report: dict[str, Any]) -> list[dict[str, int]]:
    """The windows of the first rendition, with the step between scored frames."""
    step = spread_step(serial.load(Grid, report["plan"]["grid"]))
    return [
        {
            "first": window["first_frame"],
            "frames": window["frames"],
            "step": 1 if window["join"] else step,
        }
        for window in report["renditions"][0]["windows"]
    ]
