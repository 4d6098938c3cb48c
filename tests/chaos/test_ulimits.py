"""A shell's limits that are too tight: one clear error that names them, not the video."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from framegate.errors import CallerLimit, Internal, MediaLimit
from framegate.security import ulimits
from framegate.security.sandbox import Limits, outcome
from framegate.storage.atomic import write_bytes


@pytest.mark.parametrize(("option", "kib"), [("-v", 2_000_000), ("-d", 2_000_000), ("-f", 100)])
def test_limits_under_which_nothing_works_are_told_at_once(
    clips: Path, tmp_path: Path, option: str, kib: int
) -> None:
    script = f'ulimit {option} {kib}; exec "$0" -m framegate process "$1" -o "$2" --progress none'
    clip, out = clips / "carphone_pristine.mp4", tmp_path / "out"
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, clip, out],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FRAMEGATE_HOME": str(tmp_path / "home")},
    )
    assert done.returncode == CallerLimit.exit_code
    (line,) = done.stderr.splitlines()
    assert line.startswith("error[resource.ulimit]: ")
    assert f"ulimit {option} allows" in line
    assert not out.exists()


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process may write 1 MiB a file, as far as it is asked."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 20, 1 << 20))


@pytest.mark.usefixtures("small_files")
def test_a_child_is_not_blamed_for_what_the_shell_forbids() -> None:
    wide, narrow = Limits(file_bytes=1 << 30), Limits(memory_bytes=1, file_bytes=1)
    too_large, too_much = {"errno": errno.EFBIG}, {"memory": True}
    assert isinstance(outcome.from_report("task", too_large, wide), CallerLimit)
    assert isinstance(outcome.from_report("task", too_much, wide), CallerLimit)
    assert isinstance(outcome.from_report("task", too_large, narrow), MediaLimit)
    assert isinstance(outcome.from_report("task", too_much, narrow), MediaLimit)


def test_a_file_that_may_not_grow_is_named_with_its_limit(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(CallerLimit, match=r"screening\.json .* 1 MiB"):
            write_bytes(tmp_path / "screening.json", bytes(2 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_processes_that_may_not_be_made() -> None:
    again = outcome.refused("task", "BlockingIOError: [Errno 11] Resource temporarily unavailable")
    assert isinstance(again, CallerLimit)
    memory = outcome.refused("task", "OSError: [Errno 12] Cannot allocate memory")
    assert isinstance(memory, MediaLimit)
    assert isinstance(outcome.refused("task", "ImportError: no such task"), Internal)


def test_no_limit_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    ulimits.require_room()
    assert not ulimits.in_the_way(resource.RLIMIT_AS, 1 << 60)
