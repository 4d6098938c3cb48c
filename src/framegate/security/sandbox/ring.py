"""Frames from child to host: fixed slots in one anonymous, sealed memory file.

The host makes the file and owns every size. Slots are used in turn; the child takes one byte from
a pipe for each frame it puts, the host writes one for each frame it has copied, so the host never
blocks. The host reads the header from a datagram (which nobody can change any more), copies the
bytes out, and only then looks at them.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framegate.security.sandbox.call import FrameHeader
from framegate.security.sandbox.limits import RingSpec
from framegate.security.sandbox.wire import Garbled

_DIMENSIONS = 3
_CHANNELS = 4
_MOST_SLOTS = 1024  # their releases fit into a pipe many times


def make(spec: RingSpec) -> int:
    """A memory file for the ring, filled with zeros; the caller closes it. Raises OSError."""
    size = spec.slots * spec.slot_bytes
    if not 1 <= spec.slots <= _MOST_SLOTS or spec.slot_bytes < 1:
        raise ValueError(f"a ring has 1 to {_MOST_SLOTS} slots of at least one byte")
    fd = os.memfd_create("framegate-ring", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        # all pages now: a hole could not be filled when memory runs out, and reading it would kill
        os.posix_fallocate(fd, 0, size)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(fd)
        raise
    return fd


class HostRing:
    """The host's side: owns the file and the pipe, reads frames."""

    def __init__(self, spec: RingSpec) -> None:
        self.spec = spec
        self.fd = make(spec)
        self.released, self._release = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._release, False)
        self._map = mmap.mmap(self.fd, spec.slots * spec.slot_bytes, prot=mmap.PROT_READ)
        os.write(self._release, b"." * spec.slots)

    def free_one(self) -> None:
        """Let the child use a slot again; `Garbled` when it hasn't taken what was free."""
        try:
            os.write(self._release, b".")
        except BlockingIOError as error:
            raise Garbled("frames without taking slots") from error
        except BrokenPipeError:
            return  # the child ended after its last frame

    def take(self, header: dict[str, Any]) -> tuple[FrameHeader, NDArray[np.uint8]]:
        """Header and copy of the frame a child announced; `Garbled` when it lies."""
        slot, shape, meta = header.get("slot"), header.get("shape"), header.get("meta")
        if type(slot) is not int or not 0 <= slot < self.spec.slots:
            raise Garbled("a frame in a slot that does not exist")
        if not isinstance(shape, list) or len(shape) != _DIMENSIONS:
            raise Garbled("a frame without three dimensions")
        if any(type(side) is not int or side < 1 for side in shape) or shape[2] > _CHANNELS:
            raise Garbled("a frame with an impossible shape")
        height, width, channels = shape
        size = height * width * channels
        if size > self.spec.slot_bytes:
            raise Garbled("a frame larger than its slot")
        if not isinstance(meta, dict):
            raise Garbled("a frame without its facts")
        start = slot * self.spec.slot_bytes
        copy = np.frombuffer(self._map, np.uint8, size, start).copy()
        return FrameHeader((height, width, channels), meta), copy.reshape(shape)

    def close(self) -> None:
        """Unmap and close; frames taken stay valid, they are copies."""
        self._map.close()
        for fd in (self.fd, self.released, self._release):
            os.close(fd)


class ChildRing:
    """The child's side: fills slots that are free."""

    def __init__(self, fd: int, released: int, slots: int, slot_bytes: int) -> None:
        self._map = mmap.mmap(fd, slots * slot_bytes)
        self._released = released
        self._slots = slots
        self._slot_bytes = slot_bytes
        self._next = 0

    def fill(self, pixels: NDArray[np.uint8]) -> int:
        """Copy a frame into the next slot, once it is free, and return the slot."""
        check(pixels, self._slot_bytes)
        os.read(self._released, 1)
        slot = self._next
        self._next = (slot + 1) % self._slots
        start = slot * self._slot_bytes
        target = np.frombuffer(self._map, np.uint8, pixels.nbytes, start)
        target.reshape(pixels.shape)[...] = pixels
        return slot


def check(pixels: NDArray[np.uint8], slot_bytes: int) -> None:
    """ValueError unless the pixels are a frame that fits into a slot."""
    if pixels.dtype != np.uint8 or pixels.ndim != _DIMENSIONS:
        raise ValueError("a frame is (height, width, channels) of uint8")
    if not 0 < pixels.nbytes <= slot_bytes or pixels.shape[2] > _CHANNELS:
        raise ValueError(f"a frame of shape {pixels.shape} in {slot_bytes} bytes")
