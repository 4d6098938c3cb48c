"""Trial encodes of real clips in the real sandbox, and the plans that come of them."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import footage
import tracks
from framegate.domain.ladder import EncodeOptions, EncodePlan, VideoCodec
from framegate.domain.media import MediaFacts
from framegate.domain.pertitle import LadderMode
from framegate.domain.proof import Window
from framegate.domain.serial import dump, load
from framegate.jobs.direct import DirectSteps
from framegate.security.sandbox.host import ForkServer
from framegate.stages.encode import ladder, trial
from framegate.testing.sandbox import InProcessSandbox

CARPHONE = "carphone_pristine.mp4"  # 120 frames of 176x144: seconds, not minutes


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ForkServer]:
    with ForkServer() as running:
        yield running


@pytest.fixture(scope="module")
def facts(clips: Path) -> MediaFacts:
    return footage.facts_of(clips / CARPHONE)


def planned(
    sandbox: ForkServer | InProcessSandbox,
    clip: Path,
    work: Path,
    options: EncodeOptions,
    shortest: int = trial.LEAST_FOR_TRIALS,
) -> EncodePlan:
    context = replace(tracks.context(work), sandbox=sandbox)
    with clip.open("rb") as source:
        return trial.make_plan(
            context, source.fileno(), footage.facts_of(clip), options, shortest=shortest
        )


@pytest.mark.parametrize("kind", list(VideoCodec))
def test_every_encoder_is_tried_in_the_sandbox(
    sandbox: ForkServer, clips: Path, tmp_path: Path, kind: VideoCodec
) -> None:
    plan = planned(sandbox, clips / CARPHONE, tmp_path, EncodeOptions(codec=kind))
    assert plan.title is not None
    assert not plan.title.skipped
    better, worse = sorted(plan.title.points, key=lambda point: point.crf)
    assert better.bitrate > worse.bitrate > 0
    assert 100 >= better.vmaf > worse.vmaf > 20
    (rung,) = plan.renditions
    (prediction,) = plan.title.predictions
    assert rung.crf == prediction.crf
    assert prediction.bitrate <= rung.maxrate


def test_the_same_source_gives_the_same_plan(
    sandbox: ForkServer, clips: Path, tmp_path: Path
) -> None:
    first = planned(sandbox, clips / CARPHONE, tmp_path, EncodeOptions())
    again = planned(InProcessSandbox(), clips / CARPHONE, tmp_path, EncodeOptions())
    assert again == first
    assert load(EncodePlan, dump(first)) == first


def test_sizes_of_a_real_clip_are_tried_and_fitted(
    sandbox: ForkServer, clips: Path, tmp_path: Path
) -> None:
    clip = clips / "bigbuckbunny.mp4"
    fixed = ladder.plan(footage.facts_of(clip), EncodeOptions())
    plan = planned(sandbox, clip, tmp_path, EncodeOptions())
    title = plan.title
    assert title is not None
    assert {point.rendition for point in title.points} == {r.name for r in fixed.renditions}
    top, low = plan.renditions[-1], plan.renditions[0]
    assert (top.name, low.name) == ("720p", "360p")
    assert 93 <= title.predictions[-1].vmaf <= 95
    assert top.crf != fixed.renditions[-1].crf
    assert all("trellis=1" in rung.tuned for rung in plan.renditions)
    assert "subme=3" in low.tuned  # a quarter of the pixels: cheap enough for more effort
    assert "subme=3" not in top.tuned
    assert replace(plan, renditions=fixed.renditions, title=None) == fixed


def test_fixed_is_the_plan_of_the_size_alone(clips: Path, tmp_path: Path) -> None:
    options = EncodeOptions(ladder=LadderMode.FIXED)
    plan = planned(InProcessSandbox(), clips / CARPHONE, tmp_path, options)
    assert plan == ladder.plan(footage.facts_of(clips / CARPHONE), options)
    assert plan.title is None
    assert plan.renditions[0].crf == 23.0
    assert plan.renditions[0].tuned == ()


def test_a_moment_is_not_tried(tmp_path: Path) -> None:
    clip = tmp_path / "moment.mp4"
    footage.write(clip, [footage.grey(footage.numbered(n, 64, 36)) for n in range(20)])
    plan = planned(InProcessSandbox(), clip, tmp_path, EncodeOptions())
    assert plan.title is not None
    assert "a quarter of encoding 20 frames" in plan.title.skipped
    assert plan.renditions == ladder.plan(footage.facts_of(clip), EncodeOptions()).renditions


def test_a_short_video_is_not_tried_for_what_that_costs(clips: Path, tmp_path: Path) -> None:
    """120 frames: a fifth of them, at four times the encode's cost a frame, would be tried."""
    clip = clips / CARPHONE
    plan = planned(InProcessSandbox(), clip, tmp_path, EncodeOptions(), trial.SHORTEST)
    assert plan.title is not None
    assert "made from 384 on" in plan.title.skipped
    assert plan.renditions == ladder.plan(footage.facts_of(clip), EncodeOptions()).renditions


@pytest.mark.parametrize("frames", [trial.SHORTEST, 500, 767, 960, 5000])
def test_no_more_frames_are_tried_than_a_quarter_of_the_encode_pays(
    facts: MediaFacts, frames: int
) -> None:
    """Trying a frame costs four times what encoding it does."""
    plan = ladder.plan(facts, EncodeOptions())
    long = replace(plan, grid=replace(plan.grid, frames=frames))
    found = trial.windows(long, facts.video, trial.parts(long.grid, facts.video, None))
    assert trial.LEAST_TRIED <= sum(window.frames for window in found) <= frames / 16


def test_a_planned_ladder_is_not_tried_again(clips: Path, tmp_path: Path) -> None:
    """The plan is a step: with its answer recorded, nothing is encoded for it any more."""

    class Counting(InProcessSandbox):
        tried = 0

        def run(self, task: str, *args: Any, **more: Any) -> dict[str, Any]:
            Counting.tried += task == trial.TASK
            return super().run(task, *args, **more)

    class Recorded(DirectSteps):
        """What the first run recorded answers the second."""

        answers: dict[str, Any] = {}  # noqa: RUF012 - shared by both runs on purpose

        def run(self, name: str, work: Any) -> Any:
            if name not in self.answers:
                self.answers[name] = work()
            return self.answers[name]

    sandbox = Counting()

    def plan() -> object:
        return dump(planned(sandbox, clips / CARPHONE, tmp_path, EncodeOptions()))

    plans = [load(EncodePlan, Recorded().run("plan", plan)) for _ in range(2)]
    assert Counting.tried == 1
    assert plans[0] == plans[1]


def test_stretches_stand_for_shots_by_their_motion(facts: MediaFacts) -> None:
    plan = ladder.plan(facts, EncodeOptions())
    plan = replace(plan, grid=replace(plan.grid, frames=2000))
    video = replace(facts.video, keyframes=(0,))
    calm, busy = trial.Part(0, 1000, 0.5), trial.Part(1000, 2000, 9.0)
    found = trial.windows(plan, video, (calm, busy))
    assert sum(window.first < 1000 for window in found) == len(found) / 2
    few = trial.windows(plan, video, (trial.Part(0, 1900, 0.5), trial.Part(1900, 2000, 9.0)))
    assert sum(window.first >= 1900 for window in few) <= 1
    for windows in (found, few):
        assert list(windows) == sorted(windows, key=lambda window: window.first)
        assert sum(window.frames for window in windows) <= max(24, 2000 // 20)
        for one, other in pairwise(windows):
            assert one.first + one.frames <= other.first
    assert isinstance(found[0], Window)


def test_a_stretch_begins_at_a_keyframe_in_reach(clips: Path) -> None:
    clip = footage.facts_of(clips / "bigbuckbunny.mp4")
    plan = ladder.plan(clip, EncodeOptions())
    middle = trial.windows(plan, clip.video, trial.parts(plan.grid, clip.video, None))[1].first
    ticks = 1 / clip.video.time_base / plan.grid.frame_rate
    start = clip.video.start / clip.video.time_base
    key = round(start + (middle - 5) * ticks)
    video = replace(clip.video, keyframes=(round(start), key))
    found = trial.windows(plan, video, trial.parts(plan.grid, video, None))
    assert found[1].first == middle - 4
