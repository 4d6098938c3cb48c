"""The fork server: ``python -m framegate.security.sandbox.server '<JSON>'``, started by the host.

Imports the task modules once, leaves the host's namespaces, and then only forks, kills and waits:
one thread, no hostile byte ever read. For each call the host sends two sockets: the child's end of
the conversation, and a control socket on which this process reports the child's end and takes the
order to kill. When the host ends, both sockets and the parent-death signal end this process, and
with it every child.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

from framegate.security.sandbox import child, jail, kernel, wire
from framegate.security.sandbox.limits import Limits

# Loaded before the jail because a child cannot load them: error paths and lazy parts of Python.
_PRELOAD = (
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_16",
    "encodings.cp1252",
    "concurrent.futures.thread",
    "fractions",
    "linecache",
    "math",
    "queue",
    "tokenize",
)

# Stacks count as memory: at the usual 8 MiB, the encoders' threads on a large machine would use up
# a child's limit without touching it.
_THREAD_STACK_BYTES = 2 << 20


def load(task: str) -> Callable[[Any], dict[str, Any]]:
    """The function named ``"package.module:function"``; raises ImportError, AttributeError."""
    module, _, function = task.partition(":")
    work: Callable[[Any], dict[str, Any]] = getattr(importlib.import_module(module), function)
    return work


@dataclass(slots=True)
class _Child:
    pid: int
    pidfd: int
    control: socket.socket
    gone: bool = False


class _Server:
    def __init__(self, listen: socket.socket, steps: jail.Steps, *, root: bool) -> None:
        self._listen = listen
        self._steps = steps
        self._root = root
        self._selector = selectors.DefaultSelector()
        self._selector.register(listen, selectors.EVENT_READ, self._accept)

    def serve(self) -> Never:
        """Until the host ends."""
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _accept(self) -> None:
        data, fds, _, _ = socket.recv_fds(self._listen, wire.DATAGRAM_BYTES, 2)
        if not data:
            os._exit(0)  # the host is gone; children follow by their parent-death signal
        channel, control = fds[0], socket.socket(fileno=fds[1])
        control.setblocking(False)
        try:
            self._fork(json.loads(data), channel, control)
        except Exception as error:  # noqa: BLE001 - told to the host, which raises it
            _tell(control, {"refused": f"{type(error).__name__}: {error}"[:2000]})
            control.close()
        finally:
            os.close(channel)

    def _fork(self, spec: dict[str, Any], channel: int, control: socket.socket) -> None:
        task = load(spec["task"]) if "task" in spec else None
        me = os.getpid()
        origin = child.Origin(me, self._root, self._steps, Limits(**spec["limits"]))
        pid = os.fork()
        if pid == 0:
            if task is None:
                child.run_program(channel, spec, origin)
            child.run_task(channel, task, spec["ring_bytes"], origin)
        one = _Child(pid, os.pidfd_open(pid), control)
        self._selector.register(one.pidfd, selectors.EVENT_READ, lambda: self._reap(one))
        self._selector.register(control, selectors.EVENT_READ, lambda: self._kill(one))
        _tell(control, {"pid": pid})

    def _kill(self, one: _Child) -> None:
        # any word on the control socket, or its end, means: kill
        if one.gone:  # reaped within the same round of events: the number may be another's now
            return
        self._selector.unregister(one.control)
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(one.pid, signal.SIGKILL)

    def _reap(self, one: _Child) -> None:
        one.gone = True
        self._selector.unregister(one.pidfd)
        os.close(one.pidfd)
        with contextlib.suppress(KeyError):
            self._selector.unregister(one.control)
        _, status, used = os.wait4(one.pid, 0)
        _tell(
            one.control,
            {
                "exit": os.waitstatus_to_exitcode(status),
                "cpu_s": used.ru_utime + used.ru_stime,
                "peak_bytes": used.ru_maxrss << 10,
            },
        )
        one.control.close()


def _tell(control: socket.socket, value: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the host stopped listening: it asked for the end
        control.send(wire.pack(value))


def _load_whole(name: str) -> None:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not found.name.endswith(".__main__"):
            importlib.import_module(found.name)


def _prepare(modules: list[str]) -> None:
    for name in (*_PRELOAD, *modules):
        if name.endswith(".*"):
            _load_whole(name.removesuffix(".*"))
        else:
            importlib.import_module(name)
    with contextlib.suppress(OSError):
        # the C library loads this when a thread is cancelled; it could not in the jail
        ctypes.CDLL("libgcc_s.so.1")
    kernel.set_thread_stack(_THREAD_STACK_BYTES)


def main() -> Never:
    """Start, say whether it worked, serve."""
    facts = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    root = os.getuid() == 0
    listen = socket.socket(fileno=facts["fd"])
    kernel.die_with_parent(facts["host"], signal.SIGKILL)
    try:
        _prepare(facts["modules"])
        steps: jail.Steps = {}
        jail.share_nothing(steps)
        kernel.die_with_parent(facts["host"], signal.SIGKILL)
        gc.collect()
        gc.freeze()  # children share these pages; collecting would copy them
        threads = len(list(Path("/proc/self/task").iterdir()))
        listen.send(wire.pack({"ready": True, "threads": threads}))
    except Exception as error:  # noqa: BLE001 - told to the host, which raises it
        trace = traceback.format_exc()[-4000:]
        listen.send(wire.pack({"ready": False, "why": str(error)[:500], "trace": trace}))
        sys.exit(1)
    os.dup2(0, 2)  # /dev/null from here on
    _Server(listen, steps, root=root).serve()


if __name__ == "__main__":
    main()
