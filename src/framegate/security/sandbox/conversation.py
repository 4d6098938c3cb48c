"""What host and child say to each other in the call of a task, from the host's side."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from framegate.errors import ComponentMissing, FramegateError, Internal, MediaLimit
from framegate.security import ulimits
from framegate.security.sandbox import outcome, wire
from framegate.security.sandbox.call import FrameHeader
from framegate.security.sandbox.limits import Limits, RingSpec
from framegate.security.sandbox.ring import HostRing

type OnMessage = Callable[[dict[str, Any]], None]
type OnFrame = Callable[[FrameHeader, NDArray[np.uint8]], None]


@dataclass(frozen=True, slots=True)
class Order:
    """One call of a task as the caller gave it."""

    name: str
    task: str
    request: Mapping[str, Any]
    fds: Mapping[str, int]
    limits: Limits
    ring: RingSpec | None = None
    on_message: OnMessage | None = None
    on_frame: OnFrame | None = None

    def ring_bytes(self) -> int:
        """What the child has to map for the ring."""
        return 0 if self.ring is None else self.ring.slots * self.ring.slot_bytes


class Conversation:
    """Sends the call once the child is ready, then takes what it says until its last word."""

    def __init__(self, order: Order, required: Sequence[str]) -> None:
        self.answer: dict[str, Any] | None = None
        self.error: dict[str, Any] | None = None
        self.steps: dict[str, Any] = {}
        self._order = order
        self._required = required
        self._parts = wire.Assembly()
        try:
            self._ring = None if order.ring is None else HostRing(order.ring)
            self.channel, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise _no_room(order, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.far.close()
        if self._ring is not None:
            self._ring.close()

    def read(self) -> bool:
        """Take one datagram; False when the child has said its last. `wire.Garbled`, and
        whatever the caller's own functions raise.
        """
        try:
            tag, payload = wire.receive(self.channel)
        except ConnectionResetError:
            return False
        if tag in (wire.PART, wire.LAST):
            return self._part(tag, payload)
        if tag == wire.FRAME:
            self._frame(payload)
        elif tag == wire.MESSAGE:
            value = wire.unpack(payload)
            if self._order.on_message is not None:
                self._order.on_message(value)
        elif tag == wire.READY and not self.steps:
            self._ready(payload)
        elif tag == wire.ERROR:
            self.error = wire.unpack(payload)
            return False
        elif tag:
            raise wire.Garbled("an unknown tag")
        return bool(tag)

    def _ready(self, payload: bytes) -> None:
        self.steps = wire.unpack(payload)
        require(self._order.name, self.steps, self._required)
        fds = list(self._order.fds.values())
        ring = None
        if self._ring is not None:
            fds += [self._ring.fd, self._ring.released]
            ring = [self._ring.spec.slots, self._ring.spec.slot_bytes]
        envelope = {
            "request": dict(self._order.request),
            "fds": list(self._order.fds),
            "ring": ring,
        }
        # it has not seen a hostile byte yet and does nothing but read: a stall is a broken machine
        self.channel.settimeout(self._order.limits.silence_s)
        try:
            with contextlib.suppress(BrokenPipeError):  # it died, and its end says why
                wire.send_whole(self.channel, envelope, fds)
        except TimeoutError as error:
            raise outcome.silence(self._order.name, self._order.limits) from error
        self.channel.settimeout(None)

    def _part(self, tag: bytes, payload: bytes) -> bool:
        self._parts.add(payload)
        if tag == wire.PART:
            return True
        answer = self._parts.whole().get("answer")
        if not isinstance(answer, dict):
            raise wire.Garbled("an answer that is no object")
        self.answer = answer
        return False

    def _frame(self, payload: bytes) -> None:
        if self._ring is None:
            raise wire.Garbled("a frame without a ring")
        header, pixels = self._ring.take(wire.unpack(payload))
        self._ring.free_one()
        if self._order.on_frame is not None:
            self._order.on_frame(header, pixels)


def _no_room(order: Order, error: OSError) -> FramegateError:
    if error.errno in (errno.ENOSPC, errno.ENOMEM):
        words = f"no {outcome.size(order.ring_bytes())} of memory left for its frames"
        return MediaLimit(f"{order.name} could not start", words)
    if error.errno == errno.EFBIG:
        return ulimits.file_too_large(f"The buffer of {order.name}")
    return Internal(f"{order.name} could not start", error.strerror or "")


def require(name: str, steps: Mapping[str, Any], required: Sequence[str]) -> None:
    """`ComponentMissing` unless a child got every required protection."""
    lacking = [
        f"no {step} ({outcome.clean(steps.get(step, 'unknown'), 80)})"
        for step in required
        if steps.get(step) != ""
    ]
    if lacking:
        raise ComponentMissing(f"{name} was not run in the sandbox", ", ".join(lacking))
