"""Face templates in files of their own: ``<home>/templates/<enrolment id>``, private to the user.

A file for each, so that one can be destroyed alone, and later be encrypted under a key of its own.
Nothing is written beside it (no journal, no temporary file): what is destroyed was in one place.
Destroying overwrites the file before it is removed. Where the disk keeps old blocks (snapshots,
copy on write, worn flash), only encryption destroys.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from framegate.domain.creator import Template
from framegate.storage import atomic

FOLDER = "templates"
_ID = re.compile(r"[0-9a-f]{32}")


class TemplateFiles:
    """`Templates` as files."""

    def __init__(self, home: Path) -> None:
        """Creates the folder when the first template comes."""
        self._folder = home / FOLDER

    def put(self, enrolment_id: str, template: Template) -> None:
        """See `Templates`. A kill in its middle leaves a file that `get` does not take."""
        path = self._path(enrolment_id)
        with atomic.writing("the face template"):
            atomic.make_folder(self._folder, mode=0o700)
            self._folder.chmod(0o700)
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(fd, "wb") as stream:
                    stream.write(template.to_bytes())
                    stream.flush()
                    os.fsync(stream.fileno())
            except OSError:
                self.destroy(enrolment_id)
                raise
            atomic.sync_folder(self._folder)

    def get(self, enrolment_id: str) -> Template | None:
        """See `Templates`."""
        try:
            return Template.from_bytes(self._path(enrolment_id).read_bytes())
        except (OSError, ValueError):
            return None

    def destroy(self, enrolment_id: str) -> bool:
        """See `Templates`."""
        path = self._path(enrolment_id)
        with atomic.writing("the face template"):
            try:
                fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                return False
            try:
                os.pwrite(fd, bytes(os.fstat(fd).st_size), 0)
                os.fsync(fd)
                os.ftruncate(fd, 0)
            finally:
                os.close(fd)
            path.unlink(missing_ok=True)
            atomic.sync_folder(self._folder)
        return True

    def ids(self) -> Iterator[str]:
        """See `Templates`."""
        try:
            names = sorted(path.name for path in self._folder.iterdir())
        except FileNotFoundError:
            return
        yield from (name for name in names if _ID.fullmatch(name))

    def _path(self, enrolment_id: str) -> Path:
        if not _ID.fullmatch(enrolment_id):
            raise ValueError(enrolment_id)
        return self._folder / enrolment_id
