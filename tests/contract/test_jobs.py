"""What framegate takes for granted of DBOS, broken on purpose with real processes."""

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from framegate import database
from framegate.jobs import Jobs, Leases

WORKER = Path(__file__).with_name("job_worker.py")


def start(home: Path, job: str, *, stall: str = "", fail: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, WORKER, home, job, stall, fail], stdout=subprocess.PIPE, text=True
    )


def finish(home: Path, job: str, **how: str) -> tuple[int, str]:
    worker = start(home, job, **how)
    output, _ = worker.communicate(timeout=60)
    return worker.returncode, output


def killed_in(home: Path, job: str, step: str) -> None:
    worker = start(home, job, stall=step)
    assert worker.stdout is not None
    assert worker.stdout.readline() == f"in {step}\n"
    worker.kill()
    worker.wait()


def log(home: Path) -> Counter[str]:
    return Counter((home / "log").read_text().split())


@pytest.mark.parametrize("step", ["first", "part1", "last"])
def test_a_killed_flow_goes_on_after_its_last_finished_step(tmp_path: Path, step: str) -> None:
    home = tmp_path / "home"
    killed_in(home, "job-1", step)
    done_before = log(home)
    code, output = finish(home, "job-1")
    answer = json.loads(output)
    assert code == 0
    assert answer["before"] == "unfinished"
    assert answer["result"]["names"] == ["first", "part0", "part1", "part2", "last"]
    assert answer["result"]["request"] == {"n": 1}
    again = {name for name, times in log(home).items() if times > 1}
    # parts run two at a time: the killed one's neighbour may have been cut short with it
    assert step in again
    assert again <= ({step} if step in {"first", "last"} else {"part0", "part1", "part2"})
    if step == "last":
        assert done_before["part0"] == done_before["part1"] == done_before["part2"] == 1


def test_a_finished_flow_returns_its_result_and_runs_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _, first = finish(home, "job-1")
    before = log(home)
    _, second = finish(home, "job-1")
    assert json.loads(second)["before"] == "done"
    assert json.loads(second)["sockets"] == 0, "the engine must not listen or call anywhere"
    assert json.loads(second)["result"] == json.loads(first)["result"]
    assert log(home) == before


def test_an_error_is_no_result_the_next_run_tries_that_step_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, output = finish(home, "job-1", fail="last")
    assert (code, output.split(":")[0]) == (74, "error[resource.disk_full]")
    code, output = finish(home, "job-1")
    assert code == 0
    assert json.loads(output)["before"] == "unfinished"
    assert log(home) == {"first": 1, "part0": 1, "part1": 1, "part2": 1, "last": 2}


def test_a_failed_part_lets_its_neighbours_finish_and_keeps_them(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, _ = finish(home, "job-1", fail="part2")
    assert code == 74
    code, _ = finish(home, "job-1")
    assert code == 0
    assert log(home) == {"first": 1, "part0": 1, "part1": 1, "part2": 2, "last": 1}


def test_the_work_of_a_live_process_is_not_taken(tmp_path: Path) -> None:
    home = tmp_path / "home"
    worker = start(home, "job-1", stall="last")
    assert worker.stdout is not None
    try:
        assert worker.stdout.readline() == "in last\n"
        code, output = finish(home, "job-1")
        assert code == 75
        assert output.startswith("error[job.running]")
        assert log(home)["last"] == 1
    finally:
        worker.kill()
        worker.wait()


def test_two_processes_with_different_work_leave_each_other_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    killed_in(home, "job-1", "last")
    # a new process that was asked for something else does not touch the abandoned flow
    leases = Leases(home / "leases", holder={})
    assert not leases.held("asset")
    code, output = finish(home, "job-2")
    assert code == 0
    assert json.loads(output)["before"] == "none"
    assert log(home)["last"] == 2  # once killed, once for job-2
    engine = database.connect(home)
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT workflow_uuid, status FROM workflow_status ORDER BY 1")
        ).all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [("job-1", "PENDING"), ("job-2", "SUCCESS")]


def test_checkpoints_are_json_and_hold_no_pickle(tmp_path: Path) -> None:
    home = tmp_path / "home"
    finish(home, "job-1")
    engine = database.connect(home)
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT function_name, output, serialization FROM operation_outputs")
        ).all()
    engine.dispose()
    assert sorted(row.function_name for row in rows) == ["first", "last", "part", "part", "part"]
    for row in rows:
        assert row.serialization == "portable_json"
        assert "name" in json.loads(row.output)


def rows(home: Path) -> dict[str, set[str]]:
    """The flows that each table of the engine knows of."""
    engine = database.connect(home)
    try:
        with engine.connect() as connection:
            return {
                table: set(
                    connection.execute(
                        sa.select(sa.column("workflow_uuid")).select_from(sa.table(table))
                    ).scalars()
                )
                for table in sa.inspect(engine).get_table_names()
                if any(c["name"] == "workflow_uuid" for c in sa.inspect(engine).get_columns(table))
            }
    finally:
        engine.dispose()


def forget(home: Path, before: datetime) -> int:
    engine = database.connect(home)
    jobs = Jobs(engine, {}, executor="forgetting")
    try:
        return jobs.forget(before=before)
    finally:
        jobs.close()
        engine.dispose()


def test_what_ended_is_forgotten_in_time_and_what_did_not_never(tmp_path: Path) -> None:
    home = tmp_path / "home"
    finish(home, "done")
    killed_in(home, "cut-short", "last")
    known = rows(home)
    assert known["workflow_status"] == known["operation_outputs"] == {"done", "cut-short"}
    day = timedelta(days=1)
    now = datetime.now(UTC)  # by the engine's clock both ended, or were cut short, just now
    assert forget(home, now - day) == 0
    assert rows(home) == known
    assert forget(home, now + day) == 1
    assert forget(home, now + day) == 0
    left = rows(home)
    assert {table for table, flows in left.items() if "done" in flows} == set()
    assert left["workflow_status"] == left["operation_outputs"] == {"cut-short"}
    code, output = finish(home, "cut-short")
    assert (code, json.loads(output)["before"]) == (0, "unfinished")
    assert log(home) == {"first": 2, "part0": 2, "part1": 2, "part2": 2, "last": 3}
    _, output = finish(home, "done")
    assert json.loads(output)["before"] == "none"
