"""Which files a person meant: paths as given, folders walked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from framegate.domain.layout import DASH, HLS, MEDIA, REPORT, VERDICT

# What a folder is searched for. A file named outright is taken whatever it is called.
VIDEO_EXTENSIONS = frozenset(
    {
        *("3g2", "3gp", "asf", "avi", "divx", "dv", "f4v", "flv", "ivf", "m1v", "m2t", "m2ts"),
        *("m2v", "m4v", "mjpeg", "mjpg", "mkv", "mov", "mp4", "mp4v", "mpe", "mpeg", "mpg"),
        *("mts", "mxf", "nut", "ogg", "ogm", "ogv", "qt", "rm", "rmvb", "ts", "vob", "webm"),
        *("wmv", "y4m"),
    }
)
# What marks a folder as made by framegate: its own output and work area are never its input.
OUTPUT_FILES = {REPORT, VERDICT}
PACKAGE_FOLDERS = {HLS, DASH, MEDIA}
DATABASE, WORK_AREA = "framegate.sqlite", "work"


def find_videos(paths: Iterable[Path]) -> Iterator[Path]:
    """Every video once, folders in order of name.

    Hidden files and folders are skipped, and so are outputs of framegate. Links to files are
    followed, links to folders are not: a loop cannot be walked into. A path that is not there is
    yielded too, so that its error is reported beside the results of the others.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if not path.is_dir():
            if _first_time(path, seen):
                yield path
            continue
        for parent, folders, files in os.walk(path):
            if OUTPUT_FILES.issubset(files) or PACKAGE_FOLDERS.issubset(folders):
                folders.clear()
                continue
            if DATABASE in files and WORK_AREA in folders:
                folders.remove(WORK_AREA)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                video = Path(parent, name)
                if _looks_like_video(video) and _first_time(video, seen):
                    yield video


def _looks_like_video(path: Path) -> bool:
    if path.name.startswith(".") or not path.is_file():
        return False
    return path.suffix.lower().removeprefix(".") in VIDEO_EXTENSIONS


def _first_time(path: Path, seen: set[tuple[int, int]]) -> bool:
    """Whether this file has not been found under another path."""
    try:
        status = path.stat()
    except OSError:
        return True
    key = (status.st_dev, status.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True
