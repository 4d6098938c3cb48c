"""The host's side of the sandbox: start the fork server, call tasks, run vendor programs."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from framegate.domain.report import Protection
from framegate.errors import ComponentMissing, Internal, SandboxLost, Stopped
from framegate.security.sandbox import jail, outcome, wire
from framegate.security.sandbox.call import FrameHeader
from framegate.security.sandbox.conversation import Conversation, Order, require
from framegate.security.sandbox.exchange import Exchange, Tail
from framegate.security.sandbox.launch import Launched
from framegate.security.sandbox.limits import CANNOT_START, Limits, RingSpec
from framegate.security.sandbox.usage import Usage

OUTPUT_BYTES = 64 << 10
# without these two a child is no sandbox; the others depend on the kernel's age and settings
DEFAULT_REQUIRED = (jail.NO_NEW_PRIVILEGES, jail.SECCOMP)
# A child can import nothing, and libraries import on first use: so the packages as a whole.
MODULES = ("framegate.media.*", "av.*", "numpy.fft", "numpy.linalg", "numpy.ma", "numpy.random")
_NOTHING = "framegate.security.sandbox.child:nothing"


class MediaSandbox(Protocol):
    """What stages need of a sandbox (the fork server, or the in-process stand-in of tests)."""

    def run(
        self,
        task: str,
        request: Mapping[str, Any],
        *,
        fds: Mapping[str, int],
        limits: Limits,
        ring: RingSpec | None = None,
        on_message: Callable[[dict[str, Any]], None] | None = None,
        on_frame: Callable[[FrameHeader, NDArray[np.uint8]], None] | None = None,
    ) -> dict[str, Any]:
        """Run ``"framegate.media.probe:measure"`` in a fresh child and return its answer.

        Callbacks run on the calling thread, in the order sent. ``on_frame`` gets its own copy.
        The caller keeps its descriptors. Raises the task's own `FramegateError`, `MediaLimit`
        (a limit was hit), `MediaCrash` (died on a signal), `Internal` (any other exception).
        """

    def execute(
        self,
        argv: Sequence[str],
        *,
        readable: Sequence[Path],
        writable: Sequence[Path],
        limits: Limits,
    ) -> str:
        """Run a vendor program (absolute argv[0]) with no network and only these paths; returns
        the end of its output (at most 64 KiB). Raises as `run`; a non-zero exit is `Internal`.
        """


class ForkServer:
    """`MediaSandbox` with a real child for each call. Thread-safe; calls run side by side.

    ``modules`` are imported once, before any fork; ``package.*`` with all that is in it.
    ``require`` names the protections (`framegate.security.sandbox.jail.ALL`) without which a call
    is refused with `ComponentMissing`; the others are used where the kernel has them, see `report`.
    """

    def __init__(
        self, modules: Sequence[str] = MODULES, *, require: Sequence[str] = DEFAULT_REQUIRED
    ) -> None:
        self._modules = tuple(modules)
        self._require = tuple(require)
        self._lock = threading.RLock()  # a signal handler may interrupt its holder
        self._server: Launched | None = None
        self._active: set[Exchange] = set()
        self._stopping = False
        self._used = Usage(0, 0.0, 0)

    def __enter__(self) -> Self:
        self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _connect(self, *, instead_of: socket.socket | None = None) -> socket.socket:
        """The fork server's socket; a new server's when there is none, or this one is broken."""
        with self._lock:
            if self._stopping:
                raise Stopped("no new work is taken")
            server = self._server
            if server is None or not server.alive() or server.socket is instead_of:
                if server is not None:
                    server.close()
                server = self._server = Launched(self._modules)
                if self._is_stopping():  # `stop` came while it started and did not see it
                    server.close()
            assert server.socket is not None
            return server.socket

    def _is_stopping(self) -> bool:  # changes within a method: a signal handler sets it
        return self._stopping

    def cancel_all(self) -> None:
        """Kill what runs now; each of those calls raises `Stopped`. New calls are taken."""
        for exchange in list(self._active):
            exchange.stop()

    def stop(self) -> None:
        """Kill what runs and the fork server; later calls raise `Stopped`. May be repeated, and
        called within a signal handler.
        """
        self._stopping = True
        self.cancel_all()
        if self._server is not None:
            self._server.close()

    def usage(self) -> Usage:
        """What children that have ended used, as the kernel counted it."""
        return self._used

    def report(self) -> tuple[Protection, ...]:
        """What a child is protected by on this machine, found out by making one."""
        steps = self._steps()
        return tuple(
            Protection(name, steps.get(name) == "", outcome.clean(steps.get(name, "unknown")))
            for name in jail.ALL
        )

    def _steps(self) -> dict[str, Any]:
        order = Order("report", _NOTHING, {}, {}, Limits(wall_s=30.0, cpu_s=10))
        return self._converse(order, ()).steps

    def run(
        self,
        task: str,
        request: Mapping[str, Any],
        *,
        fds: Mapping[str, int],
        limits: Limits,
        ring: RingSpec | None = None,
        on_message: Callable[[dict[str, Any]], None] | None = None,
        on_frame: Callable[[FrameHeader, NDArray[np.uint8]], None] | None = None,
    ) -> dict[str, Any]:
        """See `MediaSandbox`. Raises `ComponentMissing` without a required protection, `Stopped`
        after `stop` or `cancel_all`.
        """
        name = task.rpartition(".")[2].replace(":", ".")
        order = Order(name, task, request, fds, limits, ring, on_message, on_frame)
        answer = self._converse(order, self._require).answer
        assert answer is not None
        return answer

    def _converse(self, order: Order, required: Sequence[str]) -> Conversation:
        spec = {
            "task": order.task,
            "limits": asdict(order.limits),
            "ring_bytes": order.ring_bytes(),
        }
        with (
            Conversation(order, required) as talk,
            self._child(order.name, order.limits, spec, talk.far.fileno()) as exchange,
        ):
            talk.far.close()
            try:
                exchange.watch(talk.channel.fileno(), talk.read, silence=True)
            except wire.Garbled as error:
                raise outcome.garbled(order.name, error) from error
            exchange.end(kill=False)
            if talk.error is not None:
                raise outcome.from_report(order.name, talk.error, order.limits)
            if talk.answer is None:
                raise exchange.failure()
            return talk

    def execute(
        self,
        argv: Sequence[str],
        *,
        readable: Sequence[Path],
        writable: Sequence[Path],
        limits: Limits,
    ) -> str:
        """See `MediaSandbox`. Silence is not watched: a program need not print."""
        name = Path(argv[0]).name
        # a program cannot tell what it got; a task made the same way can
        require(name, self._steps(), self._require)
        spec = {
            "argv": list(argv),
            "readable": [str(path.resolve()) for path in readable],
            "writable": [str(path.resolve()) for path in writable],
            "limits": asdict(limits),
        }
        out, far = os.pipe2(os.O_CLOEXEC)
        with contextlib.ExitStack() as closing:
            closing.callback(os.close, out)
            try:
                tail = Tail(out, OUTPUT_BYTES)
                exchange = closing.enter_context(self._child(name, limits, spec, far))
            finally:
                os.close(far)
            exchange.watch(out, tail.read, silence=False)
            exchange.finish()  # a program may close its output and still be writing files
            if exchange.ended is None or exchange.ended.code < 0:
                raise exchange.failure()
            text = tail.text()
            if exchange.ended.code == 0:
                return text
            last = outcome.clean(text.strip().rpartition("\n")[2], 300)
            if exchange.ended.code == CANNOT_START:
                raise ComponentMissing(f"{name} could not be started", last)
            error = Internal(f"{name} failed", f"exit code {exchange.ended.code}: {last}")
            error.add_note(text[-4000:])
            raise error

    @contextlib.contextmanager
    def _child(
        self, name: str, limits: Limits, spec: dict[str, Any], channel: int
    ) -> Iterator[Exchange]:
        try:
            exchange = Exchange(name, limits)
        except OSError as error:
            raise Internal(f"{name} could not start", error.strerror or "") from error
        try:
            self._active.add(exchange)
            self._ask(exchange, spec, channel)
            if self._stopping:
                exchange.stop()  # it came too late for `stop` to see it
            yield exchange
        except BaseException:
            exchange.end(kill=True)
            raise
        finally:
            self._active.discard(exchange)
            exchange.close()
            self._count(exchange)

    def _ask(self, exchange: Exchange, spec: dict[str, Any], channel: int) -> None:
        """Have the fork server make the child; one that was ended from outside is replaced once."""
        server = self._connect()
        try:
            exchange.ask(server, spec, channel)
        except OSError:
            try:
                exchange.ask(self._connect(instead_of=server), spec, channel)
            except OSError as error:
                raise SandboxLost(
                    f"{exchange.name} could not start", "the sandbox's fork server was ended twice"
                ) from error

    def _count(self, exchange: Exchange) -> None:
        if exchange.ended is not None:
            with self._lock:
                self._used = Usage(
                    self._used.calls + 1,
                    self._used.cpu_s + exchange.ended.cpu_s,
                    max(self._used.peak_bytes, exchange.ended.peak_bytes),
                )
