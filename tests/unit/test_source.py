"""A source that is written while it is read is found out, whatever its writer sets back."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from framegate.errors import InputVanished
from framegate.storage.source import SourceTouched, Watch, open_file
from taking_in import Quiet, take_in

HELD = b"held" * 5000
OTHER = b"else" * 5000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "video.bin"
    path.write_bytes(HELD)
    return path


@pytest.fixture
def watch(path: Path) -> Iterator[Watch]:
    fd, found = open_file(path)
    yield Watch(fd, found, hashlib.sha256(HELD).hexdigest())
    os.close(fd)


def tick(path: Path) -> None:
    """Until the file system's clock has moved on since the file was touched last."""
    probe = path.with_name("clock")
    while True:
        probe.write_bytes(b"")
        if probe.stat().st_mtime_ns > path.stat().st_ctime_ns:
            return


def put(path: Path, content: bytes) -> None:
    """Other bytes in the same file, its size and times as before."""
    tick(path)
    times = path.stat()
    with path.open("r+b") as stream:
        stream.write(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_mtime_ns == times.st_mtime_ns


def swapped_and_back(path: Path) -> None:
    put(path, OTHER)
    put(path, HELD)


def renamed(path: Path) -> None:
    tick(path)
    path.rename(path.with_name("other name.bin"))


def linked(path: Path) -> None:
    tick(path)
    path.with_name("link.bin").hardlink_to(path)


@pytest.mark.parametrize("what", [swapped_and_back, renamed, linked])
def test_what_may_have_been_other_bytes_does_not_count(
    path: Path, watch: Watch, what: Callable[[Path], None]
) -> None:
    since = watch.begin()
    what(path)
    with pytest.raises(SourceTouched):
        watch.end(since)
    again = watch.begin()  # the bytes are those that were hashed: another reading may count
    assert again != since
    watch.end(again)
    with pytest.raises(SourceTouched):
        watch.end(since)  # of a reading beside it that had begun before


def test_other_bytes_are_known_whatever_was_set_back(path: Path, watch: Watch) -> None:
    since = watch.begin()
    put(path, OTHER)
    with pytest.raises(InputVanished, match="changed"):
        watch.end(since)
    with pytest.raises(InputVanished, match="changed"):
        watch.begin()
    put(path, HELD)
    watch.end(watch.begin())


def test_a_file_is_hashed_again_only_when_it_was_touched(
    path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    real = hashlib.file_digest

    def counted(*given: Any) -> object:
        calls.append(given)
        return real(*given)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    watch.end(watch.begin())
    watch.end(watch.begin())
    assert calls == []
    renamed(path)
    watch.end(watch.begin())
    watch.end(watch.begin())
    assert len(calls) == 1


def keeps_time_of_mapped_writes(folder: Path) -> bool:
    """tmpfs does not."""
    path = folder / "mapped"
    path.write_bytes(HELD)
    with path.open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as mapped:
        mapped[:4] = HELD[:4]
        os.fsync(stream.fileno())
        before = path.stat().st_mtime_ns
        tick(path)
        mapped[:4] = HELD[:4]
        return path.stat().st_mtime_ns != before


def test_a_mapped_page_cannot_be_written_unseen(path: Path) -> None:
    if not keeps_time_of_mapped_writes(path.parent):
        pytest.skip("this file system keeps no time for mapped writes")
    with path.open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as mapped:
        mapped[:4] = HELD[:4]  # dirty from before: the next write to it asks nobody
        fd, found = open_file(path)
        watch = Watch(fd, found, hashlib.sha256(HELD).hexdigest())
        since = watch.begin()
        tick(path)
        mapped[:4] = OTHER[:4]
        try:
            with pytest.raises(InputVanished, match="changed"):
                watch.end(since)
        finally:
            os.close(fd)


class Meddler(Quiet):
    """Does something to a file each time that some of it has been read."""

    def __init__(self, what: Callable[[], None], times: int) -> None:
        super().__init__()
        self._what = what
        self._times = times

    def advance(self, stage: str, done: float) -> None:
        super().advance(stage, done)
        if self._times:
            self._times -= 1
            self._what()


def test_a_file_that_changes_while_it_is_taken_in(clips: Path, tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    content = (clips / "carphone_pristine.mp4").read_bytes()
    path.write_bytes(content)
    wanted = hashlib.sha256(content).hexdigest()

    def swap() -> None:
        put(path, content[:1000] + bytes(1000) + content[2000:])
        put(path, content)

    once = take_in(path, progress=Meddler(swap, 1))
    assert once.asset.sha256 == wanted
    assert once.source.changed_ns == path.stat().st_ctime_ns
    with pytest.raises(InputVanished, match="changed while"):
        take_in(path, progress=Meddler(swap, 2))
    with pytest.raises(InputVanished, match="changed while"):
        take_in(path, progress=Meddler(lambda: put(path, bytes(1000) + content[1000:] + b"x"), 1))
