"""Write a container to a descriptor, and say in framegate's words why that failed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import av
import av.error
from av.container import OutputContainer

from framegate.errors import DiskFull, FramegateError, Internal, MediaLimit

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def output(fd: int, kind: str, **options: str) -> Iterator[OutputContainer]:
    """A container of format ``kind`` on an open descriptor; closing it writes the trailer.

    Raises `DiskFull`, `MediaLimit` (the file limit), `Internal`.
    """
    try:
        with av.open("fd:", "w", format=kind, options={"fd": str(fd), **options}) as container:
            yield container
    except FramegateError:
        raise
    except Exception as error:
        raise explained(error, "The track") from error


def explained(error: BaseException, what: str) -> FramegateError:
    """A leaf of `framegate.errors` for what an encoder or a muxer raised."""
    if isinstance(error, FramegateError):
        return error
    if isinstance(error, MemoryError):
        return MediaLimit(f"{what} cannot be encoded", "it needs more memory than a child may have")
    number = error.errno if isinstance(error, OSError | av.error.FFmpegError) else None
    if number in FULL:
        return DiskFull(f"{what} cannot be written", "no space left on the device")
    if number == errno.EFBIG:
        return MediaLimit(f"{what} cannot be written", "it is over the file limit")
    return Internal(f"{what} cannot be encoded", f"{type(error).__name__}: {error}")
