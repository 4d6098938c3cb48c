"""The host's side of the sandbox: start the fork server, call tasks, run vendor programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from framegate.security.sandbox.call import FrameHeader
from framegate.security.sandbox.limits import Limits, RingSpec


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
