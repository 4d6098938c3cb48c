"""Probe tasks: each tries one thing that a sandboxed child must not do, or must do right.

They run under `MediaSandbox.run` in the sandbox's own tests.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from framegate.errors import NotAVideo
from framegate.security.sandbox import wire
from framegate.security.sandbox.call import Call
from framegate.security.sandbox.child import ChildCall


def echo(call: Call) -> dict[str, Any]:
    """The request, as it came."""
    return {"request": call.request}


def read_all(call: Call) -> dict[str, Any]:
    """The text behind the descriptor "source"."""
    with os.fdopen(os.dup(call.fd("source")), "rb") as source:
        return {"text": source.read().decode()}


def tell(call: Call) -> dict[str, Any]:
    """``count`` messages, numbered."""
    for number in range(call.request["count"]):
        call.emit({"number": number})
    return {}


def frames(call: Call) -> dict[str, Any]:
    """``count`` frames of ``height`` x ``width`` filled with their number; one message after."""
    height, width, count = (call.request[key] for key in ("height", "width", "count"))
    for number in range(count):
        pixels = np.full((height, width, 3), number % 256, np.uint8)
        call.put_frame(pixels, {"number": number})
    call.emit({"last": True})
    return {"count": count}


def large_answer(call: Call) -> dict[str, Any]:
    """A list of ``count`` time stamps."""
    return {"pts": list(range(0, call.request["count"] * 1001, 1001))}


def refuse(call: Call) -> dict[str, Any]:
    """An error of framegate's own, with a name that holds control characters."""
    raise NotAVideo(call.request["name"], "it is text")


def fail(call: Call) -> dict[str, Any]:
    """An error of another kind; ``errno`` makes it an OSError."""
    number = call.request.get("errno")
    if number is not None:
        raise OSError(number, os.strerror(number))
    return {"never": call.request["there"]}


def write_file(call: Call) -> dict[str, Any]:
    """Write ``size`` bytes to the descriptor "target"."""
    left = call.request["size"]
    while left:
        left -= os.write(call.fd("target"), bytes(min(left, 1 << 16)))
    return {}


def _attempt(action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "OSError")
    except ValueError:
        return "EPERM"  # Python's word for a refused setrlimit
    return "allowed"


def _syscall(number: int, *arguments: int) -> Callable[[], object]:
    libc = ctypes.CDLL(None, use_errno=True)

    def act() -> object:
        if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) < 0:
            raise OSError(ctypes.get_errno(), "refused")
        return None

    return act


def trespass(call: Call) -> dict[str, Any]:
    """What happens to each of many attempts to get out: an errno's name, or "allowed"."""
    host, port, neighbour = (call.request[key] for key in ("host", "port", "neighbour"))

    def connect() -> None:
        with socket.create_connection((host, port), timeout=5):
            pass

    def fork() -> None:
        if os.fork() == 0:
            os._exit(0)

    attempts: dict[str, Callable[[], object]] = {
        "read a file": lambda: Path("/etc/passwd").read_bytes(),
        "read its own memory map": lambda: Path("/proc/self/maps").read_bytes(),
        "list a folder": lambda: os.listdir("/"),  # noqa: PTH208 - the bare system call
        "make a file": lambda: os.open("/tmp/x", os.O_CREAT | os.O_WRONLY),  # noqa: S108 - must fail
        "look at a file": lambda: os.stat("/etc/passwd"),  # noqa: PTH116 - the bare system call
        "open again by descriptor": lambda: os.open("/proc/self/fd/0", os.O_RDONLY),
        "connect": connect,
        "make a socket pair": socket.socketpair,
        "fork": fork,
        "run a program": lambda: os.posix_spawn(sys.executable, [sys.executable, "-V"], {}),
        "become a program": lambda: os.execv(sys.executable, [sys.executable, "-V"]),  # noqa: S606 - must fail
        "signal the parent": lambda: os.kill(os.getppid(), 0),
        "signal a neighbour": lambda: os.kill(neighbour, 0),
        "make a memory file": lambda: os.memfd_create("x"),
        "raise a limit": _raise_limit,
        "make a namespace": lambda: os.unshare(os.CLONE_NEWUSER),
        "trace": _syscall({"x86_64": 101, "aarch64": 117}[os.uname().machine], 16, neighbour),
        "io_uring": _syscall(425, 8, 0),
        "clone3": _syscall(435, 0, 0),
        "bpf": _syscall({"x86_64": 321, "aarch64": 280}[os.uname().machine], 0, 0, 0),
        "keyctl": _syscall({"x86_64": 250, "aarch64": 219}[os.uname().machine], 0, -3, 0),
        "a call from the future": _syscall(4000),
    }
    return {"outcome": {name: _attempt(action) for name, action in attempts.items()}}


def _raise_limit() -> None:
    # even lowering one is refused, so that nothing hangs on which way it goes
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))


def descriptors(call: Call) -> dict[str, Any]:
    """Which descriptors are open besides those that came with the call."""
    known = {call.fd(name) for name in call.request["names"]}
    found = []
    for fd in range(256):
        try:
            os.fstat(fd)
        except OSError:
            continue
        if fd not in known:
            found.append(fd)
    return {"open": found, "environment": sorted(map(os.fsdecode, os.environb))}


def threads(call: Call) -> dict[str, Any]:
    """Start ``count`` threads that all live at once; answers how many ran."""
    gate = threading.Barrier(call.request["count"] + 1)
    made = [threading.Thread(target=gate.wait) for _ in range(call.request["count"])]
    for thread in made:
        thread.start()
    gate.wait()
    for thread in made:
        thread.join()
    return {"ran": len(made)}


def allocate(call: Call) -> dict[str, Any]:
    """Take ``size`` bytes and touch them; ``mmap`` goes around Python's allocator."""
    size = call.request["size"]
    if call.request.get("mmap"):
        region = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for page in range(0, size, mmap.PAGESIZE):
            region[page] = 1
        return {"got": len(region)}
    return {"got": int(np.ones(size, np.uint8).sum(dtype=np.int64))}


def spin(call: Call) -> dict[str, Any]:
    """Use the CPU for ever, in ``threads`` threads; ignores SIGXCPU when told to."""
    if call.request.get("stubborn"):
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    data = bytes(1 << 20)
    while True:
        data.count(b"x")


def hang(call: Call) -> dict[str, Any]:
    """Say that it started, then wait for ever."""
    call.emit({"pid": os.getpid()})
    threading.Event().wait()
    return {}


def crash(call: Call) -> dict[str, Any]:
    """Die on a signal: a null pointer, or what ``signal`` says."""
    number = call.request.get("signal")
    if number is not None:
        signal.raise_signal(number)
    ctypes.string_at(0)
    return {}


def leave(call: Call) -> dict[str, Any]:
    """End the process without a word."""
    os._exit(call.request["status"])


def lie(call: Call) -> dict[str, Any]:
    """Break the protocol: send ``tag`` and ``payload`` (text, or a frame header) as they are."""
    assert isinstance(call, ChildCall)
    payload = call.request["payload"]
    data = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    data *= call.request.get("times", 1)
    sock: socket.socket = call._sock  # noqa: SLF001 - a lie goes around the front door
    sock.send(call.request["tag"].encode() + data)
    threading.Event().wait()
    return {}


def flood(call: Call) -> dict[str, Any]:
    """An answer that never ends."""
    assert isinstance(call, ChildCall)
    sock: socket.socket = call._sock  # noqa: SLF001 - same
    while True:
        sock.send(wire.PART + b" " * 60_000)
