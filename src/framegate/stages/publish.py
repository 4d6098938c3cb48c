"""Publish: one atomic step from a filled folder to the place where players look.

The package is copied (hard-linked where the file system allows: media segments are never changed
once written) into a folder beside the final one, the reports are written into it, everything is
fsynced, and one rename or exchange puts it in place. Before that instant the former output, or
nothing, is there; after it the new one, whole.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from framegate.domain.counted import counted
from framegate.domain.layout import CAPTIONS, DASH, HLS, MEDIA, POSTER, PREVIEW, SPRITES, THUMBNAILS
from framegate.stages.base import StageContext
from framegate.storage.atomic import atomic_folder

# What a package may hold, in the order it is put there; manifests come last by custom, though
# nobody can see the folder before all of it is there.
PACKAGE_PARTS = (MEDIA, CAPTIONS, POSTER, THUMBNAILS, SPRITES, PREVIEW, HLS, DASH)


def publish(
    context: StageContext,
    package: Path | None,
    final: Path,
    write_reports: Callable[[Path], None],
) -> int:
    """Put a package (None: reports only) and its reports at ``final``; returns bytes published.

    ``write_reports`` writes into the folder it is given. Raises `DiskFull`, `OutputNotWritable`.
    """
    context.progress.start("publish", None, "files")
    with atomic_folder(final) as folder:
        files = 0
        if package is not None:
            for part in PACKAGE_PARTS:
                files += _place(package / part, folder / part)
                context.progress.advance("publish", files)
        write_reports(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    context.progress.end("publish", f"{counted(files, 'file')}, {size / 1e6:.1f} MB")
    return size


def take_back(final: Path, package: Path) -> int:
    """Bring a published package back to the folder ``package``, where it waits for a person;
    returns how many files. It stays at ``final`` until something else is published there.

    Raises `DiskFull`, `OutputNotWritable`.
    """
    with atomic_folder(package) as folder:
        return sum(_place(final / part, folder / part) for part in PACKAGE_PARTS)


def is_intact(final: Path, names: tuple[str, ...]) -> bool:
    """Whether a published folder still has these files, none of them empty."""
    try:
        return all((final / name).stat().st_size > 0 for name in names)
    except OSError:
        return False


def _place(source: Path, target: Path) -> int:
    """Link or copy a file or a folder of files; returns how many files."""
    if not source.exists():
        return 0
    if source.is_file():
        _link(source, target)
        return 1
    target.mkdir()
    return sum(_place(child, target / child.name) for child in sorted(source.iterdir()))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}:
            raise
        shutil.copyfile(source, target)
    else:
        # the work area is private; what is published follows the umask of who publishes
        target.chmod(0o666 & ~_umask())


def _umask() -> int:
    """The process's umask, read without setting it (other threads make files meanwhile)."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022
