"""The sandbox without the walls: tasks run in this process. For tests and debugging alone.

It keeps the contract (copied frames, JSON messages, the caller keeps its descriptors) and none of
the protection: limits other than the wall clock of `execute` are not applied.
"""

from __future__ import annotations

import importlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framegate.errors import FramegateError, Internal, MediaLimit
from framegate.security.sandbox import wire
from framegate.security.sandbox.call import FrameHeader
from framegate.security.sandbox.host import OUTPUT_BYTES
from framegate.security.sandbox.limits import Limits, RingSpec
from framegate.security.sandbox.ring import check


class InProcessCall:
    """A `Call` that hands everything straight to the caller's functions."""

    def __init__(
        self,
        request: Mapping[str, Any],
        fds: Mapping[str, int],
        ring: RingSpec | None,
        on_message: Callable[[dict[str, Any]], None] | None,
        on_frame: Callable[[FrameHeader, NDArray[np.uint8]], None] | None,
    ) -> None:
        self._request = wire.unpack(wire.pack(dict(request)))
        self._fds = dict(fds)
        self._ring = ring
        self._on_message = on_message
        self._on_frame = on_frame

    @property
    def request(self) -> dict[str, Any]:
        """The caller's arguments after a trip through JSON."""
        return self._request

    def fd(self, name: str) -> int:
        """The task's own duplicate of a descriptor; KeyError when there is none by that name."""
        return self._fds[name]

    def emit(self, message: dict[str, Any]) -> None:
        """Hand a message over after a trip through JSON."""
        data = wire.pack(message)
        if len(data) > wire.MESSAGE_BYTES:
            raise ValueError(f"a message may have {wire.MESSAGE_BYTES} bytes")
        if self._on_message is not None:
            self._on_message(wire.unpack(data))

    def put_frame(self, pixels: NDArray[np.uint8], meta: dict[str, Any]) -> None:
        """Hand a copy of a (height, width, channels) frame over."""
        if self._ring is None:
            raise ValueError("the call has no ring")
        check(pixels, self._ring.slot_bytes)
        if self._on_frame is not None:
            height, width, channels = pixels.shape
            header = FrameHeader((height, width, channels), wire.unpack(wire.pack(meta)))
            self._on_frame(header, np.array(pixels, order="C", copy=True))


class InProcessSandbox:
    """`MediaSandbox` for tests of tasks: no child, no limits, exceptions with their traceback."""

    def run(
        self,
        task: str,
        request: Mapping[str, Any],
        *,
        fds: Mapping[str, int],
        limits: Limits,  # noqa: ARG002 - part of the protocol; nothing is limited here
        ring: RingSpec | None = None,
        on_message: Callable[[dict[str, Any]], None] | None = None,
        on_frame: Callable[[FrameHeader, NDArray[np.uint8]], None] | None = None,
    ) -> dict[str, Any]:
        """Call the task here. Any exception but a `FramegateError` becomes `Internal`."""
        module, _, function = task.partition(":")
        try:
            work = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise Internal(f"{task} could not start", str(error)) from error
        mine = {name: os.dup(fd) for name, fd in fds.items()}
        try:
            answer = work(InProcessCall(request, mine, ring, on_message, on_frame))
            return wire.unpack(wire.pack(answer))
        except FramegateError:
            raise
        except Exception as error:
            raise Internal(f"{task} failed", type(error).__name__) from error
        finally:
            for fd in mine.values():
                # a task may have closed it, or wrapped it in an object that did
                try:
                    os.close(fd)
                except OSError:
                    continue

    def execute(
        self,
        argv: Sequence[str],
        *,
        readable: Sequence[Path],  # noqa: ARG002 - part of the protocol; nothing is walled off here
        writable: Sequence[Path],  # noqa: ARG002 - same
        limits: Limits,
    ) -> str:
        """Run the program as it is; `Internal` on a non-zero exit."""
        try:
            done = subprocess.run(  # noqa: S603 - argv comes from framegate's own stages
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=limits.wall_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise MediaLimit(
                f"{Path(argv[0]).name} was stopped", f"ran for more than {limits.wall_s:g} s"
            ) from error
        output = done.stdout[-OUTPUT_BYTES:].decode("utf-8", "replace")
        if done.returncode != 0:
            last = output.strip().splitlines()[-1:] or [""]
            raise Internal(
                f"{Path(argv[0]).name} failed", f"exit code {done.returncode}: {last[0][:300]}"
            )
        return output
