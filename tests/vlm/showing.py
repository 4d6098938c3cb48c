"""Clips of coloured squares, and `framegate process` over them with the served model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from vlm import squares

RATE = 10
WIDTH, HEIGHT = 320, 180
PROFILE = """\
name = "tiny-scout"
model = "tiny-scout"
summary = "The tiny model of the integration suite"
max_model_len = 4096
max_num_seqs = 16
most_in_flight = {most_in_flight}
deadline_s = {deadline_s}
p95_ms = 5000
"""
PLENTY = "triage_calls = 600"
# eight questions a minute for more frames than that, so that neighbours share their first one
SHARING = """\
triage_calls = 8
frames_per_request = 4
detail_calls = 600
"""


def clip(
    path: Path, truths: Sequence[str], *, seed: int, shot_s: float = 2, kind: str = ""
) -> Path:
    """Write one shot for each truth: a still picture whose square drifts by a few pixels."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=Fraction(RATE), options={"crf": "18", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, truth in enumerate(truths):
            picture = squares.scene(truth, seed + number, WIDTH, HEIGHT, kind)
            for frame in range(int(shot_s * RATE)):
                moved = np.roll(picture, frame // 4, axis=1)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        out.mux(stream.encode())
    return path


@dataclass(frozen=True)
class Job:
    """One data folder; the same command may be run in it again and again."""

    root: Path
    url: str
    deadline_s: int = 60
    most_in_flight: int = 8
    mode: str = "auto"
    allowance: str = PLENTY

    def start(self, video: Path) -> subprocess.Popen[str]:
        profile = self.root / "tiny-scout.toml"
        profile.write_text(
            PROFILE.format(deadline_s=self.deadline_s, most_in_flight=self.most_in_flight)
            + self.allowance
        )
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "framegate", "process", video, "-o", self.root / "out"),
                *("--vlm", self.url, "--vlm-profile", profile, "--ladder", "fixed"),
                *("--json", "--progress", "json"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "FRAMEGATE_HOME": str(self.root / "home"),
                "FRAMEGATE_SCREEN__MODE": self.mode,
                # what other models see is not the question here
                "FRAMEGATE_SCREEN__TEXT": "false",
                "FRAMEGATE_SCREEN__SPEECH": "false",
            },
        )

    def run(self, video: Path) -> dict[str, Any]:
        """Give the report of the video."""
        return report_of(self.start(video))


def report_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a job's end and read its report."""
    answer, said = process.communicate(timeout=400)
    results = json.loads(answer)["results"]
    assert len(results) == 1, said
    report: dict[str, Any] = json.loads((Path(results[0]["output"]) / "report.json").read_text())
    return report
