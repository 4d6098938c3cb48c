"""What is asked of the file system, in order, by inode: every call goes through to the real one.

A power cut cannot be tried here; what it would leave follows from this order.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)


@dataclass(frozen=True, slots=True)
class Event:
    """``kind``: sync, mkdir, name (a rename, a link), exchange. ``inode`` is what it was done to,
    ``size`` its bytes then; ``path`` is the new name, "" for a sync.
    """

    kind: str
    inode: int
    size: int = 0
    path: str = ""
    before: str = ""  # the former name


@dataclass
class Journal:
    """Records while the test runs."""

    events: list[Event] = field(default_factory=list)

    @classmethod
    def begun(cls, monkeypatch: pytest.MonkeyPatch) -> Self:
        journal = cls()
        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, journal._syncing(getattr(os, name)))
        for name in ("rename", "replace", "link"):
            monkeypatch.setattr(os, name, journal._naming(getattr(os, name)))
        monkeypatch.setattr(os, "mkdir", journal._making(os.mkdir))
        real = ctypes.CDLL
        monkeypatch.setattr(ctypes, "CDLL", lambda *a, **k: _Libc(real(*a, **k), journal))
        return journal

    def index(self, kind: str, path: Path) -> int:
        """Where ``path`` last got its name in that way."""
        for at in range(len(self.events) - 1, -1, -1):
            event = self.events[at]
            if event.kind == kind and event.path == str(path):
                return at
        raise AssertionError(f"no {kind} of {path}")

    def synced(self, inode: int, *, since: int = 0, until: int | None = None) -> Event | None:
        """The last sync of an inode in a stretch of the journal."""
        found = [e for e in self.events[since:until] if e.kind == "sync" and e.inode == inode]
        return found[-1] if found else None

    def require_durable(self, path: Path) -> int:
        """A file that was renamed into place: its bytes first, then its name; where that was."""
        at = self.index("name", path)
        event = self.events[at]
        flushed = self.synced(event.inode, until=at)
        assert flushed is not None, f"{path.name} got its name before its bytes were durable"
        assert flushed.size == path.stat().st_size, f"{path.name} was written after its fsync"
        self.require_name(path.parent, since=at)
        return at

    def require_name(self, folder: Path, *, since: int) -> None:
        """What was named in ``folder`` is durable, and so is each folder made above it."""
        assert self.synced(folder.stat().st_ino, since=since), f"{folder.name} was not synced"
        for at, event in enumerate(self.events):
            if event.kind == "mkdir" and folder.is_relative_to(event.path):
                parent = Path(event.path).parent
                assert self.synced(parent.stat().st_ino, since=at), (
                    f"{event.path} may be gone with all that is in it"
                )

    def require_tree(self, folder: Path, *, until: int) -> None:
        """Every file and folder below was synced, as it is now, before an event."""
        for path in (folder, *folder.rglob("*")):
            status = path.stat()
            flushed = self.synced(status.st_ino, until=until)
            assert flushed is not None, f"{path.name} was shown before it was durable"
            assert path.is_dir() or flushed.size == status.st_size

    def _syncing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def sync(fd: int) -> None:
            status = os.fstat(fd)
            real(fd)
            self.events.append(Event("sync", status.st_ino, status.st_size))

        return sync

    def _naming(self, real: Callable[..., None]) -> Callable[..., None]:
        def name(source: Any, target: Any, **more: Any) -> None:
            status = Path(source).lstat()
            real(source, target, **more)
            names = os.fspath(target), os.fspath(source)
            self.events.append(Event("name", status.st_ino, status.st_size, *names))

        return name

    def _making(self, real: Callable[..., None]) -> Callable[..., None]:
        def make(path: Any, *more: Any, **rest: Any) -> None:
            real(path, *more, **rest)
            self.events.append(Event("mkdir", Path(path).stat().st_ino, 0, os.fspath(path)))

        return make


class _Libc:
    """The C library, its renameat2 recorded."""

    def __init__(self, real: ctypes.CDLL, journal: Journal) -> None:
        self._real = real
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def renameat2(self, *given: Any) -> int:
        one, other, flags = given[1].value, given[3].value, given[4].value
        inode = Path(os.fsdecode(one)).stat().st_ino
        result: int = self._real.renameat2(*given)
        if result == 0:
            kind = "exchange" if flags & EXCHANGE else "name"
            names = os.fsdecode(other), os.fsdecode(one)
            self._journal.events.append(Event(kind, inode, 0, *names))
        return result
