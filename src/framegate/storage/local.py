"""The data folder on a local disk: where each asset's work lies (docs/architecture.md)."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from framegate.domain.layout import AUDIO, CAPTIONS, CHUNKS, IMPRINTS, PACKAGE, SAMPLES, VIDEO
from framegate.errors import DiskFull, OutputNotWritable
from framegate.storage import atomic

SCRATCH = (CHUNKS, CAPTIONS, AUDIO, VIDEO, PACKAGE)
_WORK = re.compile(r"([0-9a-f]{32})-([0-9a-f]{16})")


class WorkLost(Exception):
    """A file in the work area that a checkpoint vouches for is gone or is not the same."""


class DataFolder:
    """The folders ``work/<asset id>-<options key>/``, ``policies/`` and ``leases/``, private to the
    user.
    """

    def __init__(self, home: Path, *, min_free_bytes: int = 0) -> None:
        """Creates what is missing; raises `OutputNotWritable` or `DiskFull`."""
        self.home = home
        self.leases = home / "leases"
        self._work = home / "work"
        self._policies = home / "policies"
        self._min_free_bytes = min_free_bytes
        _require_text(home)
        with atomic.writing(f"the data folder {home}"):
            # a folder that was there before keeps its mode: it may be anybody's, even /tmp
            atomic.make_folder(home, mode=0o700)
            for folder in (self.leases, self._work, self._policies):
                atomic.make_folder(folder, mode=0o700)
                folder.chmod(0o700)

    def work(self, asset_id: str, options_key: str) -> Path:
        """The work folder of an asset under some options, made if needed: what waits for a person
        is not touched by a run with other options. The caller holds the asset's lease, so every
        unfinished thing in it is a dead process's and is removed.
        """
        folder = self._folder(asset_id, options_key)
        with atomic.writing(f"the work area {folder}"):
            atomic.make_folder(folder, mode=0o700)
            clear_unfinished(folder)
        return folder

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A work folder for work that is not durable; gone after the block."""
        with atomic.writing(f"the work area {self._work}"), atomic.scratch_folder(self._work) as at:
            yield at

    def put_away(self, asset_id: str, options_key: str, *, keep_samples: bool) -> None:
        """Remove what only an unfinished work needs: tracks, chunks, imprints, and unless a later
        report may show them the previews of the frames.
        """
        with suppress(OSError):
            (self._folder(asset_id, options_key) / IMPRINTS).unlink(missing_ok=True)
        for name in SCRATCH if keep_samples else (*SCRATCH, SAMPLES):
            shutil.rmtree(self._folder(asset_id, options_key) / name, ignore_errors=True)

    def keep_policy(self, content: bytes) -> None:
        """Keep a policy's bytes by their SHA-256: a verdict names them, and can be made again."""
        path = self._policies / f"{hashlib.sha256(content).hexdigest()}.toml"
        if not path.exists():
            with atomic.writing(f"the policy {path.name}"):
                atomic.write_bytes(path, content)

    def policy(self, sha256: str) -> bytes:
        """The bytes of a policy that was kept. Raises `WorkLost`."""
        return read_hashed(self._policies / f"{sha256}.toml", sha256)

    def kept(self, asset_id: str, options_key: str) -> Path:
        """Where the work area of an asset lies, or lay: only to read what is kept there."""
        return self._folder(asset_id, options_key)

    def works(self) -> Iterator[tuple[str, str]]:
        """Asset ID and options key of each work folder."""
        for path in self._work.iterdir():
            if found := _WORK.fullmatch(path.name):
                yield found[1], found[2]

    def discard(self, asset_id: str, options_key: str) -> None:
        """Take a work folder away in one step, for `sweep` to remove. The caller holds the asset's
        lease. Raises `OSError`.
        """
        self._folder(asset_id, options_key).rename(atomic.unfinished(self._work))

    def sweep(self) -> int:
        """Remove what was discarded, and scratch of dead processes; returns bytes freed."""
        return atomic.sweep(self._work)

    def _folder(self, asset_id: str, options_key: str) -> Path:
        return self._work / f"{asset_id}-{options_key}"

    def require_space(self, path: Path, bytes_needed: int = 0) -> None:
        """Raise `DiskFull` unless so much and the reserve are free where ``path`` lies."""
        existing = path
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        try:
            free = shutil.disk_usage(existing).free
        except OSError as error:
            raise atomic.failure(error, str(path)) from error
        needed = bytes_needed + self._min_free_bytes
        if free < needed:
            raise DiskFull(
                f"too little space where {path} lies",
                f"{free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB needed",
            )

    def require_writable(self, output: Path) -> None:
        """Raise `OutputNotWritable` unless folders can be made in ``output`` (made if needed)."""
        _require_text(output)
        with atomic.writing(str(output)):
            output.mkdir(parents=True, exist_ok=True)
            if not os.access(output, os.W_OK | os.X_OK):
                raise OutputNotWritable(f"{output} cannot be written", "permission denied")
            # access() says yes to root on a read-only mount's folder: try it
            probe = output / f"{atomic.TEMPORARY}probe-{os.getpid()}"
            probe.mkdir()
            probe.rmdir()


def _require_text(folder: Path) -> None:
    """Databases, manifests and reports name the folder: its name must be text."""
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(folder).decode("utf-8", "backslashreplace")
        raise OutputNotWritable(f"{shown} cannot be used", "its name is not UTF-8") from error


def clear_unfinished(folder: Path) -> None:
    """Remove every unfinished file and folder below; only for who holds the asset's lease."""
    for path in sorted(folder.rglob(f"{atomic.TEMPORARY}*")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_hashed(path: Path, content: bytes) -> str:
    """Write a file durably and return its SHA-256: what a checkpoint keeps of it."""
    atomic.write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def read_hashed(path: Path, sha256: str) -> bytes:
    """Read a file that a checkpoint vouches for; raises `WorkLost` when it is not the same."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WorkLost(path.name) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WorkLost(path.name)
    return content


def require_same(path: Path, sha256: str) -> None:
    """As `read_hashed` for what is too large to read; raises `WorkLost`."""
    try:
        same = sha256_of(path) == sha256
    except OSError as error:
        raise WorkLost(path.name) from error
    if not same:
        raise WorkLost(path.name)
