"""The whole command on hostile and broken input: one clear line, the documented exit code, nothing
half-published, no process left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from framegate import errors
from framegate.testing.clips import make_clip
from framegate.testing.hostile import HOSTILE, Hostile


@dataclass(frozen=True)
class Ran:
    code: int
    answer: dict[str, Any]
    stderr: str


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared: the models' caches and the database are made once."""
    return tmp_path_factory.mktemp("home")


def process(path: Path, out: Path, home: Path, *arguments: str) -> Ran:
    """Run the real command in a process of its own."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "framegate", "process", "--json", "--progress", "none"),
            *("-o", str(out), "--vmaf", "off", *arguments, "--", str(path)),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={
            **os.environ,
            "FRAMEGATE_HOME": str(home),
            "FRAMEGATE_SCREEN__SPEECH": "false",
            "FRAMEGATE_SCREEN__TEXT": "false",
        },
    )
    return Ran(done.returncode, json.loads(done.stdout), done.stderr)


def published(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if path.is_file()] if out.exists() else []


@pytest.mark.parametrize(
    "case", [case for case in HOSTILE if case.code], ids=lambda case: ascii(case.name)
)
def test_refused_with_one_clear_line(case: Hostile, tmp_path: Path, home: Path) -> None:
    path = tmp_path / case.name
    case.make(path)
    ran = process(path, tmp_path / "out", home)
    kind = errors.leaves()[case.code or ""]
    assert ran.code == kind.exit_code, ran.stderr
    lines = [line for line in ran.stderr.splitlines() if line]
    assert len(lines) == 1, ran.stderr
    assert lines[0].startswith(f"error[{case.code}]: ")
    assert lines[0].count(": ") >= 1
    assert "Traceback" not in ran.stderr
    assert ran.answer["results"][0]["error"]["code"] == case.code
    assert not published(tmp_path / "out")


@pytest.mark.parametrize(
    "case", [case for case in HOSTILE if case.code is None], ids=lambda case: ascii(case.name)
)
def test_broken_or_odd_but_processed(case: Hostile, tmp_path: Path, home: Path) -> None:
    path = tmp_path / case.name
    case.make(path)
    ran = process(path, tmp_path / "out", home, "--max-short-side", "360")
    result = ran.answer["results"][0]
    assert ran.code in (0, 4), ran.stderr
    assert result["error"] is None
    folder = Path(result["output"])
    assert folder.parent == tmp_path / "out"
    assert folder.name.isascii()
    assert folder.name.isprintable()
    report = json.loads((folder / "report.json").read_text())
    if case.name.startswith("truncated"):
        assert 0 < report["facts"]["readable_share"] < 1
        assert report["facts"]["truncated"] is True
    else:
        assert (folder / "hls/master.m3u8").is_file()


def test_path_that_is_not_there(tmp_path: Path, home: Path) -> None:
    ran = process(tmp_path / "gone.mp4", tmp_path / "out", home)
    assert ran.code == errors.InputVanished.exit_code
    assert ran.stderr.startswith("error[input.vanished]: ")


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/sys").is_dir(), reason="needs /proc/sys")
def test_output_that_cannot_be_written(tmp_path: Path, home: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    ran = process(clip, Path("/proc/sys/out"), home)  # refused to root too
    assert ran.code == errors.OutputNotWritable.exit_code
    assert "error[resource.output]: " in ran.stderr


def test_one_bad_file_never_stops_the_rest(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a-broken.mp4").write_bytes(b"not a video at all" * 100)
    make_clip(folder / "b-good.mp4")
    (folder / "c-empty.mp4").touch()
    ran = process(folder, tmp_path / "out", home)
    assert ran.code == 1
    statuses = [result["status"] for result in ran.answer["results"]]
    assert statuses.count("failed") == 2
    assert statuses.count("published") + statuses.count("review") == 1
