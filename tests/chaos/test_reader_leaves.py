"""``framegate process … | head -1``: the reader leaves, the work and its status stay."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from framegate.testing.clips import make_clip

BLOCKED = 3


@pytest.mark.parametrize(
    ("options", "reader", "said"),
    [
        ("--progress auto", "2>&1 | head -n 1", "[1/2] "),  # a line of progress, many follow
        ("--progress json --json", "2>&1 | true", ""),  # gone before the first word
        ("--progress none", "| head -n 1", "✗ blocked"),
    ],
)
def test_work_goes_on_and_its_status_stands(
    tmp_path: Path, options: str, reader: str, said: str
) -> None:
    videos, out, listed = tmp_path / "in", tmp_path / "out", tmp_path / "listed.txt"
    videos.mkdir()
    clips = [make_clip(videos / f"{rate}.mp4", fps=Fraction(rate)) for rate in (24, 25)]
    digests = [hashlib.sha256(clip.read_bytes()).hexdigest() for clip in clips]
    listed.write_text("\n".join(["# label: terrorism", *(f"sha256 {each}" for each in digests)]))
    command = f'"$0" -m framegate process {options} -o "$1" --hash-list "$2" "$3" {reader}'
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command, sys.executable, out, listed, videos],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            **os.environ,
            "FRAMEGATE_HOME": str(tmp_path / "home"),
            "FRAMEGATE_SCREEN__SPEECH": "false",
            "FRAMEGATE_SCREEN__TEXT": "false",
        },
    )
    assert done.returncode == BLOCKED
    assert done.stdout.startswith(said)
    assert done.stderr == "", "no traceback, no complaint of the interpreter at its end"
    assert len(list(out.rglob("report.json"))) == len(clips)
