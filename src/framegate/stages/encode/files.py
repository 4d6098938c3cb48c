"""Files of finished chunks: held to their receipts, fed to a task through one pipe."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from framegate.domain.encoding import ChunkFile
from framegate.errors import Internal
from framegate.storage.local import sha256_of

BLOCK = 1 << 20


def verify(work: Path, file: ChunkFile) -> None:
    """Raises `Internal` when a chunk's file is not its receipt's, `OSError` as it comes."""
    path = work / file.path
    if path.stat().st_size != file.size_bytes or sha256_of(path) != file.sha256:
        raise _changed(file)


def _changed(file: ChunkFile) -> Internal:
    return Internal(
        "A chunk changed since it was encoded",
        Path(file.path).name,
        "Run the same command again: that chunk is encoded anew",
    )


class Feed:
    """Files one after the other through a pipe, hashed on the way: one descriptor for a task,
    however many chunks there are. A context manager; `check` after the task has read it all.
    """

    def __init__(self, work: Path, files: Sequence[ChunkFile]) -> None:
        self._work = work
        self._files = files
        self._failure: Exception | None = None
        self.fd, self._end = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="feed-chunks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.fd)  # a writer that still waits is woken by a broken pipe
        self._thread.join()

    def check(self) -> None:
        """Raises `Internal` when a file was not the one in its receipt, `OSError` as it came."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            for file in self._files:
                self._send(file)
        except BrokenPipeError:
            pass  # the task gave up; it says why itself
        except (OSError, Internal) as error:
            self._failure = error
        finally:
            os.close(self._end)

    def _send(self, file: ChunkFile) -> None:
        digest = hashlib.sha256()
        with (self._work / file.path).open("rb", buffering=0) as source:
            while block := source.read(BLOCK):
                digest.update(block)
                rest = memoryview(block)
                while rest:
                    rest = rest[os.write(self._end, rest) :]
        if digest.hexdigest() != file.sha256:
            raise _changed(file)
