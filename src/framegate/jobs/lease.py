"""Who works on what: a file lock that ends with its process.

A lease is an exclusive ``flock`` on ``leases/<name>.lock``. The kernel lets go of it when the
process ends, however it ends, so a lease that can be taken is proof that nobody is at that work:
no heartbeat, no clock, no time to live. Descriptors are close-on-exec, so children that a process
starts do not keep its leases.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from framegate.errors import AlreadyRunning

_SAFE = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}")


class Leases:
    """The leases of one data folder."""

    def __init__(self, folder: Path, *, holder: dict[str, Any]) -> None:
        """``holder`` is written into each lock for people who look: pid, executor, since."""
        self._folder = folder
        self._holder = holder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold a lease for the length of a block.

        Raises `AlreadyRunning` when another process (or another thread here) has it.
        """
        fd = self._take(name)
        if fd is None:
            raise AlreadyRunning("this video is being processed already", self._who(name))
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps(self._holder).encode(), 0)
            yield
        finally:
            # The file stays: removing it would let two processes lock two files of one name.
            os.ftruncate(fd, 0)
            os.close(fd)

    def held(self, name: str) -> bool:
        """Whether somebody holds it at this moment."""
        fd = self._take(name)
        if fd is None:
            return True
        os.close(fd)
        return False

    def _take(self, name: str) -> int | None:
        if not _SAFE.fullmatch(name):
            raise ValueError(name)
        fd = os.open(self._folder / f"{name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError:
            os.close(fd)
            raise
        return fd

    def _who(self, name: str) -> str:
        with contextlib.suppress(OSError, ValueError):
            holder = json.loads((self._folder / f"{name}.lock").read_text())
            return f"process {holder['pid']} has been at it since {holder['since']}"
        return "another process has it"
