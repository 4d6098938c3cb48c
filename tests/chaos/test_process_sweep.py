"""A run sweeps what others abandoned, and nothing of a run that is under way: the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def start(root: Path, video: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "framegate", "process", video, "-o", root / "out"),
            *("--json", "--progress", "json", "--vmaf", "off"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "FRAMEGATE_HOME": str(root / "home"),
            "FRAMEGATE_RETENTION__DAYS": "0",  # nothing is too young to go
            "FRAMEGATE_SCREEN__TEXT": "false",
            "FRAMEGATE_SCREEN__SPEECH": "false",
        },
    )


def until_encoding(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event.get("event") == "start" and event.get("stage") == "encode":
            return
    pytest.fail("it ended before it encoded")


def files(home: Path) -> set[Path]:
    return {path for path in (home / "work").rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_run_removes_abandoned_work_and_no_live_one(tmp_path: Path, clips: Path) -> None:
    home = tmp_path / "home"
    killed = start(tmp_path, clips / "cityCC0.mpg")
    until_encoding(killed)
    killed.kill()
    killed.communicate()
    abandoned = set((home / "work").iterdir())
    assert len(abandoned) == 1

    alive = start(tmp_path, clips / "carphone_pristine.mp4")
    until_encoding(alive)  # its own sweep is over by then
    assert not any(path.exists() for path in abandoned)
    alive.send_signal(signal.SIGSTOP)  # at work for as long as the other takes
    (at_work,) = (home / "work").iterdir()
    before = files(home)
    assert before
    other = start(tmp_path, clips / "bikes.mp4")
    answer, said = other.communicate(timeout=240)
    assert other.returncode == 0, said
    assert at_work.is_dir()
    assert before <= files(home)
    alive.send_signal(signal.SIGCONT)
    answer, said = alive.communicate(timeout=240)
    assert alive.returncode == 0, said
    assert json.loads(answer)["results"][0]["status"] == "published"
