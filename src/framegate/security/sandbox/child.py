"""Inside the child: give rights away, take the call, run the task, answer.

Runs after ``fork`` in a copy of the fork server and ends in ``os._exit``, so that nothing of the
server's own state is ever unwound here.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

import numpy as np
from numpy.typing import NDArray

from framegate.errors import FramegateError
from framegate.security.sandbox import jail, kernel, landlock, wire
from framegate.security.sandbox.limits import CANNOT_START, Limits
from framegate.security.sandbox.ring import ChildRing

_TRACE_BYTES = 8 << 10
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
_FACTS = ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class Origin:
    """What the child needs to know of the fork server that made it."""

    parent: int  # process id
    root: bool
    steps: jail.Steps
    limits: Limits


class ChildCall:
    """The `Call` a task gets in a real child."""

    def __init__(self, sock: socket.socket, envelope: dict[str, Any], fds: list[int]) -> None:
        self._sock = sock
        self._request: dict[str, Any] = envelope["request"]
        self._fds: dict[str, int] = dict(zip(envelope["fds"], fds, strict=False))
        ring = envelope["ring"]
        self._ring = None if ring is None else ChildRing(fds[-2], fds[-1], ring[0], ring[1])
        self._lock = threading.Lock()

    @property
    def request(self) -> dict[str, Any]:
        """The caller's arguments."""
        return self._request

    def fd(self, name: str) -> int:
        """A descriptor of this process; KeyError when none came by that name."""
        return self._fds[name]

    def emit(self, message: dict[str, Any]) -> None:
        """Send a message; ValueError over 64 KiB."""
        self._send(wire.MESSAGE, message)

    def put_frame(self, pixels: NDArray[np.uint8], meta: dict[str, Any]) -> None:
        """Copy into a free slot, waiting for the host to release one."""
        if self._ring is None:
            raise ValueError("the call has no ring")
        with self._lock:
            slot = self._ring.fill(pixels)
            header = {"slot": slot, "shape": list(pixels.shape), "meta": meta}
            self._send(wire.FRAME, header)

    def _send(self, tag: bytes, value: dict[str, Any]) -> None:
        data = wire.pack(value)
        if len(data) > wire.MESSAGE_BYTES:
            raise ValueError(f"a message of {len(data)} bytes; {wire.MESSAGE_BYTES} are allowed")
        self._sock.send(tag + data)


def run_task(
    fd: int, task: Callable[[ChildCall], dict[str, Any]], ring_bytes: int, origin: Origin
) -> Never:
    """Be the child of one call; never returns."""
    status = 1
    sock = socket.socket(fileno=fd)
    try:
        steps = dict(origin.steps)
        jail.become_child((fd,))
        jail.limit(origin.limits, steps, root=origin.root, shared_bytes=ring_bytes)
        kernel.die_with_parent(origin.parent, signal.SIGKILL)
        jail.shut(steps)
        sock.send(wire.READY + wire.pack(steps))
        status = _serve(sock, task)
    except BaseException as error:  # noqa: BLE001 - the end of the process: nothing may unwind past
        sock.send(wire.ERROR + wire.pack(_describe(error)))
    finally:
        os._exit(status)


def nothing(call: ChildCall) -> dict[str, Any]:  # noqa: ARG001 - the shape of a task
    """The task that does nothing: what a child may do is in its readiness."""
    return {}


def _serve(sock: socket.socket, task: Callable[[ChildCall], dict[str, Any]]) -> int:
    assembly, fds = wire.Assembly(), list[int]()
    while True:
        data, more, _, _ = socket.recv_fds(sock, wire.DATAGRAM_BYTES, wire.MAX_FDS)
        fds += more
        if not data:
            return 1
        assembly.add(data[1:])
        if data[:1] == wire.LAST:
            break
    try:
        answer = task(ChildCall(sock, assembly.whole(), fds))
        wire.send_whole(sock, {"answer": answer})
    except BaseException as error:  # noqa: BLE001 - every end of a task is told to the host
        sock.send(wire.ERROR + wire.pack(_describe(error)))
    return 0


def _describe(error: BaseException) -> dict[str, Any]:
    if isinstance(error, FramegateError):
        words = [error.what[:2000], error.why[:2000], error.todo[:2000]]
        return {"code": error.code, "words": words}
    roots = list(_chain(error))
    # FFmpeg's errors carry the errno too, whatever their class; the first cause knows best
    numbers = [one.errno for one in roots if type(getattr(one, "errno", None)) is int]  # type: ignore[attr-defined]
    try:
        trace = "".join(traceback.format_exception(error))[-_TRACE_BYTES:]
    except Exception as second:  # noqa: BLE001 - a traceback is a courtesy
        trace = type(second).__name__
    return {
        "type": type(error).__name__,
        "memory": any(isinstance(one, MemoryError) for one in roots),
        # how Python says that the C library could not make a thread
        "threads": any("can't start new thread" in str(one) for one in roots),
        "errno": numbers[-1] if numbers else None,
        "trace": trace,
    }


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def run_program(fd: int, spec: dict[str, Any], origin: Origin) -> Never:
    """Become a vendor program; never returns. Its output goes to ``fd``."""
    try:
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        argv, readable, writable = spec["argv"], spec["readable"], spec["writable"]
        allowed = [(argv[0], landlock.RUN)]
        allowed += [(path, landlock.RUN) for path in _LIBRARIES]
        allowed += [(path, landlock.READ) for path in (*_FACTS, *readable)]
        allowed += [("/dev/null", landlock.READ | landlock.WRITE)]
        allowed += [(path, landlock.WRITE) for path in writable]
        scratch = next((path for path in writable if Path(path).is_dir()), "/")
        os.chdir(scratch)
        environment = {"LC_ALL": "C.UTF-8", "TMPDIR": scratch, "HOME": scratch}
        steps = dict(origin.steps)
        jail.become_child()
        jail.limit(origin.limits, steps, root=origin.root)
        kernel.die_with_parent(origin.parent, signal.SIGKILL)
        jail.shut(steps, program=True, allowed=allowed)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execve(argv[0], argv, environment)  # noqa: S606 - the one purpose of this process
    except BaseException as error:  # noqa: BLE001 - the end of the process: nothing may unwind past
        os.write(2, f"cannot start: {error}\n".encode())
    finally:
        os._exit(CANNOT_START)
