"""Source files: opened read-only, and told apart from what may lie at their path later.

Sources stay where their owner put them. Whoever reads one gets a descriptor of its own, because an
open file description has one offset and readers in parallel would fight over it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framegate.domain.asset import SourceFile
from framegate.errors import FramegateError, InputVanished, NotAVideo

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def open_file(path: Path) -> tuple[int, SourceFile]:
    """A new descriptor (the caller closes it) and the file's mark. Links are followed.

    Raises `InputVanished`, and `NotAVideo` for anything but a regular file; a pipe or a device is
    never opened for long enough to block or to act.
    """
    try:
        _require_regular(path.stat())
        fd = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise vanished(path.name, error) from error
    try:
        sync_data(fd)
        found = os.fstat(fd)
        _require_regular(found)
        os.set_blocking(fd, True)
    except OSError as error:
        os.close(fd)
        raise vanished(path.name, error) from error
    except FramegateError:
        os.close(fd)
        raise
    return fd, mark(path, found)


def open_unchanged(source: SourceFile) -> int:
    """A new descriptor of the very file that was hashed. Raises `InputVanished` when it is gone,
    replaced or changed.
    """
    path = Path(source.path)
    fd, found = open_file(path)
    if found != source:
        os.close(fd)
        raise InputVanished(
            f"{path.name} is not the file that was taken in",
            "it was changed or replaced since",
            "Run again to take in the file as it is now",
        )
    return fd


class SourceTouched(Exception):
    """During a reading the file was written, renamed, linked or the like: what was read may not
    be what was hashed, although it is now.
    """


class Watch:
    """Knows whether an open file holds the bytes that were hashed, from `begin` to `end`.

    Whoever may write a file can set its size and its modification time back, but not the change
    time of its inode (ctime): as long as that stands still, so do the bytes. It also moves for a
    rename or a new link, which are no matter, so the file is then hashed again. Two things escape:
    a write within the same tick of the file system's clock (milliseconds) as the change before it,
    and memory-mapped writes on tmpfs, which keeps no time for them. May be used by many threads.
    """

    def __init__(self, fd: int, source: SourceFile, sha256: str) -> None:
        self._fd = fd
        self._source = source
        self._sha256 = sha256
        self._name = Path(source.path).name
        self._known_ns = source.changed_ns  # when the inode changed last with the bytes known
        self._lock = threading.Lock()

    def begin(self) -> int:
        """The file holds what was hashed; its change time, for `end`. Raises `InputVanished`.

        Reads the whole file if the inode was touched since.
        """
        with self._lock:
            now = self._look()
            if now != self._known_ns:
                if self._hash() != self._sha256 or self._look() != now:
                    raise self._changed()
                self._known_ns = now
            return now

    def end(self, since: int) -> None:
        """What was read since `begin` was what was hashed. Raises `InputVanished` when the file
        is another now, `SourceTouched` when it may have been another in between.
        """
        if self._look() == since:
            return
        self.begin()
        raise SourceTouched(self._name)

    def _look(self) -> int:
        try:
            sync_data(self._fd)
            now = mark(Path(self._source.path), os.fstat(self._fd))
        except OSError as error:
            raise vanished(self._name, error) from error
        if now != self._source:
            raise self._changed()
        return now.changed_ns

    def _hash(self) -> str:
        try:
            with reopened(self._fd) as fd, os.fdopen(fd, "rb", closefd=False) as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise vanished(self._name, error) from error

    def _changed(self) -> InputVanished:
        return InputVanished(
            f"{self._name} was changed while it was processed",
            todo="Run again when it is complete",
        )


def sync_data(fd: int) -> None:
    """Write back what others wrote to a file: a mapped page that is dirty already can be written
    again without a trace, a clean one cannot. File systems without fsync have nothing to write.
    """
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EROFS, errno.ENOSYS, errno.EOPNOTSUPP}:
            raise


@contextmanager
def opened(source: SourceFile) -> Iterator[int]:
    """`open_unchanged` for the length of a block."""
    fd = open_unchanged(source)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def reopened(fd: int) -> Iterator[int]:
    """The file behind ``fd`` on a descriptor of its own, read-only: duplicates share one offset.
    Raises `InputVanished`.
    """
    try:
        again = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise vanished("The source", error) from error
    try:
        yield again
    finally:
        os.close(again)


def mark(path: Path, found: os.stat_result) -> SourceFile:
    """The mark of an open file."""
    return SourceFile(
        path=os.fspath(path.absolute()),
        device=found.st_dev,
        inode=found.st_ino,
        size_bytes=found.st_size,
        modified_ns=found.st_mtime_ns,
        changed_ns=found.st_ctime_ns,
    )


def vanished(name: str, error: OSError | ValueError) -> InputVanished:
    """Why a file cannot be read."""
    if isinstance(error, ValueError):
        return InputVanished(f"{name} cannot be read", "the name holds a NUL")
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return InputVanished(f"{name} is not there")
    return InputVanished(f"{name} cannot be read", error.strerror or type(error).__name__)


def _require_regular(found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    kind = next((words for test, words in _KINDS if test(found.st_mode)), "no regular file")
    raise NotAVideo("The path is not a file", f"it is {kind}")
