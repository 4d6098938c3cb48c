"""A disk that is really full, at several moments: one clear error, and the next run goes on.

The disk is a small tmpfs in a mount namespace of the test's own; after the failure it is grown.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import missing

SCRIPT = """
set -u
mount -t tmpfs -o size={size} none {disk} || exit 99
export FRAMEGATE_HOME={disk}/home FRAMEGATE_LIMITS__MIN_FREE_BYTES=0
export FRAMEGATE_SCREEN__TEXT=false FRAMEGATE_SCREEN__SPEECH=false
{command} > {answers}/1 2> {answers}/e
echo $? > {answers}/code
ls -A {disk}/out > {answers}/left 2> /dev/null
mount -o remount,size=200M {disk}
{command} > {answers}/2
"""


@pytest.fixture(scope="module")
def unshare() -> str:
    program = shutil.which("unshare")
    if program is None or subprocess.run([program, "-Urm", "true"], check=False).returncode:
        missing("unshare with user and mount namespaces")
    assert program is not None
    return program


@pytest.mark.slow
@pytest.mark.parametrize("size", ["600k", "900k", "1400k", "3m"])
def test_a_full_disk_is_one_clear_error_and_the_next_run_goes_on(
    unshare: str, clips: Path, tmp_path: Path, size: str
) -> None:
    disk, answers = tmp_path / "disk", tmp_path / "answers"
    disk.mkdir()
    answers.mkdir()
    command = [
        *(sys.executable, "-m", "framegate", "process", str(clips / "bigbuckbunny.mp4")),
        *("-o", str(disk / "out"), "--json", "--progress", "none"),
    ]
    script = SCRIPT.format(size=size, disk=disk, answers=answers, command=shlex.join(command))
    subprocess.run([unshare, "-Urm", "sh", "-c", script], check=True, timeout=240)
    assert (answers / "code").read_text().strip() == "74"
    (error,) = (answers / "e").read_text().splitlines()
    assert error.startswith("error[resource.disk_full]: ")
    assert (answers / "left").read_text() == "", "something half-made was left in the output"
    (result,) = json.loads((answers / "2").read_text())["results"]
    assert result["status"] == "published"
    assert result["resumed"] is True
