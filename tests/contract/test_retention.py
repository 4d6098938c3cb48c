"""What the sweep at the start of `process` removes, and what it leaves, with two processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from framegate import database, settings, wiring
from framegate.catalog.assets import Assets
from framegate.catalog.works import Work, Works, WorkStatus
from framegate.domain.asset import Asset, AssetDetails
from framegate.services.processing import ProcessResult
from taking_in import Quiet

HOLDER = """
import sys
from pathlib import Path
from framegate.jobs import Leases
with Leases(Path(sys.argv[1]), holder={"pid": 1, "since": "today"}).hold(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""
NOW = datetime.now(UTC)
LONG_AGO, LATELY = NOW - timedelta(days=31), NOW - timedelta(days=29)
KEY = "0123456789abcdef"


@dataclass
class House:
    """A data folder with works in it, and the command's services on it."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    def work(self, number: int, status: WorkStatus | None, touched: datetime) -> Path:
        """A work folder of 64 KiB, with its row in the catalog unless ``status`` is None."""
        asset_id = f"{number:032x}"
        folder = self.home / "work" / f"{asset_id}-{KEY}"
        (folder / "chunks").mkdir(parents=True)
        (folder / "chunks" / "360p.nut").write_bytes(bytes(1 << 16))
        if status is not None:
            engine = database.connect(self.home)
            Assets(engine).remember(
                Asset(asset_id, "v", "c", "d", 1, "video/mp4", AssetDetails(), touched)
            )
            Works(engine).put(Work(asset_id, KEY, 1, "w", "/out", status, {}, touched))
            engine.dispose()
        return folder

    def process_nothing(self) -> dict[str, object]:
        """A run without files: what is left of it is the sweep. Returns what it logged."""
        found = settings.load(paths={"home": self.home, "output": self.root / "out"})
        with wiring.opened(found) as app, capture_logs() as logs:
            app.processing.process(
                [], wiring.process_options(found), lambda *_: pytest.fail("no file"), lambda _: None
            )
        (said,) = (dict(line) for line in logs if line["event"] == "swept")
        assert said["log_level"] == "debug"
        return said


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@contextmanager
def another_process_at(house: House, asset_id: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, house.home / "leases", asset_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield
    finally:
        process.kill()
        process.communicate()


def test_only_what_nobody_comes_back_to_is_removed(house: House) -> None:
    gone = [
        house.work(1, None, LONG_AGO),  # the catalog does not know it: nothing can go on with it
        house.work(2, WorkStatus.PUBLISHED, LONG_AGO),
        house.work(3, WorkStatus.BLOCKED, LONG_AGO),
        house.work(4, WorkStatus.RUNNING, LONG_AGO),  # cut short, and not gone on with
        house.work(5, WorkStatus.FAILED, LONG_AGO),
    ]
    kept = [
        house.work(6, WorkStatus.REVIEW, LONG_AGO),
        house.work(7, WorkStatus.RUNNING, LATELY),
        house.work(8, WorkStatus.PUBLISHED, LATELY),
        house.home / "work" / "notes",
    ]
    kept[-1].mkdir()
    said = house.process_nothing()
    assert [path for path in gone if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
    assert sorted((house.home / "work").iterdir()) == sorted(kept)
    assert said["folders"] == len(gone)
    assert said["freed_bytes"] == len(gone) << 16
    assert house.process_nothing()["folders"] == 0


def test_what_another_process_is_at_is_left_alone_however_old(house: House) -> None:
    at_work = house.work(1, WorkStatus.RUNNING, LONG_AGO)
    beginning = house.work(2, None, LONG_AGO)
    abandoned = house.work(3, WorkStatus.RUNNING, LONG_AGO)
    with another_process_at(house, f"{1:032x}"), another_process_at(house, f"{2:032x}"):
        assert house.process_nothing()["folders"] == 1
        assert (at_work.exists(), beginning.exists(), abandoned.exists()) == (True, True, False)
    assert house.process_nothing()["folders"] == 2


def test_what_came_back_after_the_list_was_made_is_left_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process took it up and let it go again before the sweep came to it."""
    folder = house.work(1, WorkStatus.RUNNING, LONG_AGO)
    listed = Works.wanted

    def wanted(
        works: Works, since: datetime, asset_id: str | None = None
    ) -> frozenset[tuple[str, str]]:
        found = listed(works, since, asset_id)
        if asset_id is None:
            (work,) = works.of(f"{1:032x}")
            works.put(replace(work, status=WorkStatus.REVIEW, updated_at=NOW))
        return found

    monkeypatch.setattr(Works, "wanted", wanted)
    assert house.process_nothing()["folders"] == 0
    assert folder.exists()


def test_what_is_published_is_not_counted_as_freed(house: House) -> None:
    folder = house.work(1, WorkStatus.PUBLISHED, LONG_AGO)
    published = house.root / "published.nut"
    published.hardlink_to(folder / "chunks" / "360p.nut")
    assert house.process_nothing()["freed_bytes"] == 0
    assert published.stat().st_size == 1 << 16


def test_what_was_swept_is_done_anew_when_it_is_asked_for(tmp_path: Path, clips: Path) -> None:
    found = settings.load(
        paths={"home": tmp_path / "home", "output": tmp_path / "out"},
        retention={"days": 0},
        screen={"text": False, "speech": False},
        encode={"vmaf": "off"},
    )

    def process(title: str = "") -> ProcessResult:
        details = AssetDetails(title=title)
        with wiring.opened(found) as app:
            (result,) = app.processing.process(
                [clips / "carphone_pristine.mp4"],
                wiring.process_options(found, details=details),
                lambda *_: Quiet(),
                lambda _: None,
            )
        assert result.outcome is not None, result.error
        return result

    def decisions() -> int:
        (output,) = (tmp_path / "out").iterdir()
        return len(json.loads((output / "report.json").read_text())["decisions"])

    first = process()
    assert decisions() == 1
    again = process()
    assert again.already_done, "what is published needs neither journal nor work folder"
    assert list((tmp_path / "home" / "work").iterdir()) == []
    renamed = process("new")
    assert (renamed.already_done, renamed.resumed) == (False, False)
    assert renamed.asset is not None
    assert renamed.asset.details.title == "new"
    assert decisions() == 2, "it was decided again, and both are on record"
    assert first.outcome is not None
    shutil.rmtree(first.outcome.output)
    assert not process("new").already_done
    assert decisions() == 3
