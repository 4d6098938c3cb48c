"""One call, seen from the host: talk to a child, keep its limits, know how it ended."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from framegate.errors import FramegateError, SandboxLost, Stopped
from framegate.security.sandbox import outcome, wire
from framegate.security.sandbox.limits import Limits

_KILL = b"K"
_LINGER_S = 1.0  # to leave after the last word
_DIE_S = 10.0  # to die after the order; freeing much memory takes a while


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended; ``code`` is negative for a signal."""

    code: int
    cpu_s: float
    peak_bytes: int


class Exchange:
    """The control of one child and the watch over one descriptor that it talks through."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.ended: Ended | None = None
        self._limits = limits
        self._control, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asked = False
        self._lost: FramegateError | None = None
        self._stopped = False
        self._waited = 0.0
        self._silent = 0.0

    def ask(self, server: socket.socket, spec: dict[str, Any], channel: int) -> None:
        """Have the fork server make the child; OSError when the server is gone."""
        socket.send_fds(server, [wire.pack(spec)], [channel, self._far.fileno()])
        self._far.close()
        self._asked = True

    def stop(self) -> None:
        """Kill the child; from any thread, also within a signal handler."""
        self._stopped = True
        with contextlib.suppress(OSError):
            self._control.send(_KILL, socket.MSG_DONTWAIT)

    def watch(self, channel: int, read: Callable[[], bool], *, silence: bool) -> None:
        """Call ``read`` whenever there is something to read, until it returns False (the end).

        Time counts only while waiting for the child: the caller's own work in ``read`` is free.
        Raises `MediaLimit` for wall clock and silence, `Stopped`, `SandboxLost`.
        """
        poll = select.poll()
        poll.register(channel, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        while True:
            ready = self._wait(poll, silence=silence)
            if channel in ready:
                self._silent = 0.0
                if not read():
                    return
            elif self._control.fileno() in ready:
                # the child has ended: what it said last is still in the channel
                self._hear()
                if self.ended is not None:
                    poll.unregister(self._control)

    def _wait(self, poll: select.poll, *, silence: bool) -> set[int]:
        left = self._limits.wall_s - self._waited
        if silence:
            left = min(left, self._limits.silence_s - self._silent)
        start = time.monotonic()
        events = poll.poll(max(0.0, left) * 1000)
        spent = time.monotonic() - start
        self._waited += spent
        self._silent += spent
        if events:
            return {fd for fd, _ in events}
        if self._waited >= self._limits.wall_s:
            raise outcome.wall(self.name, self._limits)
        raise outcome.silence(self.name, self._limits)

    def _hear(self) -> None:
        try:
            data = self._control.recv(wire.DATAGRAM_BYTES)
        except ConnectionResetError:
            # it closed with our order to kill unread; what it said before that comes next
            data = self._control.recv(wire.DATAGRAM_BYTES)
        if not data:
            if self._stopped:
                raise Stopped(f"{self.name} was stopped")
            raise SandboxLost(f"{self.name} was cut short", "the sandbox's fork server was ended")
        news = wire.unpack(data)
        if "refused" in news:
            raise outcome.refused(self.name, news["refused"])
        if "exit" in news:
            self.ended = Ended(news["exit"], news["cpu_s"], news["peak_bytes"])

    def finish(self) -> None:
        """Wait for the child's own end after it closed its channel; `MediaLimit`, `Stopped`."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        while self.ended is None:
            self._wait(poll, silence=False)
            self._hear()

    def end(self, *, kill: bool) -> None:
        """Wait until the child is gone; kill it now, or when it lingers."""
        if not self._asked:
            return
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        for order in (kill, True):
            if order:
                with contextlib.suppress(OSError):
                    self._control.send(_KILL, socket.MSG_DONTWAIT)
            until = time.monotonic() + (_DIE_S if order else _LINGER_S)
            while self.ended is None and (left := until - time.monotonic()) > 0:
                if waiting.poll(left * 1000):
                    try:
                        self._hear()
                    except FramegateError as error:
                        # there is no child: the server refused to make one, or took it along
                        self._lost = error
                        return
            if self.ended is not None:
                return

    def failure(self) -> FramegateError:
        """Why there is no answer, once the child has ended."""
        if self._stopped:
            return Stopped(f"{self.name} was stopped")
        if self.ended is None:
            return self._lost or SandboxLost(
                f"{self.name} was cut short", "it did not end when it was killed"
            )
        return outcome.from_exit(
            self.name,
            self.ended.code,
            self._limits,
            cpu_s=self.ended.cpu_s,
            peak_bytes=self.ended.peak_bytes,
        )

    def close(self) -> None:
        """Let go; a child that still runs is killed by that."""
        self._control.close()
        self._far.close()


class Tail:
    """Reads a program's output and keeps the end of it."""

    def __init__(self, fd: int, most: int) -> None:
        self._fd = fd
        self._most = most
        self._data = bytearray()

    def read(self) -> bool:
        """Take some output; False at its end."""
        data = os.read(self._fd, 1 << 16)
        self._data += data
        del self._data[: -self._most]
        return bool(data)

    def text(self) -> str:
        """What is kept, control characters but line breaks replaced."""
        lines = self._data.decode("utf-8", "replace").splitlines()
        return "\n".join(outcome.clean(line, self._most) for line in lines)
