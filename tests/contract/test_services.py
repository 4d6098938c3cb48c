"""The main job through its service, with real clips, models and encoders: what follows what."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from framegate import settings, wiring
from framegate.domain.asset import AssetDetails
from framegate.domain.ladder import VideoCodec
from framegate.domain.policy import Action
from framegate.errors import (
    AssetUnknown,
    CaseNotOpen,
    DiskFull,
    HashListInvalid,
    OutputNotWritable,
    PolicyInvalid,
    SettingsInvalid,
)
from framegate.flow.state import Ending
from framegate.services.processing import ProcessResult
from framegate.stages.base import Progress
from framegate.testing.progress import Silent

QUICK = {"screen": {"text": False, "speech": False}, "encode": {"vmaf": "off"}}

# A rule that nothing needs to be found for: an analyser that never runs is required.
REVIEW_POLICY = """
schema_version = 1
name = "everything-to-people"
version = "1"
required = ["text.rapidocr"]
"""

CARPHONE = "carphone_pristine.mp4"


class Desk:
    """The services on one data folder."""

    def __init__(self, app: wiring.Application, out: Path) -> None:
        self.app = app
        self.out = out

    def process(
        self, *paths: Path, progress: Progress | None = None, **wish: Any
    ) -> tuple[ProcessResult, ...]:
        options = wiring.process_options(
            self.app.settings, **{"output": self.out, "max_gap_s": 1.0, **wish}
        )
        told: list[ProcessResult] = []
        results = self.app.processing.process(
            paths, options, lambda _path, _number, _total: progress or Silent(), told.append
        )
        assert sorted(map(str, (each.path for each in told))) == sorted(
            map(str, (each.path for each in results))
        )
        return results

    def entries(self, result: ProcessResult) -> set[str]:
        assert result.outcome is not None
        return {path.name for path in Path(result.outcome.output).iterdir()}


REPORTS = {"report.html", "report.json", "verdict.json"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("desk")
    with wiring.opened(settings.load(paths={"home": root / "home"}, **QUICK)) as app:
        yield Desk(app, root / "out")


def test_one_bad_file_stops_no_other_and_duplicates_are_known(
    desk: Desk, clips: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(clips / "carphone_pristine.mp4", folder / "a\n🎬.mp4")
    (folder / "b.mp4").write_text("not a video at all, only words\n" * 50)
    (folder / "c.mp4").touch()
    shutil.copy(clips / "carphone_pristine.mp4", folder / "d.mp4")
    good, text, empty, twin = desk.process(folder)
    assert good.outcome is not None
    assert good.outcome.status is Ending.PUBLISHED
    assert {"hls", "dash", "media", "poster.jpg"} | REPORTS <= desk.entries(good)
    assert Path(good.outcome.output).name.startswith("a-")
    assert text.error is not None
    assert empty.error is not None
    assert (text.error.code, empty.error.code) == ("input.not_a_video", "input.empty")
    assert twin.already_done
    assert twin.asset is not None
    assert twin.asset.duplicate_of == "a\n🎬.mp4"
    verdict = json.loads((Path(good.outcome.output) / "verdict.json").read_text())
    assert verdict["action"] == "allow"
    assert verdict["guarantee"] is None
    # what only an unfinished work needs is gone
    (work,) = (desk.app.settings.home / "work").glob(f"{good.outcome.asset.id}-*")
    kept = {path.name for path in work.iterdir()}
    assert kept == {"screening.json", "signals.json", "samples"}


def test_a_lost_output_is_made_again(desk: Desk, clips: Path) -> None:
    (first,) = desk.process(clips / "carphone_pristine.mp4", max_gap_s=0.9)
    assert first.outcome is not None
    shutil.rmtree(first.outcome.output)
    (second,) = desk.process(clips / "carphone_pristine.mp4", max_gap_s=0.9)
    assert second.outcome is not None
    assert not second.already_done
    assert second.outcome.output == first.outcome.output
    assert desk.entries(second) >= REPORTS


def test_review_publishes_nothing_until_a_person_allows_it(
    desk: Desk, clips: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(REVIEW_POLICY)
    wish: dict[str, Any] = {"policy": policy, "output": tmp_path / "out"}
    (held,) = desk.process(clips / "carphone_pristine.mp4", **wish)
    assert held.outcome is not None
    assert held.outcome.status is Ending.REVIEW
    assert desk.entries(held) == REPORTS
    (again,) = desk.process(clips / "carphone_pristine.mp4", **wish)
    assert again.already_done
    asset_id = held.outcome.asset.id
    assert [case.asset.id for case in desk.app.reviews.waiting()] == [asset_id]
    released = desk.app.reviews.resolve(
        asset_id[:8], Action.ALLOW, reason="seen, fine", actor="Ada", progress=Silent()
    )
    assert released.status is Ending.PUBLISHED
    assert released.decision.actor == "person:Ada"
    assert {"hls", "media"} | REPORTS <= desk.entries(held)
    verdict = json.loads((Path(released.output) / "verdict.json").read_text())
    assert verdict["action"] == "allow"
    assert desk.app.reviews.waiting() == ()
    with pytest.raises(CaseNotOpen):
        desk.app.reviews.resolve(
            asset_id, Action.BLOCK, reason="no", actor="Ada", progress=Silent()
        )
    with pytest.raises(AssetUnknown):
        desk.app.reviews.resolve(
            "ffffffff", Action.BLOCK, reason="no", actor="Ada", progress=Silent()
        )


def test_a_listed_file_is_blocked_before_any_encoding(
    desk: Desk, clips: Path, tmp_path: Path
) -> None:
    (seen,) = desk.process(clips / "carphone_pristine.mp4", output=tmp_path / "one")
    assert seen.asset is not None
    listed = tmp_path / "list.txt"
    listed.write_text(f"# label: terrorism\nsha256 {seen.asset.sha256}\n")
    works = set((desk.app.settings.home / "work").iterdir())
    (blocked,) = desk.process(
        clips / "carphone_pristine.mp4", output=tmp_path / "two", hashlists=[listed]
    )
    assert blocked.outcome is not None
    assert blocked.outcome.status is Ending.BLOCKED
    assert blocked.outcome.encoded is None
    (work,) = set((desk.app.settings.home / "work").iterdir()) - works
    assert not (work / "samples").exists(), "pictures of what is blocked are not kept"
    assert desk.entries(blocked) == REPORTS
    assert [timing.stage for timing in blocked.outcome.timings] == [
        "probe",
        "captions",
        "screen",
        "decide",
        "publish",
    ]


def test_errors_of_the_wish_come_before_any_work(desk: Desk, clips: Path, tmp_path: Path) -> None:
    clip = clips / "carphone_pristine.mp4"
    with pytest.raises(PolicyInvalid):
        desk.process(clip, policy=tmp_path / "none.toml")
    (tmp_path / "file").touch()
    with pytest.raises(OutputNotWritable):
        desk.process(clip, output=tmp_path / "file" / "out")


def test_what_cannot_be_asked_for_is_said_at_once(desk: Desk, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SettingsInvalid, match="veryfast"):
        desk.process(tmp_path, preset="very-fast")
    with pytest.raises(PolicyInvalid, match="not a file"):
        desk.process(tmp_path, policy=pipe)
    with pytest.raises(HashListInvalid, match="not a file"):
        desk.process(tmp_path, hashlists=[Path("/dev/zero")])


def test_done_means_that_its_own_output_is_there(desk: Desk, clips: Path, tmp_path: Path) -> None:
    clip, out = clips / "carphone_pristine.mp4", tmp_path / "out"
    policy = tmp_path / "policy.toml"
    policy.write_text(REVIEW_POLICY)
    (held,) = desk.process(clip, output=out, policy=policy)
    (published,) = desk.process(clip, output=out)  # the same folder, other options
    assert held.outcome is not None
    assert published.outcome is not None
    assert held.outcome.output == published.outcome.output
    (again,) = desk.process(clip, output=out, policy=policy)
    assert not again.already_done
    assert desk.entries(again) == REPORTS  # what a person must see first is not left published


def test_a_case_outlives_a_run_with_other_options(desk: Desk, clips: Path, tmp_path: Path) -> None:
    clip = clips / "carphone_pristine.mp4"
    policy = tmp_path / "policy.toml"
    policy.write_text(REVIEW_POLICY)
    (held,) = desk.process(clip, output=tmp_path / "one", policy=policy)
    desk.process(clip, output=tmp_path / "two")
    assert held.asset is not None
    released = desk.app.reviews.resolve(
        held.asset.id, Action.ALLOW, reason="fine", actor="Ada", progress=Silent()
    )
    assert Path(released.output).parent == tmp_path / "one"
    assert {"hls", "media"} <= desk.entries(held)


def test_an_incomplete_package_is_never_published(desk: Desk, clips: Path, tmp_path: Path) -> None:
    clip = clips / "carphone_pristine.mp4"
    policy = tmp_path / "policy.toml"
    policy.write_text(REVIEW_POLICY)
    (held,) = desk.process(clip, output=tmp_path / "out", policy=policy, max_gap_s=0.8)
    assert held.asset is not None
    for segment in desk.app.settings.home.glob(f"work/{held.asset.id}-*/package/media/*/00001.m4s"):
        segment.unlink()
    with pytest.raises(CaseNotOpen, match="no longer complete"):
        desk.app.reviews.resolve(
            held.asset.id, Action.ALLOW, reason="fine", actor="Ada", progress=Silent()
        )
    assert desk.entries(held) == REPORTS
    (anew,) = desk.process(clip, output=tmp_path / "out", policy=policy, max_gap_s=0.8)
    assert not anew.already_done
    released = desk.app.reviews.resolve(
        held.asset.id, Action.ALLOW, reason="fine", actor="Ada", progress=Silent()
    )
    assert released.status is Ending.PUBLISHED


class Meddler(Silent):
    """Does something to the source when a stage begins."""

    def __init__(self, stage: str, what: Callable[[], object]) -> None:
        self.stage = stage
        self.what = what

    def start(self, stage: str, total: float | None, unit: str) -> None:
        super().start(stage, total, unit)
        if stage == self.stage:
            self.stage = "once"
            self.what()


@pytest.mark.parametrize("stage", ["probe", "screen", "encode"])
def test_what_was_not_screened_is_not_published(
    desk: Desk, clips: Path, tmp_path: Path, stage: str
) -> None:
    video = tmp_path / "v.mp4"
    shutil.copy(clips / "carphone_pristine.mp4", video)

    def overwrite() -> None:
        with video.open("r+b") as stream:
            stream.truncate(video.stat().st_size // 2)
            stream.seek(video.stat().st_size // 4)
            stream.write(bytes(1000))

    out = tmp_path / "out"
    (bad,) = desk.process(video, output=out, progress=Meddler(stage, overwrite))
    assert bad.error is not None
    assert bad.error.code == "input.vanished"
    assert list(out.iterdir()) == []
    shutil.copy(clips / "carphone_pristine.mp4", video)
    (good,) = desk.process(video, output=out)
    assert good.asset is not None
    assert bad.asset is not None
    assert (good.asset.id, good.error) == (bad.asset.id, None)


def test_a_source_may_be_moved_while_it_is_processed(
    desk: Desk, clips: Path, tmp_path: Path
) -> None:
    video = tmp_path / "v.mp4"
    shutil.copy(clips / "carphone_pristine.mp4", video)
    (moved,) = desk.process(
        video,
        output=tmp_path / "out",
        progress=Meddler("screen", lambda: video.rename(tmp_path / "w.mp4")),
    )
    assert moved.outcome is not None
    assert moved.outcome.status is Ending.PUBLISHED


class Watching(Silent):
    """Remembers which stages did something."""

    def __init__(self) -> None:
        self.began: list[str] = []

    def start(self, stage: str, total: float | None, unit: str) -> None:
        super().start(stage, total, unit)
        self.began.append(stage)


class FullDisk(Silent):
    """Has no space left when a stage begins or ends, once."""

    def __init__(self, stage: str, moment: str) -> None:
        self.due = {(stage, moment)}

    def start(self, stage: str, total: float | None, unit: str) -> None:
        super().start(stage, total, unit)
        self._fail(stage, "start")

    def end(self, stage: str, note: str = "") -> None:
        super().end(stage, note)
        self._fail(stage, "end")

    def _fail(self, stage: str, moment: str) -> None:
        if (stage, moment) in self.due:
            self.due.clear()
            raise DiskFull("no space for a test")


def media(result: ProcessResult) -> dict[str, tuple[int, bytes]]:
    """Inode and bytes of all that is played."""
    assert result.outcome is not None
    root = Path(result.outcome.output)
    return {
        str(path.relative_to(root)): (path.stat().st_ino, path.read_bytes())
        for part in ("media", "hls", "dash", "poster.jpg", "sprites")
        for path in sorted([root / part, *(root / part).rglob("*")])
        if path.is_file()
    }


def report_of(result: ProcessResult) -> dict[str, Any]:
    assert result.outcome is not None
    document: dict[str, Any] = json.loads((Path(result.outcome.output) / "report.json").read_text())
    return document


def test_another_title_is_told_without_another_look(
    desk: Desk, clips: Path, tmp_path: Path
) -> None:
    def said(title: str, progress: Progress | None = None) -> ProcessResult:
        (result,) = desk.process(
            clips / CARPHONE,
            output=tmp_path / "out",
            details=AssetDetails(title=title, description="d", language="de"),
            progress=progress,
        )
        return result

    first = said("A day at the harbour")
    assert first.outcome is not None
    page = Path(first.outcome.output) / "report.html"
    pictures = page.read_text().count("data:image/jpeg")
    assert pictures > 1
    played = media(first)
    watching = Watching()
    second = said("A night at the harbour", watching)
    assert (second.error, second.already_done, second.renewed) == (None, True, True)
    assert watching.began == ["ingest", "publish"]
    assert second.asset is not None
    assert second.asset.details.title == "A night at the harbour"
    assert report_of(second)["asset"]["details"]["title"] == "A night at the harbour"
    assert "A night at the harbour" in page.read_text()
    assert page.read_text().count("data:image/jpeg") == pictures
    assert media(second) == played, "the package is the same files, not made again"
    assert second.outcome is not None
    assert [timing.stage for timing in second.outcome.timings] == [
        timing.stage for timing in first.outcome.timings
    ]
    assert len(report_of(second)["decisions"]) == len(report_of(first)["decisions"])
    third = said("A night at the harbour")
    assert (third.already_done, third.renewed) == (True, False)
    back = said("A day at the harbour")
    assert back.renewed
    assert report_of(back)["asset"]["details"]["title"] == "A day at the harbour"


@pytest.mark.parametrize("moment", ["start", "end"])
def test_a_report_that_could_not_be_renewed_is_renewed_by_the_next_run(
    desk: Desk, clips: Path, tmp_path: Path, moment: str
) -> None:
    wish: dict[str, Any] = {"output": tmp_path / "out"}
    (first,) = desk.process(clips / CARPHONE, **wish)
    wish["details"] = AssetDetails(title="new")
    (failed,) = desk.process(clips / CARPHONE, progress=FullDisk("publish", moment), **wish)
    assert failed.error is not None
    assert media(first), "what was published stays"
    watching = Watching()
    (renewed,) = desk.process(clips / CARPHONE, progress=watching, **wish)
    assert renewed.renewed
    assert watching.began == ["ingest", "publish"]
    assert report_of(renewed)["asset"]["details"]["title"] == "new"


def test_unfinished_work_goes_on_under_another_title(
    desk: Desk, clips: Path, tmp_path: Path
) -> None:
    wish: dict[str, Any] = {"output": tmp_path / "out"}
    (failed,) = desk.process(clips / CARPHONE, progress=FullDisk("publish", "start"), **wish)
    assert failed.error is not None
    watching = Watching()
    (done,) = desk.process(
        clips / CARPHONE, progress=watching, details=AssetDetails(title="new"), **wish
    )
    assert done.resumed
    assert watching.began[:1] + watching.began[-1:] == ["ingest", "publish"]
    assert "screen" not in watching.began
    assert report_of(done)["asset"]["details"]["title"] == "new"


def test_a_case_belongs_to_its_tenant_and_takes_another_title(
    desk: Desk, clips: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(REVIEW_POLICY)
    wish: dict[str, Any] = {"output": tmp_path / "out", "policy": policy}
    (held,) = desk.process(clips / CARPHONE, details=AssetDetails(tenant="north"), **wish)
    assert held.asset is not None
    asset_id = held.asset.id
    assert held.asset.duplicate_of is None, "the same bytes came before, from others"
    (told,) = desk.process(
        clips / CARPHONE, details=AssetDetails(tenant="north", title="new"), **wish
    )
    assert (told.renewed, desk.entries(told)) == (True, REPORTS)
    reviews = desk.app.reviews
    assert [case.asset.details.title for case in reviews.waiting("north")] == ["new"]
    assert asset_id not in {case.asset.id for case in reviews.waiting()}
    said: dict[str, Any] = {"reason": "fine", "actor": "Ada", "progress": Silent()}
    for tenant in ("", "south"):
        with pytest.raises(AssetUnknown):
            reviews.resolve(asset_id, Action.ALLOW, tenant=tenant, **said)
    released = reviews.resolve(asset_id[:8], Action.ALLOW, tenant="north", **said)
    assert released.status is Ending.PUBLISHED
    assert report_of(told)["asset"]["details"]["title"] == "new"


def test_a_replaced_package_is_named_and_stays_whole_until_then(
    desk: Desk, clips: Path, tmp_path: Path
) -> None:
    wish: dict[str, Any] = {"output": tmp_path / "out"}
    (first,) = desk.process(clips / CARPHONE, **wish)
    assert first.outcome is not None
    assert first.outcome.replaced is None
    before = media(first)
    (failed,) = desk.process(
        clips / CARPHONE, codec=VideoCodec.AV1, progress=FullDisk("publish", "start"), **wish
    )
    assert failed.error is not None
    assert media(first) == before
    (second,) = desk.process(clips / CARPHONE, codec=VideoCodec.AV1, **wish)
    assert second.outcome is not None
    assert second.outcome.output == first.outcome.output
    replaced = second.outcome.replaced
    assert replaced is not None
    assert (replaced.status, replaced.options) == (
        Ending.PUBLISHED,
        (("encode.codec", "h264"),),
    )
    assert replaced.at >= first.outcome.decision.at
    (renewed,) = desk.process(
        clips / CARPHONE, codec=VideoCodec.AV1, details=AssetDetails(title="new"), **wish
    )
    assert renewed.outcome is not None
    assert renewed.outcome.replaced is None, "its own is not another's"
