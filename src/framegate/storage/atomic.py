"""Files and folders that are either there and whole, or not there.

Everything is written beside its final place (same file system), fsynced, and renamed. A name that
begins with ``.fg-`` is unfinished work. The writer of such a folder holds a lock on it, so what a
dead process left is told from what a live one is writing, without looking at ages.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from framegate.errors import DiskFull, FramegateError, OutputNotWritable
from framegate.security.ulimits import file_too_large

TEMPORARY = ".fg-"
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def failure(error: OSError, what: str) -> FramegateError:
    """The framegate error for a write that did not go through."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull(f"no space left while writing {what}")
    if error.errno == errno.EFBIG:
        return file_too_large(what)
    return OutputNotWritable(f"{what} cannot be written", error.strerror or "")


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn an `OSError` of this block into `DiskFull` or `OutputNotWritable`."""
    try:
        yield
    except OSError as error:
        raise failure(error, what) from error


@contextmanager
def atomic_file(path: Path, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to write; it takes ``path``'s place, whole and durable, when the block ends well.

    Raises `DiskFull`, `OutputNotWritable`.
    """
    temporary = unfinished(path.parent)
    with writing(path.name):
        try:
            # readable too: muxers look back at what they wrote
            fd = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, mode)
            with os.fdopen(fd, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """`atomic_file` with all of its content at hand."""
    with atomic_file(path) as stream:
        stream.write(content)


@contextmanager
def atomic_folder(
    final: Path, *, mode: int = 0o777, before: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """A folder to fill; it takes ``final``'s place in one step when the block ends well.

    An existing ``final`` is exchanged for the new one, so at every moment one of the two is
    there, whole. ``before`` is called with the filled folder just before the swap (for a last
    check). Raises `DiskFull`, `OutputNotWritable`.
    """
    with writing(final.name):
        make_folder(final.parent)
        sweep(final.parent)
        temporary, lock = _locked_folder(final.parent, mode)
        try:
            yield temporary
            if before is not None:
                before(temporary)
            sync_tree(temporary)
            old = swap(temporary, final)
            sync_folder(final.parent)
            if old is not None:
                _remove(old)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        finally:
            os.close(lock)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A private folder that is gone after the block, or at the next sweep of ``parent``."""
    sweep(parent)
    temporary, lock = _locked_folder(parent, 0o700)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(lock)


def swap(new: Path, final: Path) -> Path | None:
    """Put ``new`` at ``final`` atomically; returns where the one that was there is now.

    Uses Linux's ``renameat2(RENAME_EXCHANGE)``. A file system that lacks it (some network and
    FUSE ones) gets two renames: for a moment ``final`` is absent, never half there.
    """
    try:
        new.rename(final)  # also replaces an empty folder
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}:
            raise
    else:
        return None
    if _exchange(new, final):
        return new
    aside = unfinished(final.parent)
    final.rename(aside)
    new.rename(final)
    return aside


def _exchange(one: Path, other: Path) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        renameat2 = libc.renameat2
    except AttributeError:
        return False
    result = renameat2(
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(one)),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(other)),
        ctypes.c_uint(_RENAME_EXCHANGE),
    )
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code in {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}:
        return False
    raise OSError(code, os.strerror(code), str(other))


def unfinished(parent: Path) -> Path:
    """A new name for what is not, or no longer, whole."""
    return parent / f"{TEMPORARY}{secrets.token_hex(6)}"


def sweep(folder: Path) -> int:
    """Remove unfinished folders whose writer is dead; a live writer's stay. Returns bytes freed:
    files that have another name elsewhere (a published package's) don't count.

    A link can only be what somebody had put in a folder's place: it goes, where it leads stays.
    """
    freed = 0
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.is_symlink():
            _remove(path)
            continue
        if not path.is_dir():
            continue
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue  # gone, or not ours to touch
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pass  # its writer lives
        else:
            freed += _usage(path)
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(fd)
    return freed


def _remove(path: Path) -> None:
    """A folder with all that is in it, or a file or link that lay in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _usage(folder: Path) -> int:
    """Bytes on disk that only this folder holds."""
    size = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):  # another process sweeps too
                found = os.lstat(Path(parent, name))
                size += found.st_blocks * 512 if found.st_nlink == 1 else 0
    return size


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """A folder and those above it, made where they are missing, each new name durable.

    A file that is on disk in a folder that is not would be lost with it. Raises `OSError`.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)  # pathlib too keeps ``mode`` for the last one
    with suppress(FileExistsError):  # another process was quicker, or a file is in the way
        folder.mkdir(mode)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_tree(folder: Path) -> None:
    """Make every file and name under a folder durable, deepest first."""
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            fd = os.open(Path(parent, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        sync_folder(Path(parent))


def _locked_folder(parent: Path, mode: int) -> tuple[Path, int]:
    """A new unfinished folder and the descriptor that locks it."""
    while True:
        path = unfinished(parent)
        path.mkdir(mode=mode)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # swept by another process before it was locked
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return path, fd
        os.close(fd)
