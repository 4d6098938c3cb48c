"""Whatever ends the host, or is asked of it, no child outlives it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from framegate.errors import FramegateError, SandboxLost, Stopped
from framegate.security.sandbox import Limits, launch
from framegate.security.sandbox.host import ForkServer

TASKS = "framegate.testing.tasks"
HANG = f"{TASKS}:hang"

HOST = f"""
import signal, sys, threading
from pathlib import Path
from framegate.security.sandbox import Limits
from framegate.security.sandbox.host import ForkServer

# whoever runs the tests in the background may ignore these
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
server = ForkServer(["{TASKS}"])
started = threading.Barrier(3)

def call():
    server.run("{HANG}", {{}}, fds={{}}, limits=Limits(), on_message=lambda m: started.wait())

def program():
    server.execute(["/bin/sh", "-c", "while :; do :; done"], readable=[], writable=[],
                   limits=Limits())

for work in (call, call, program):
    threading.Thread(target=work, daemon=True).start()
started.wait()
print("ready", flush=True)
threading.Event().wait()
"""


def children(pid: int) -> list[int]:
    """All descendants of a process; of one that has just ended none."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *children(child)]
    return found


def watched(pids: Iterable[int]) -> list[int]:
    """A pidfd of each process that is still there."""
    fds = []
    for pid in pids:
        with suppress(ProcessLookupError):  # one of those that the fork server goes through
            fds.append(os.pidfd_open(pid))
    return fds


def wait_for_end(pidfds: list[int]) -> bool:
    """Whether all of these processes end (a generous limit, nothing is timed)."""
    return all(select.select([fd], [], [], 30)[0] for fd in pidfds)


@pytest.fixture
def host() -> Iterator[subprocess.Popen[str]]:
    host = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert host.stdout is not None
    assert host.stdout.readline() == "ready\n"
    yield host
    host.kill()
    host.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_outlives_the_host(host: subprocess.Popen[str], number: signal.Signals) -> None:
    found = children(host.pid)
    assert len(found) >= 3  # the fork server and two tasks at least
    pidfds = watched(found)
    assert len(pidfds) >= 3
    host.send_signal(number)
    host.wait(30)
    assert wait_for_end(pidfds)


def test_ctrl_c_prints_nothing_of_the_children(host: subprocess.Popen[str]) -> None:
    pidfds = watched(children(host.pid))
    assert len(pidfds) >= 3
    os.killpg(host.pid, signal.SIGINT)  # what a terminal does
    _, complaints = host.communicate(timeout=30)
    assert wait_for_end(pidfds)
    assert complaints.count("Traceback") == 1  # the host's own KeyboardInterrupt
    assert "sandbox/child.py" not in complaints
    assert "sandbox/server.py" not in complaints


class Running:
    """A call that hangs, in a thread of its own."""

    def __init__(self, server: ForkServer) -> None:
        self.pid = 0
        self.error: FramegateError | None = None
        self._server = server
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._started.wait(30)

    def _run(self) -> None:
        try:
            self._server.run(HANG, {}, fds={}, limits=Limits(), on_message=self._hear)
        except FramegateError as error:
            self.error = error
        finally:
            self._started.set()

    def _hear(self, message: dict[str, int]) -> None:
        self.pid = message["pid"]
        self._started.set()

    def result(self) -> FramegateError | None:
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.error


def test_cancel_ends_what_runs_and_takes_new_work() -> None:
    with ForkServer([TASKS]) as server:
        running = [Running(server) for _ in range(3)]
        pidfds = [os.pidfd_open(one.pid) for one in running]
        server.cancel_all()
        assert all(isinstance(one.result(), Stopped) for one in running)
        assert wait_for_end(pidfds)
        assert server.run(f"{TASKS}:echo", {}, fds={}, limits=Limits()) == {"request": {}}


def test_stop_ends_everything_for_good() -> None:
    server = ForkServer([TASKS])
    running = Running(server)
    pidfds = watched(children(os.getpid()))
    server.stop()
    server.stop()
    assert isinstance(running.result(), Stopped)
    assert wait_for_end(pidfds[-1:])
    with pytest.raises(Stopped):
        server.run(f"{TASKS}:echo", {}, fds={}, limits=Limits())


def test_stop_works_from_a_signal_handler_during_a_call() -> None:
    with ForkServer([TASKS]) as server:
        before = signal.signal(signal.SIGUSR1, lambda *_: server.stop())
        try:
            with pytest.raises(Stopped):
                server.run(
                    HANG,
                    {},
                    fds={},
                    limits=Limits(),
                    on_message=lambda _: os.kill(os.getpid(), signal.SIGUSR1),
                )
        finally:
            signal.signal(signal.SIGUSR1, before)


def test_a_killed_fork_server_takes_its_children_along_and_is_replaced() -> None:
    with ForkServer([TASKS]) as server:
        running = Running(server)
        parent = int(Path(f"/proc/{running.pid}/stat").read_text().split()[3])
        pidfd = os.pidfd_open(running.pid)
        os.kill(parent, signal.SIGKILL)
        assert isinstance(running.result(), SandboxLost)
        assert wait_for_end([pidfd])
        assert server.run(f"{TASKS}:echo", {}, fds={}, limits=Limits()) == {"request": {}}


def test_a_fork_server_that_was_killed_between_two_calls_costs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # in the moment before the kernel tells of its end
    monkeypatch.setattr(launch.Launched, "alive", lambda _: True)
    with ForkServer([TASKS]) as server:
        server.run(f"{TASKS}:echo", {}, fds={}, limits=Limits())
        (parent,) = children(os.getpid())
        pidfd = os.pidfd_open(parent)
        os.kill(parent, signal.SIGKILL)
        assert wait_for_end([pidfd])
        assert server.run(f"{TASKS}:echo", {}, fds={}, limits=Limits()) == {"request": {}}


def test_nothing_is_left_open_after_many_calls() -> None:
    with ForkServer([TASKS]) as server:
        server.run(f"{TASKS}:echo", {}, fds={}, limits=Limits())
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            server.run(f"{TASKS}:echo", {}, fds={}, limits=Limits())
            with pytest.raises(FramegateError):
                server.run(f"{TASKS}:crash", {}, fds={}, limits=Limits())
        assert len(list(Path("/proc/self/fd").iterdir())) == before
        assert server.usage().calls == 41


def test_an_order_to_kill_that_crosses_with_the_end_harms_nobody() -> None:
    def enough(_: object) -> None:
        raise Stopped("enough")

    with ForkServer([TASKS]) as server:
        # the child is at its end while the order is on its way; the server gets both at once
        for _ in range(150):
            with pytest.raises(Stopped):
                server.run(
                    f"{TASKS}:tell", {"count": 1}, fds={}, limits=Limits(), on_message=enough
                )
        assert server.usage().calls == 150
