"""What a sandboxed child cannot do, and what becomes of one that tries."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framegate.errors import (
    ComponentMissing,
    DiskFull,
    Internal,
    MediaCrash,
    MediaLimit,
    NotAVideo,
)
from framegate.security.sandbox import Limits, RingSpec, jail, landlock, seccomp
from framegate.security.sandbox.host import ForkServer

TASKS = "framegate.testing.tasks"


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer([TASKS]) as server:
        yield server


def run(
    server: ForkServer, task: str, request: dict[str, Any] | None = None, **given: Any
) -> dict[str, Any]:
    given = {"fds": {}, "limits": Limits(wall_s=60), **given}
    return server.run(f"{TASKS}:{task}", request or {}, **given)


def alive(server: ForkServer) -> bool:
    return run(server, "echo", {"a": 1}) == {"request": {"a": 1}}


def test_nothing_outside_can_be_reached(server: ForkServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
        outcome = run(server, "trespass", {"host": host, "port": port, "neighbour": os.getpid()})[
            "outcome"
        ]
    assert len(outcome) > 15
    assert {name: how for name, how in outcome.items() if how == "allowed"} == {}
    assert outcome["clone3"] == "ENOSYS"  # the C library falls back to clone
    assert outcome["read a file"] == "EACCES"


def test_landlock_alone_shuts_the_file_system(server: ForkServer) -> None:
    if landlock.abi() == 0:
        pytest.skip("not here: Landlock in this kernel")
    # a program's filter leaves paths to Landlock
    with pytest.raises(Internal, match=r"(?i)denied"):
        server.execute(
            ["/bin/sh", "-c", "read a < /etc/passwd"], readable=[], writable=[], limits=Limits()
        )


def test_a_program_writes_only_where_it_may(server: ForkServer, tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    (other / "kept").write_text("kept")
    limits = Limits(file_bytes=1 << 20)
    with pytest.raises(Internal, match=r"(?i)denied"):
        server.execute(
            ["/bin/sh", "-c", f"echo x > {mine}/a; echo x > {other}/kept"],
            readable=[other],
            writable=[mine],
            limits=limits,
        )
    assert (mine / "a").read_text() == "x\n"
    assert (other / "kept").read_text() == "kept"


def test_a_program_starts_no_other(server: ForkServer) -> None:
    with pytest.raises(Internal, match=r"(?i)fork"):
        server.execute(
            ["/bin/sh", "-c", "ls /; echo on"], readable=[], writable=[], limits=Limits()
        )


def test_a_program_that_is_not_there_is_missing(server: ForkServer, tmp_path: Path) -> None:
    with pytest.raises(ComponentMissing, match="nothing-here"):
        server.execute([str(tmp_path / "nothing-here")], readable=[], writable=[], limits=Limits())


def test_a_child_has_no_descriptor_but_its_own_and_no_environment(server: ForkServer) -> None:
    with Path(__file__).open("rb") as source:
        found = run(server, "descriptors", {"names": ["source"]}, fds={"source": source.fileno()})
    assert len(found["open"]) == 4  # 0, 1, 2 and the conversation
    assert found["open"][:3] == [0, 1, 2]
    assert not {name for name in found["environment"] if "HOME" in name or "TOKEN" in name}


def test_threads_work(server: ForkServer) -> None:
    assert run(server, "threads", {"count": 60}) == {"ran": 60}


def test_threads_have_a_limit(server: ForkServer) -> None:
    granted = {one.name: one for one in server.report()}[jail.THREAD_LIMIT]
    if granted.active:
        with pytest.raises(MediaLimit, match="20 threads"):
            run(server, "threads", {"count": 60}, limits=Limits(threads=20, wall_s=60))
    else:  # root: the memory limit stands in, with 2 MiB of stack for each
        assert "memory" in granted.detail or "namespace" in granted.detail
        with pytest.raises(MediaLimit):
            run(
                server,
                "threads",
                {"count": 200},
                limits=Limits(memory_bytes=64 << 20, wall_s=60),
            )


@pytest.mark.parametrize("by_mmap", [False, True])
def test_memory_has_a_limit(server: ForkServer, *, by_mmap: bool) -> None:
    limits = Limits(memory_bytes=256 << 20, wall_s=60)
    with pytest.raises(MediaLimit, match="256 MiB of memory"):
        run(server, "allocate", {"size": 300 << 20, "mmap": by_mmap}, limits=limits)
    answer = run(server, "allocate", {"size": 200 << 20, "mmap": by_mmap}, limits=limits)
    assert answer == {"got": 200 << 20}


@pytest.mark.parametrize("stubborn", [False, True])
def test_cpu_time_has_a_limit(server: ForkServer, *, stubborn: bool) -> None:
    with pytest.raises(MediaLimit, match="1 s of CPU"):
        run(server, "spin", {"stubborn": stubborn}, limits=Limits(cpu_s=1, wall_s=60))


def test_wall_time_has_a_limit(server: ForkServer) -> None:
    with pytest.raises(MediaLimit, match=r"ran for more than 0\.3 s"):
        run(server, "hang", limits=Limits(wall_s=0.3))


def test_silence_has_a_limit(server: ForkServer) -> None:
    with pytest.raises(MediaLimit, match=r"nothing for more than 0\.3 s"):
        run(server, "hang", limits=Limits(silence_s=0.3))


def test_files_have_a_limit(server: ForkServer, tmp_path: Path) -> None:
    limits = Limits(file_bytes=100_000, wall_s=60)
    with (tmp_path / "out").open("wb") as target:
        fds = {"target": target.fileno()}
        run(server, "write_file", {"size": 100_000}, fds=fds, limits=limits)
        with pytest.raises(MediaLimit, match="100,000 bytes to one file"):
            run(server, "write_file", {"size": 1}, fds=fds, limits=limits)
    assert (tmp_path / "out").stat().st_size == 100_000


def test_no_file_may_be_written_by_default(server: ForkServer, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as target, pytest.raises(MediaLimit):
        run(server, "write_file", {"size": 1}, fds={"target": target.fileno()})


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.ENOMEM, MediaLimit),
        (errno.EFBIG, MediaLimit),
        (errno.EIO, Internal),
    ],
)
def test_the_systems_errors_are_told_apart(
    server: ForkServer, number: int, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        run(server, "fail", {"errno": number})


@pytest.mark.parametrize(
    "number", [None, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL]
)
def test_a_crash_is_named_and_harms_nobody(server: ForkServer, number: int | None) -> None:
    name = "SIGSEGV" if number is None else signal.Signals(number).name
    with pytest.raises(MediaCrash, match=name):
        run(server, "crash", {"signal": number})
    assert alive(server)


def test_leaving_without_an_answer_is_a_crash(server: ForkServer) -> None:
    with pytest.raises(MediaCrash, match="exit code 0"):
        run(server, "leave", {"status": 0})


GOOD = {"slot": 0, "shape": [2, 2, 3], "meta": {}}


@pytest.mark.parametrize(
    ("tag", "payload"),
    [
        ("F", GOOD | {"slot": 2}),
        ("F", GOOD | {"slot": -1}),
        ("F", GOOD | {"slot": True}),
        ("F", GOOD | {"shape": [1 << 20, 1 << 20, 3]}),
        ("F", GOOD | {"shape": [-2, -2, 3]}),
        ("F", GOOD | {"shape": [2, 2, 2.0]}),
        ("F", GOOD | {"shape": [5, 5, 4]}),
        ("F", GOOD | {"shape": [1, 1, 40]}),
        ("F", GOOD | {"shape": "222"}),
        ("F", GOOD | {"meta": 3}),
        ("F", {}),
        ("F", []),
        ("M", "not json"),
        ("M", "\x00\xff"),
        ("M", "[]"),
        ("M", '{"a": NaN}'),
        ("M", '{"a": "\\ud800"}'),
        ("M", '{"a": ' + "[" * 60_000),
        ("M", '{"a": ' + "9" * 60_000 + "}"),
        ("M", "x" * 70_000),
        ("L", '{"answer": 3}'),
        ("L", '{"answers": {}}'),
        ("E", "[]"),
        ("R", "{}"),
        ("K", ""),
    ],
)
def test_a_child_that_lies_is_stopped(server: ForkServer, tag: str, payload: object) -> None:
    with pytest.raises(MediaCrash, match="no task sends"):
        run(server, "lie", {"tag": tag, "payload": payload}, ring=RingSpec(2, 64))
    assert alive(server)


@pytest.mark.parametrize(
    ("report", "kind"),
    [
        ({"code": "input.not_a_video", "words": ["\x1b[31m" + "x" * 9_000, 3]}, NotAVideo),
        ({"code": "settings.invalid", "words": ["a", "b", "c"]}, Internal),
        ({"code": "no.such", "words": ["a"]}, Internal),
        ({"code": 3, "words": None, "errno": "28", "type": ["x"], "trace": 9}, Internal),
        ({}, Internal),
    ],
)
def test_what_a_child_says_of_its_error_is_not_believed_blindly(
    server: ForkServer, report: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        run(server, "lie", {"tag": "E", "payload": report})
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 2_000


def test_an_answer_without_end_is_stopped(server: ForkServer) -> None:
    with pytest.raises(MediaCrash, match="too long"):
        run(server, "flood")


def test_frames_that_never_took_a_slot_do_not_block_the_host(server: ForkServer) -> None:
    heard: list[object] = []

    def hear(header: object, _: object) -> None:
        heard.append(header)

    with pytest.raises(MediaLimit):
        run(
            server,
            "lie",
            {"tag": "F", "payload": GOOD},
            ring=RingSpec(1, 64),
            on_frame=hear,
            limits=Limits(wall_s=0.5),
        )
    assert len(heard) == 1


def test_a_required_protection_that_is_missing_refuses_the_call() -> None:
    with (
        ForkServer([TASKS], require=["unheard-of"]) as strict,
        pytest.raises(ComponentMissing, match="unheard-of"),
    ):
        run(strict, "echo")
    with (
        ForkServer([TASKS], require=["unheard-of"]) as strict,
        pytest.raises(ComponentMissing, match="unheard-of"),
    ):
        strict.execute(["/bin/echo"], readable=[], writable=[], limits=Limits())


def test_the_report_names_every_protection(server: ForkServer) -> None:
    report = server.report()
    assert [one.name for one in report] == list(jail.ALL)
    assert all(one.active or one.detail for one in report)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filters_jump_forward_within_the_program_and_end_in_an_answer(machine: str) -> None:
    for program in (seccomp.for_task(machine, 1), seccomp.for_program(machine)):
        code = [program[at : at + 8] for at in range(0, len(program), 8)]
        assert len(code) <= 4096
        for at, one in enumerate(code):
            if one[0] & 7 == 5:
                assert at + 1 + max(one[2], one[3]) < len(code)
        assert code[-1][0] == 0x06
