"""Source files: opened read-only, and told apart from what may lie at their path later.

Sources stay where their owner put them. Whoever reads one gets a descriptor of its own, because an
open file description has one offset and readers in parallel would fight over it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
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


def require_unchanged(fd: int, source: SourceFile, sha256: str) -> None:
    """Raise `InputVanished` unless the open file still holds the bytes that were hashed.

    What was screened is what may be published: whoever has read the file asks this before the
    result counts. Reads the whole file when only the inode was touched (a rename, a new link).
    """
    name = Path(source.path).name
    try:
        now = mark(Path(source.path), os.fstat(fd))
        same = now == source
        if same and now.changed_ns != source.changed_ns:
            with Path(f"/proc/self/fd/{fd}").open("rb") as stream:
                same = hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except OSError as error:
        raise vanished(name, error) from error
    if not same:
        raise InputVanished(
            f"{name} was changed while it was processed", todo="Run again when it is complete"
        )


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
