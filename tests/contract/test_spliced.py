"""A frame put in between two samples, through the whole job: nothing unseen is published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import footage
from framegate import settings, wiring
from framegate.domain.asset import AssetDetails
from framegate.domain.policy import Action
from framegate.flow.state import Ending, Outcome
from framegate.services.processing import ProcessResult
from framegate.stages.base import Progress
from framegate.stages.screen.analysers.hashes import hashed

QUICK = {"screen": {"text": False, "speech": False}, "encode": {"vmaf": "off"}}
REPORTS = {"report.html", "report.json", "verdict.json"}
PLACE = 54

# An analyser that never runs is required: everything waits for a person.
REVIEW_POLICY = """
schema_version = 1
name = "everything-to-people"
version = "1"
required = ["text.rapidocr"]
"""

TWICE_POLICY = """
schema_version = 1
name = "twice"
version = "1"

[[rules]]
id = "listed-twice"
label = "terrorism"
threshold = 0.5
min_samples = 2
action = "block"
reason = "It is on a list."
"""


@dataclass
class Telling:
    """Notes which steps begin; stumbles once over one of them."""

    over: str = ""
    began: list[str] = field(default_factory=list)

    def start(self, stage: str, total: float | None, unit: str) -> None:
        del total, unit
        self.began.append(stage)
        if stage == self.over:
            self.over = ""
            raise RuntimeError("the lights went out")

    def advance(self, stage: str, done: float) -> None: ...
    def end(self, stage: str, note: str = "") -> None: ...


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wiring.Application]:
    home = tmp_path_factory.mktemp("desk") / "home"
    with wiring.opened(settings.load(paths={"home": home}, **QUICK)) as found:
        yield found


@pytest.fixture(scope="module")
def video(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its hash list beside it: the picture that was put in, and nothing else, is on it."""
    path = tmp_path_factory.mktemp("in") / "spliced.mp4"
    foreign = footage.spliced(clips, path, place=PLACE)
    digest, _quality = hashed(np.asarray(foreign.to_ndarray(format="rgb24"), np.uint8))
    path.with_suffix(".txt").write_text(f"# label: terrorism\npdq {digest}\n")
    return path


def process(
    app: wiring.Application, video: Path, out: Path, progress: Progress | None = None, **wish: Any
) -> ProcessResult:
    options = wiring.process_options(app.settings, output=out, **wish)
    (result,) = app.processing.process(
        [video], options, lambda *_: progress or Telling(), lambda _result: None
    )
    return result


def outcome_of(result: ProcessResult) -> Outcome:
    assert result.error is None
    assert result.outcome is not None
    return result.outcome


def report_in(outcome: Outcome) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(outcome.output) / "report.json").read_text())
    return document


def entries(outcome: Outcome) -> set[str]:
    return {path.name for path in Path(outcome.output).iterdir()}


def test_a_listed_picture_in_one_frame_is_blocked_before_publishing(
    app: wiring.Application, video: Path, tmp_path: Path
) -> None:
    listed = [video.with_suffix(".txt")]
    outcome = outcome_of(process(app, video, tmp_path, hashlists=listed))
    assert outcome.status is Ending.BLOCKED
    assert outcome.encoded is None
    assert entries(outcome) == REPORTS
    assert [each.stage for each in outcome.timings][-4:] == [
        "compare",
        "look-again",
        "decide-again",
        "publish",
    ]
    report = report_in(outcome)
    first, second = report["decisions"]
    assert (first["verdict"]["action"], first["note"]) == ("allow", "")
    assert second["verdict"]["action"] == "block"
    assert "unlike what had been looked at (1 of 72): 1 more look" in second["note"]
    (finding,) = report["verdict"]["reasons"][0]["findings"]
    (sample,) = [s for s in report["screening"]["samples"] if s["index"] == finding["sample"]]
    assert (sample["reason"], round(sample["time_s"] * 25)) == ("unseen", PLACE)
    assert report["agreement"]["left_unseen"] == 0
    (work,) = (app.settings.home / "work").glob(f"{outcome.asset.id}-*")
    assert not (work / "samples").exists(), "pictures of what is blocked are not kept"


def test_a_rule_that_asks_for_two_samples_calls_a_person(
    app: wiring.Application, video: Path, tmp_path: Path
) -> None:
    """One frame is never in two samples."""
    policy = tmp_path / "policy.toml"
    policy.write_text(TWICE_POLICY)
    listed = [video.with_suffix(".txt")]
    outcome = outcome_of(process(app, video, tmp_path / "out", hashlists=listed, policy=policy))
    assert outcome.status is Ending.REVIEW
    assert entries(outcome) == REPORTS
    (reason,) = outcome.decision.verdict.reasons
    assert (reason.rule, reason.wanted) == ("listed-twice", Action.BLOCK)


def test_what_the_second_look_clears_is_published_and_told(
    app: wiring.Application, video: Path, tmp_path: Path
) -> None:
    outcome = outcome_of(process(app, video, tmp_path))
    assert outcome.status is Ending.PUBLISHED
    assert {"hls", "dash", "media"} | REPORTS <= entries(outcome)
    report = report_in(outcome)
    agreement = report["agreement"]
    assert agreement["agrees"]
    told = {name: agreement[name] for name in ("frames_compared", "frames_unlike", "looked_again")}
    assert told == {"frames_compared": 72, "frames_unlike": 1, "looked_again": 1}
    assert [decision["verdict"]["action"] for decision in report["decisions"][-2:]] == [
        "allow",
        "allow",
    ]
    times = [sample["time_s"] for sample in report["screening"]["samples"]]
    assert times == sorted(times)
    levels = {each["level"]: each["frames"] for each in report["screening"]["coverage"]["levels"]}
    assert levels["detectors"] == levels["hash"] == len(times)
    page = (Path(outcome.output) / "report.html").read_text()
    assert "72 frames were compared" in page
    assert "1 was unlike all of these, 1 more look was then taken" in page
    # the reports told anew know it still
    details = AssetDetails(title="another", description="", language="")
    renewed = process(app, video, tmp_path, details=details)
    assert renewed.renewed
    assert report_in(outcome_of(renewed))["agreement"] == agreement


def test_a_person_decides_on_both_looks(
    app: wiring.Application, video: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(REVIEW_POLICY)
    held = outcome_of(process(app, video, tmp_path / "out", policy=policy))
    assert held.status is Ending.REVIEW
    assert entries(held) == REPORTS
    assert held.agreement is not None
    assert held.agreement.looked_again == 1
    released = app.reviews.resolve(
        held.asset.id, Action.ALLOW, reason="seen", actor="Ada", progress=Telling()
    )
    assert released.status is Ending.PUBLISHED
    report = report_in(released)
    assert report["agreement"]["looked_again"] == 1
    assert "unseen" in {sample["reason"] for sample in report["screening"]["samples"]}


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("compare", marks=pytest.mark.slow),
        "look-again",
        pytest.param("decide-again", marks=pytest.mark.slow),
    ],
)
def test_stopped_in_a_step_it_goes_on_there(
    app: wiring.Application, video: Path, tmp_path: Path, step: str
) -> None:
    gap = {"compare": 0.7, "look-again": 0.8, "decide-again": 0.9}[step]  # a work of its own
    stopped = process(app, video, tmp_path, Telling(over=step), max_gap_s=gap)
    assert stopped.error is not None
    assert not list(tmp_path.iterdir())
    telling = Telling()
    resumed = process(app, video, tmp_path, telling, max_gap_s=gap)
    outcome = outcome_of(resumed)
    assert resumed.resumed
    assert outcome.status is Ending.PUBLISHED
    assert telling.began[telling.began.index(step) :][:1] == [step]
    assert "screen" not in telling.began
    chunk = next(each for each in outcome.timings if each.stage == "encode")
    assert chunk.resumed
    report = report_in(outcome)
    own = [each for each in report["decisions"] if each["note"]]
    assert len({each["id"] for each in own}) == len(own)
    assert report["agreement"]["looked_again"] == 1
    (work,) = {
        path.parent
        for path in (app.settings.home / "work").glob(f"{outcome.asset.id}-*/supplement.json")
        if json.loads((path.parent / "screening.json").read_text())["coverage"]["max_gap_wanted_s"]
        == gap
    }
    assert {path.name for path in work.iterdir()} == {
        "samples",
        "screening.json",
        "signals.json",
        "supplement.json",
    }
