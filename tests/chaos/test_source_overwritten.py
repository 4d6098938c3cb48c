"""The source is overwritten while `framegate process` reads it, then put back, times and all.

What is published is what was hashed: a reading during which that happened does not count.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import footage
from framegate import settings, wiring

FRAMES = 60
STAGES = ("probe", "screen", "encode")


def make(path: Path, first: int) -> Path:
    """Uncompressed, so that all have the same size, layout and facts, whatever they show."""
    pictures = (
        footage.grey(np.roll(footage.numbered(first + n), n, axis=0)) for n in range(FRAMES)
    )
    return footage.write(path, pictures, encoder="rawvideo")


def put(path: Path, content: bytes) -> None:
    """Write into a file as its owner can, size and modification time kept."""
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


class Job:
    """One run of the command, stopped and woken by the test."""

    def __init__(self, root: Path, video: Path) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "framegate", "process", video, "-o", root / "out"),
                *("--json", "--progress", "json"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "FRAMEGATE_HOME": str(root / "home"),
                "FRAMEGATE_SCREEN__TEXT": "false",
                "FRAMEGATE_SCREEN__SPEECH": "false",
            },
        )

    def starts(self, stage: str) -> Iterator[None]:
        """Each time that a stage starts, the process standing still until the next is asked for."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            event = json.loads(line)
            if (event.get("event"), event.get("stage")) == ("start", stage):
                self.process.send_signal(signal.SIGSTOP)
                yield
                self.process.send_signal(signal.SIGCONT)

    def result(self) -> tuple[int, dict[str, Any]]:
        self.process.send_signal(signal.SIGCONT)
        answer, _ = self.process.communicate(timeout=240)
        (result,) = json.loads(answer)["results"]
        return self.process.returncode, result


def published(out: Path) -> tuple[Any, dict[str, bytes]]:
    """What was seen, and every byte of the media; what was encoded is what was seen."""
    (folder,) = out.iterdir()
    report = json.loads((folder / "report.json").read_text())
    agreement = report["agreement"]
    # each picture of this source is unlike the one before: some are looked at again, none left out
    assert agreement.pop("frames_unlike") == agreement.pop("looked_again")
    assert agreement == {
        "frames_screened": FRAMES,
        "frames_encoded": FRAMES,
        "corrupt_packets": 0,
        "exact": True,
        "agrees": True,
        "frames_compared": FRAMES,
        "left_unseen": 0,
    }
    seen = [sample["pdq"] for sample in report["screening"]["samples"]]
    media = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / "media").rglob("*.m4s"))
    }
    return seen, media


class Meddler:
    """Puts other bytes there from the beginning of a reading to its end, once."""

    def __init__(self, stage: str, video: Path, other: bytes) -> None:
        self._stage = stage
        self._video = video
        self._held, self._other = video.read_bytes(), other
        self._steps = [self._other, self._held]

    def start(self, stage: str, _total: float | None, _unit: str) -> None:
        if stage != "encode":  # whose start comes before the first chunk is read
            self._step(stage)

    def advance(self, stage: str, _done: float) -> None:
        if stage == "encode":
            self._step(stage)

    def end(self, stage: str, _note: str = "") -> None:
        self._step(stage)

    def _step(self, stage: str) -> None:
        if stage == self._stage and self._steps:
            put(self._video, self._steps.pop(0))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make(tmp_path_factory.mktemp("other") / "other.avi", 600).read_bytes()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("unbroken")
    code, _ = Job(root, make(root / "source.avi", 100)).result()
    assert code == 0
    return published(root / "out")


@pytest.mark.parametrize("stage", STAGES)
def test_what_was_read_of_another_picture_does_not_count(
    tmp_path: Path, other: bytes, unbroken: Any, stage: str
) -> None:
    video = make(tmp_path / "source.avi", 100)
    meddler = Meddler(stage, video, other)
    wish = {"paths": {"home": tmp_path / "home"}, "screen": {"text": False, "speech": False}}
    with wiring.opened(settings.load(**wish)) as app:
        options = wiring.process_options(app.settings, output=tmp_path / "out", max_gap_s=1.0)
        (result,) = app.processing.process(
            [video], options, lambda _path, _number, _total: meddler, lambda _result: None
        )
    assert result.error is None
    assert published(tmp_path / "out") == unbroken


def test_a_source_touched_twice_is_refused_and_nothing_is_lost(
    tmp_path: Path, other: bytes, unbroken: Any
) -> None:
    video = make(tmp_path / "source.avi", 100)
    held = video.read_bytes()
    job = Job(tmp_path, video)
    starts = job.starts("screen")
    for _ in range(2):
        next(starts)
        put(video, other)
        put(video, held)
    code, result = job.result()
    assert code == 66
    assert result["error"]["code"] == "input.vanished"
    assert "touched twice" in result["error"]["what"]
    assert list((tmp_path / "out").iterdir()) == []
    code, result = Job(tmp_path, video).result()
    assert (code, result["resumed"]) == (0, True)
    assert published(tmp_path / "out") == unbroken
