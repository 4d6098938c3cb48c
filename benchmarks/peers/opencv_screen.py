"""The usual script: OpenCV reads the video, PySceneDetect finds the cuts, models look at samples.

    python -m benchmarks.peers.opencv_screen CLIP TIMES

One pass over the file. Samples are taken at the times in the JSON file ``TIMES`` (those that
framegate chose, so that the models have the same work) and go through framegate's own analysers in
the same batches: what is compared is everything around the models. No sandbox, no sound, no
coverage, no signals but the cuts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
from scenedetect import FrameTimecode
from scenedetect.detectors import ContentDetector

from framegate.domain.frames import Sample, SampleInfo, SampleReason
from framegate.domain.hashlist import distance
from framegate.models.store import Models
from framegate.stages.screen.analysers import catalogue
from framegate.stages.screen.cascade import NOVEL_BITS
from framegate.stages.screen.protocol import Every

DETECTION_WIDTH = 256  # px: PySceneDetect's own default width for cuts
PREVIEW_WIDTH = 640


def main() -> None:
    """Screen one clip."""
    clip, wanted = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    names = [name for name in catalogue.NAMES if not name.startswith("speech.")]
    analysers = catalogue.build(Models(), names=names).stills
    waiting: dict[str, list[Sample]] = {analyser.name: [] for analyser in analysers}
    shows = _shows(wanted)
    capture = cv2.VideoCapture(clip)
    rate = capture.get(cv2.CAP_PROP_FPS)
    detector = ContentDetector()
    cuts, number, sampled = 0, 0, 0
    while True:
        found, frame = capture.read()
        if not found:
            break
        height, width = frame.shape[:2]
        small = cv2.resize(frame, (DETECTION_WIDTH, round(DETECTION_WIDTH * height / width)))
        cuts += len(detector.process_frame(FrameTimecode(number, rate), small))
        if sampled < len(wanted) and number >= round(wanted[sampled]["time"] * rate):
            sample = _sample(frame, sampled)
            for analyser in analysers:
                if not shows[analyser.every][sampled]:
                    continue
                batch = waiting[analyser.name]
                batch.append(sample)
                if len(batch) >= analyser.batch:
                    analyser.analyse(batch)
                    batch.clear()
            sampled += 1
        number += 1
    for analyser in analysers:
        if waiting[analyser.name]:
            analyser.analyse(waiting[analyser.name])
        analyser.finish()
    print(sampled, "samples,", cuts + 1, "shots")


def _sample(frame: cv2.typing.MatLike, index: int) -> Sample:
    height, width = frame.shape[:2]
    size = (PREVIEW_WIDTH, round(PREVIEW_WIDTH * height / width))
    pixels = cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    info = SampleInfo(index, index, Fraction(index), 0, SampleReason.GAP, *size)
    return Sample(info, pixels, pixels)


def _shows(wanted: Sequence[dict[str, object]]) -> dict[Every, list[bool]]:
    """Who is shown which sample: framegate's own choice, so that the models' work is equal."""
    novel: list[bool] = []
    shown = ""
    for row in wanted:
        new = bool(row["first"]) or distance(shown, str(row["pdq"])) > NOVEL_BITS
        novel.append(new)
        shown = str(row["pdq"]) if new else shown
    return {
        Every.SAMPLE: [True] * len(wanted),
        Every.NOVEL: novel,
        Every.SHOT: [bool(row["first"]) for row in wanted],
    }


if __name__ == "__main__":
    main()
