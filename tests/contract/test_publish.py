"""Publishing is one step: whoever looks, and whenever it dies, the output is whole."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from framegate.errors import DiskFull, OutputNotWritable
from framegate.storage import atomic
from framegate.storage.local import DataFolder
from framegate.storage.names import LONGEST_SLUG, output_name, slug

WORKER = Path(__file__).with_name("publish_worker.py")


def letters(folder: Path) -> set[str]:
    return {path.read_text() for path in folder.iterdir()}


def unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(f"{atomic.TEMPORARY}*"))


def test_kill_9_at_any_moment_leaves_one_whole_output(tmp_path: Path) -> None:
    final = tmp_path / "out"
    for round_number in range(6):
        worker = subprocess.Popen(
            [sys.executable, WORKER, final, "ab"], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None
        for _ in range(3 + round_number):  # killed while it writes the one after these
            worker.stdout.readline()
        worker.kill()
        worker.wait()
        assert len(list(final.iterdir())) == 20
        assert len(letters(final)) == 1
    # what the dead left is swept by the next who publishes there
    with atomic.atomic_folder(final) as folder:
        (folder / "c").write_text("c")
    assert letters(final) == {"c"}
    assert unfinished(tmp_path) == []


def test_what_is_no_folder_at_the_output_gives_way_and_leaves_nothing(tmp_path: Path) -> None:
    """A link's target is nobody's to touch; the link itself must not stay under another name."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "keep").write_text("precious")
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "link").symlink_to(elsewhere)
    (outputs / "file").write_text("in the way")
    (outputs / f"{atomic.TEMPORARY}left-by-the-dead").symlink_to(elsewhere)
    for name in ("link", "file"):
        with atomic.atomic_folder(outputs / name) as folder:
            (folder / "x").write_text("x")
        assert not (outputs / name).is_symlink()
        assert letters(outputs / name) == {"x"}
    assert unfinished(outputs) == []
    assert letters(elsewhere) == {"precious"}


def test_a_live_writer_is_not_swept(tmp_path: Path) -> None:
    with atomic.atomic_folder(tmp_path / "one") as folder:
        (folder / "x").write_text("x")
        with atomic.atomic_folder(tmp_path / "two") as other:
            (other / "y").write_text("y")
        assert folder.is_dir()
    assert letters(tmp_path / "one") == {"x"}


def test_a_failure_leaves_the_former_output_and_nothing_else(tmp_path: Path) -> None:
    final = tmp_path / "out"
    with atomic.atomic_folder(final) as folder:
        (folder / "old").write_text("old")
    with pytest.raises(RuntimeError), atomic.atomic_folder(final) as folder:  # noqa: PT012 - the block is the writer
        (folder / "new").write_text("new")
        raise RuntimeError
    assert letters(final) == {"old"}
    assert unfinished(tmp_path) == []


def test_without_exchange_two_renames_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_exchange", lambda _one, _other: False)
    final = tmp_path / "out"
    for letter in "ab":
        with atomic.atomic_folder(final) as folder:
            (folder / "x").write_text(letter)
    assert letters(final) == {"b"}
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EROFS, OutputNotWritable)],
)
def test_errors_of_the_file_system_are_named(
    tmp_path: Path, code: int, kind: type[Exception]
) -> None:
    with pytest.raises(kind), atomic.atomic_file(tmp_path / "x") as stream:  # noqa: PT012 - the block is the writer
        stream.write(b"half")
        raise OSError(code, os.strerror(code))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_seen_before_the_work(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "home", min_free_bytes=1 << 20)
    data.require_space(tmp_path / "not" / "yet" / "there")
    with pytest.raises(DiskFull, match="MB free"):
        data.require_space(tmp_path, 1 << 60)


def test_an_output_that_cannot_be_is_refused(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "home")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputNotWritable):
        data.require_writable(tmp_path / "file" / "out")
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Holiday in Übersee.mp4", "holiday-in-ubersee"),
        ("a\nb\r\x1b[31m.mov", "a-b-31m"),
        ("🎬🎥.mp4", "video"),
        ("..", "video"),
        ("../../etc/passwd", "passwd"),
        (".mp4", "mp4"),
        ("", "video"),
        ("archive.tar.gz", "archive-tar"),
        ("x" * 300 + ".mp4", "x" * LONGEST_SLUG),
        ("con\u202egpj.mp4", "congpj"),
    ],
)
def test_hostile_names_make_plain_folders(name: str, wanted: str) -> None:
    assert slug(name) == wanted
    assert output_name(name, "0123456789abcdef") == f"{wanted}-01234567"
