"""The sandbox without the walls: tasks run in this process. For tests and debugging alone.

It keeps the contract (copied frames, JSON messages, the caller keeps its descriptors) and none of
the protection: limits other than the wall clock of `execute` are not applied.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framegate.errors import FramegateError, Internal, MediaLimit
from framegate.security.sandbox.call import FrameHeader
from framegate.security.sandbox.limits import Limits, RingSpec

MESSAGE_BYTES = 64 << 10
OUTPUT_BYTES = 64 << 10


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
        self._request: dict[str, Any] = json.loads(json.dumps(dict(request)))
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
        text = json.dumps(message)
        if len(text.encode()) > MESSAGE_BYTES:
            raise ValueError(f"a message may have {MESSAGE_BYTES} bytes")
        if self._on_message is not None:
            self._on_message(json.loads(text))

    def put_frame(self, pixels: NDArray[np.uint8], meta: dict[str, Any]) -> None:
        """Hand a copy of a (height, width, channels) frame over."""
        if self._ring is None:
            raise ValueError("the call has no ring")
        if pixels.dtype != np.uint8 or pixels.ndim != 3:  # noqa: PLR2004 - height, width, channels
            raise ValueError("a frame is (height, width, channels) of uint8")
        if pixels.nbytes > self._ring.slot_bytes:
            raise ValueError(f"a frame of {pixels.nbytes} bytes in {self._ring.slot_bytes}")
        if self._on_frame is not None:
            height, width, channels = pixels.shape
            header = FrameHeader((height, width, channels), json.loads(json.dumps(meta)))
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
        work = getattr(importlib.import_module(module), function)
        mine = {name: os.dup(fd) for name, fd in fds.items()}
        try:
            answer = work(InProcessCall(request, mine, ring, on_message, on_frame))
            return dict(json.loads(json.dumps(answer)))
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
