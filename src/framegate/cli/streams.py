"""Stdout and stderr whose readers may leave (``| head -1``): work goes on, its status stands."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO, override

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Unread(io.FileIO):
    """A descriptor for writing, not closed with this. From the moment that nobody can read what
    is written any more it leads nowhere, for all that write to it.
    """

    @override
    def write(self, data: ReadableBuffer, /) -> int:
        """Never raises `BrokenPipeError`."""
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return super().write(data)


def outlive_readers() -> None:
    """Make both streams of this process such ones."""
    sys.stdout = outliving(sys.stdout)
    sys.stderr = outliving(sys.stderr)


def outliving(stream: TextIO) -> TextIO:
    """The same stream, going on when its reader leaves. One without a descriptor stays as it is."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # closed by the shell: None
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Unread(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
