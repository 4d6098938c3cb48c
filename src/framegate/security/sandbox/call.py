"""What a task sees of its caller: the request, open descriptors, a way to answer.

A task is a module-level function ``def name(call: Call) -> dict`` in `framegate.media`. It may
raise any leaf of `framegate.errors`; the host raises the same again. It opens no paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """Beside each frame in the ring. ``shape`` is (height, width, channels); ``meta`` is small
    JSON of the task's own. The parent checks shape against the slot size before it copies.
    """

    shape: tuple[int, int, int]
    meta: dict[str, Any]


class Call(Protocol):
    """One call of a task, seen from inside the child."""

    @property
    def request(self) -> dict[str, Any]:
        """The caller's arguments, plain JSON types."""

    def fd(self, name: str) -> int:
        """An open descriptor that came with the call, by name; KeyError when it did not."""

    def emit(self, message: dict[str, Any]) -> None:
        """Send a small JSON message (at most 64 KiB) to the caller: progress, partial results."""

    def put_frame(self, pixels: NDArray[np.uint8], meta: dict[str, Any]) -> None:
        """Copy a (height, width, channels) frame into the ring; blocks while all slots are full."""
