"""What is acknowledged is on disk: the order of fsync, rename and commit on the real code paths."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

import footage
import tracks
from framegate import database
from framegate.catalog.assets import Assets
from framegate.domain.ladder import Chunk, EncodeOptions
from framegate.errors import DiskFull
from framegate.jobs import Answer, Jobs, Steps
from framegate.stages.encode import encode, hardware
from framegate.stages.encode.ladder import plan as make_plan
from framegate.stages.encode.package import package
from framegate.stages.publish import publish
from framegate.storage import atomic
from framegate.storage.local import DataFolder, write_hashed
from framegate.testing.sandbox import InProcessSandbox
from journal import Journal
from taking_in import take_in

FULL, WAL = 2, "wal"


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:  # noqa: ARG001 - made before
    return Journal.begun(monkeypatch)


def test_a_file_is_on_disk_before_it_has_its_name(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "screening.json"
    for content in (b"one", b"another one"):  # the second takes the place of the first
        write_hashed(path, content)
        journal.require_durable(path)


def test_a_failed_fsync_is_an_error_and_leaves_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "screening.json"
    write_hashed(path, b"one")

    def failing(_fd: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(DiskFull):
        write_hashed(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_chunk_is_on_disk_before_its_receipt(journal: Journal, tmp_path: Path) -> None:
    source = footage.write(
        tmp_path / "source.mp4", map(footage.grey, map(footage.numbered, range(30)))
    )
    facts = footage.facts_of(source)
    plan = make_plan(facts, EncodeOptions(preset="ultrafast"))
    low = replace(plan.renditions[0], name="low", width=160, height=90)
    plan = replace(plan, renditions=(low, *plan.renditions), chunks=(Chunk(0, 0, 30),))
    work = DataFolder(tmp_path / "home").work("asset", "key")
    context = tracks.context(work)
    with source.open("rb") as stream:
        receipt = encode.encode_chunk(
            context,
            stream.fileno(),
            facts,
            plan,
            plan.chunks[0],
            source_sha256="0" * 64,
            encoders=hardware.encoders(InProcessSandbox()),
        )
    encode.keep(context, receipt)
    files = [work / file.path for file in receipt.files]
    assert len(files) == 2
    last = max(journal.require_durable(path) for path in files)
    assert last < journal.require_durable(files[0].parent / encode.RECEIPT)
    video = encode.join_rendition(context, plan, [receipt], low)
    journal.require_durable(work / video.path)


def test_a_package_is_on_disk_before_it_is_a_result(journal: Journal, tmp_path: Path) -> None:
    work = DataFolder(tmp_path / "home").work("asset", "key")
    made = tracks.make(work, Fraction(25), 100, audio=1, names=("180p",))
    out = work / "package"
    (out / "media").mkdir(parents=True)
    (out / "poster.jpg").write_bytes(b"of a former attempt")
    package(tracks.context(work), *made, out)
    assert not (out / "poster.jpg").exists()
    journal.require_tree(out, until=len(journal.events))


def write_report(text: str, folder: Path) -> None:
    (folder / "report.json").write_text(text)


def test_a_package_is_on_disk_before_it_is_seen(journal: Journal, tmp_path: Path) -> None:
    package_folder, final = tmp_path / "package", tmp_path / "new" / "out" / "clip-01234567"
    context = tracks.context(tmp_path)
    for letter in "ab":
        for part in ("hls", "dash", "media/360p"):
            (package_folder / part).mkdir(parents=True, exist_ok=True)
        segment = package_folder / "media/360p/00001.m4s"
        segment.unlink(missing_ok=True)
        segment.write_bytes(letter.encode() * 1000)
        (package_folder / "hls/master.m3u8").write_text(letter)
        publish(context, package_folder, final, partial(write_report, letter))
        at = journal.index("exchange" if letter == "b" else "name", final)
        journal.require_tree(final, until=at)
        journal.require_name(final.parent, since=at)


def test_an_output_is_replaced_in_one_step(journal: Journal, tmp_path: Path) -> None:
    final = tmp_path / "out"
    for letter in "ab":
        with atomic.atomic_folder(final) as folder:
            (folder / "x").write_text(letter)
    assert final.stat().st_ino == journal.events[journal.index("exchange", final)].inode
    # no moment at which nothing was there: it never had another name, nor was it removed
    moved = [e for e in journal.events if e.kind == "name" and e.before == str(final)]
    assert moved == []


class Commits:
    """How durable each commit of an engine was, as SQLite itself says at that moment."""

    def __init__(self, engine: sa.Engine) -> None:
        self.seen: list[tuple[int, str]] = []
        event.listen(engine, "commit", self._note)

    def _note(self, connection: sa.Connection) -> None:
        asked = connection.connection.cursor()
        modes = [
            asked.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("synchronous", "journal_mode")
        ]
        self.seen.append((modes[0], modes[1]))

    def require_full(self) -> None:
        assert self.seen
        assert set(self.seen) == {(FULL, WAL)}


@pytest.fixture
def hasty_sqlite() -> Iterator[None]:
    """A SQLite whose own default is not to wait for the disk: some systems build it so."""

    def hurry(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(sa.Engine, "connect", hurry)
    yield
    event.remove(sa.Engine, "connect", hurry)


@pytest.mark.usefixtures("hasty_sqlite")
def test_a_file_is_taken_in_only_once_that_is_on_disk(clips: Path, tmp_path: Path) -> None:
    engine = database.connect(tmp_path)
    commits = Commits(engine)
    Assets(engine).remember(take_in(clips / "bikes.mp4").asset)
    commits.require_full()


@pytest.mark.usefixtures("hasty_sqlite")
def test_a_step_is_done_only_once_that_is_on_disk(tmp_path: Path) -> None:
    engine = database.connect(tmp_path)
    commits = Commits(engine)
    during: list[int] = []

    def step() -> Answer:
        during.append(len(commits.seen))
        return {"at": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}

    def flow(steps: Steps, _request: Answer) -> Answer:
        steps.run("one", step)
        during.append(len(commits.seen))
        return {}

    jobs = Jobs(engine, {"flow": flow}, executor="durability")
    try:
        jobs.run("flow", "job-1", {})
    finally:
        jobs.close()
    assert during[1] > during[0], "the step's result was not committed before the next could begin"
    commits.require_full()


def test_a_path_that_the_packager_would_take_apart_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = tmp_path / "tmp"
    dead = links / f"{atomic.TEMPORARY}0123"  # of a run that was killed while packaging
    dead.mkdir(parents=True)
    (dead / "link").symlink_to(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(links))
    work = DataFolder(tmp_path / "a,b=c $d").work("asset", "key")
    plan, videos, _ = tracks.make(work, Fraction(25), 100, audio=0, names=("180p",))
    package(tracks.context(work), plan, videos, [], work / "package")
    assert (work / "package" / "hls" / "master.m3u8").is_file()
    assert list(links.iterdir()) == []
