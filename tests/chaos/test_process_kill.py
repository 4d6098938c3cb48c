"""kill -9 in every stage of `framegate process`; the same command then goes on and finishes.

Nothing in the product helps: the stage is known from the progress events on stderr and from the
files in the work area, as anybody could know it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

import footage

LOOPS = 17  # of a 4-second clip: 68 s, so three chunks of 24 to 32 s at 10 frames a second
STAGES = (
    *("ingest", "probe", "screen", "decide", "plan", "encode"),
    *("proof", "package", "stills", "publish"),
)


@dataclass(frozen=True)
class Bench:
    """A data folder, an output folder and the command that uses them."""

    root: Path
    video: Path

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def work(self) -> Path:
        (asset,) = (self.root / "home" / "work").iterdir()
        return asset

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "framegate", "process", self.video, "-o", self.out),
                *("--json", "--progress", "json"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "FRAMEGATE_HOME": str(self.root / "home"),
                # each model is one more thing to load; what they see is not the question here
                "FRAMEGATE_SCREEN__TEXT": "false",
                "FRAMEGATE_SCREEN__SPEECH": "false",
            },
        )

    def finish(self) -> dict[str, Any]:
        process = self.start()
        answer, said = process.communicate(timeout=240)
        assert process.returncode == 0, said
        result: dict[str, Any]
        (result,) = json.loads(answer)["results"]
        return result

    def kill_at_start_of(self, stage: str) -> None:
        process = self.start()
        assert process.stderr is not None
        for line in process.stderr:
            event = json.loads(line)
            if event.get("event") == "start" and event.get("stage") == stage:
                break
        else:
            pytest.fail(f"no stage {stage}")
        kill(process)

    def segments(self) -> dict[str, str]:
        (package,) = self.out.iterdir()
        return {
            str(path.relative_to(package)): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in ("media", "hls", "dash")
            for path in sorted((package / folder).rglob("*"))
            if path.is_file()
        }


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.fixture(scope="module")
def video(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real clip, looped by packet copy: long enough for several chunks, small enough to wait."""
    path = tmp_path_factory.mktemp("video") / "looped.mkv"
    with av.open(str(clips / "carphone_pristine.mp4")) as source, av.open(str(path), "w") as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        length = max((packet.pts or 0) + (packet.duration or 0) for packet in packets)
        base = stream.time_base or Fraction(1, 90000)
        for turn in range(LOOPS):
            with av.open(str(clips / "carphone_pristine.mp4")) as again:
                for packet in again.demux(again.streams.video[0]):
                    if not packet.size:
                        continue
                    packet.pts = (packet.pts or 0) + turn * length
                    packet.dts = (packet.dts or 0) + turn * length
                    packet.time_base = base
                    packet.stream = copy
                    out.mux(packet)
    return path


@pytest.fixture(scope="module")
def unbroken(video: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    bench = Bench(tmp_path_factory.mktemp("unbroken"), video)
    assert bench.finish()["resumed"] is False
    return bench.segments()


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_killed_in_a_stage_the_next_run_finishes_the_same_package(
    tmp_path: Path, video: Path, unbroken: dict[str, str], stage: str
) -> None:
    bench = Bench(tmp_path, video)
    bench.kill_at_start_of(stage)
    assert not bench.out.exists() or not any(
        not path.name.startswith(".") for path in bench.out.iterdir()
    ), "half a package was published"
    result = bench.finish()
    assert result["status"] == "published"
    assert result["resumed"] is (stage != "ingest")
    assert bench.segments() == unbroken
    again = bench.finish()
    assert again["already_done"] is True
    assert [path.name for path in bench.out.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_finished_chunks_are_not_encoded_again(
    tmp_path: Path, video: Path, unbroken: dict[str, str]
) -> None:
    bench = Bench(tmp_path, video)
    process = bench.start()
    receipts = wait_for_receipt(bench, process)
    kill(process)
    before = {path: fingerprint(path) for path in bench.work.glob("chunks/*/*.nut")}
    done = {path.parent for path in receipts}
    assert 0 < len(done) < 3, "the kill came too late to prove anything"
    kept = {path: mark for path, mark in before.items() if path.parent in done}
    process = bench.start()
    # the work area is put away after success: look while the next stage runs
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event.get("event") == "start" and event.get("stage") == "package":
            break
    assert {path: fingerprint(path) for path in kept} == kept
    answer, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert json.loads(answer)["results"][0]["resumed"] is True
    assert bench.segments() == unbroken


def wait_for_receipt(bench: Bench, process: subprocess.Popen[str]) -> list[Path]:
    """Until the first chunk is finished; progress events are the clock."""
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line).get("stage") != "encode":
            continue
        found = list(bench.work.glob("chunks/*/chunk.json"))
        if found:
            return found
    pytest.fail("no chunk was finished")


def fingerprint(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_running_and_the_next_run_goes_on(
    tmp_path: Path, video: Path, unbroken: dict[str, str]
) -> None:
    bench = Bench(tmp_path, video)
    process = bench.start()
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event.get("event") == "advance" and event.get("stage") == "encode":
            break
    children = descendants(process.pid)
    assert children
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    deadline = time.monotonic() + 20
    while any(alive(child) for child in children) and time.monotonic() < deadline:
        os.sched_yield()
    assert not [child for child in children if alive(child)]
    assert not any(bench.out.iterdir())
    result = bench.finish()
    assert (result["status"], result["resumed"]) == ("published", True)
    assert bench.segments() == unbroken


@pytest.mark.slow
def test_two_commands_at_once_do_not_take_each_others_work(
    tmp_path: Path, video: Path, clips: Path
) -> None:
    one, other = Bench(tmp_path, video), Bench(tmp_path, clips / "carphone_pristine.mp4")
    first = one.start()
    assert first.stderr is not None
    for line in first.stderr:
        if json.loads(line).get("stage") == "screen":
            break
    second = one.start()
    answer, _ = second.communicate(timeout=120)
    assert second.returncode == 75
    assert json.loads(answer)["results"][0]["error"]["code"] == "job.running"
    assert other.finish()["resumed"] is False
    answer, said = first.communicate(timeout=240)
    assert first.returncode == 0, said
    assert json.loads(answer)["results"][0]["resumed"] is False


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found |= {int(child)} | descendants(int(child))
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["compare", "look-again", "decide-again", "package"])
def test_killed_around_the_second_look_the_next_run_goes_on(
    tmp_path: Path, clips: Path, stage: str
) -> None:
    video = tmp_path / "spliced.mp4"
    footage.spliced(clips, video)
    bench = Bench(tmp_path, video)
    bench.kill_at_start_of(stage)
    assert not bench.out.exists() or not list(bench.out.glob("[!.]*")), "published unseen"
    result = bench.finish()
    assert (result["status"], result["resumed"]) == ("published", True)
    assert result["agreement"]["looked_again"] == 1
    (package,) = bench.out.iterdir()
    first, second = json.loads((package / "report.json").read_text())["decisions"]
    assert (first["note"] == "", second["note"] == "") == (True, False)
    assert bench.finish()["already_done"] is True
