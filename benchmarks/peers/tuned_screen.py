"""The script's loop around framegate's own analysers: what is compared is all but the models.

    python -m benchmarks.peers.tuned_screen FOLDER

Reading, cuts and samples are those of `benchmarks.peers.opencv_screen`; models, their sessions and
the preparation of pictures are framegate's. No sandbox, no sound, no coverage, no signals.
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.peers.reading import Account, Frame, read
from benchmarks.peers.remembering import Remembering
from framegate.domain.frames import Sample, SampleInfo, SampleReason
from framegate.stages.screen.analysers import catalogue
from framegate.stages.screen.protocol import Every


def main() -> None:
    """Screen one clip."""
    folder = Path(sys.argv[1])
    job: dict[str, Any] = json.loads((folder / "job.json").read_text())
    samples = json.loads(Path(job["samples"]).read_text())["samples"]
    names = [name for name in catalogue.NAMES if not name.startswith("speech.")]
    models = Remembering()
    analysers = catalogue.build(models, names=names).stills
    waiting: dict[str, list[Sample]] = {analyser.name: [] for analyser in analysers}
    shown = {Every.NOVEL: "novel", Every.SHOT: "first"}
    account = Account()
    hashes: list[str] = []

    def show(index: int, frame: Frame) -> None:
        sample = _sample(frame, index)
        for analyser in analysers:
            if not samples[index].get(shown.get(analyser.every), True):
                continue
            batch = waiting[analyser.name]
            batch.append(sample)
            if len(batch) >= analyser.batch:
                looked = account.time(analyser.name, partial(analyser.analyse, batch))
                hashes.extend(found.pdq for found in looked.pdq)
                batch.clear()

    shots = read(job["clip"], samples, show)
    for analyser in analysers:
        if waiting[analyser.name]:
            rest = partial(analyser.analyse, waiting[analyser.name])
            hashes.extend(found.pdq for found in account.time(analyser.name, rest).pdq)
        analyser.finish()
    models.save(folder / "answers.npz", hashes)
    report = {"shots": shots, "cpu_s": account.cpu_s, "texts": models.texts}
    (folder / "report.json").write_text(json.dumps(report))


def _sample(frame: Frame, index: int) -> Sample:
    pixels = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
    height, width = pixels.shape[:2]
    info = SampleInfo(index, index, Fraction(index), 0, SampleReason.GAP, width, height)
    return Sample(info, pixels, pixels)


if __name__ == "__main__":
    main()
