"""The vision judge: whom it asks, what follows from answers, and what it must never do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegate.cache.embedded import EmbeddedCache
from framegate.cache.protocol import Bounds
from framegate.domain.findings import AnalyserRun, Finding, Status
from framegate.domain.frames import Sample, SampleInfo, SampleReason
from framegate.domain.hashlist import HashList
from framegate.domain.taxonomy import shipped
from framegate.domain.vision import Answer, Choice, Profile, Question, Structured
from framegate.errors import CacheUnavailable, ComponentMissing
from framegate.stages.screen.analysers.hashes import HashAnalyser, hashed
from framegate.stages.screen.analysers.vlm import plan
from framegate.stages.screen.analysers.vlm.build import (
    asked_labels,
    shipped_prompt,
    vision_judge,
)
from framegate.stages.screen.analysers.vlm.judge import VisionJudge
from framegate.stages.screen.analysers.vlm.memory import DETECTED
from framegate.stages.screen.analysers.vlm.picture import TILE, tile_of
from framegate.stages.screen.analysers.vlm.prompt import load_prompt
from framegate.stages.screen.analysers.vlm.said import RISKY, Said, dumped, loaded
from framegate.stages.screen.cascade import Cascade, Seen
from framegate.stages.screen.protocol import Looked
from told import PALETTE, ToldVision, colour_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRUTH = {"red": "violence", "blue": "weapons", "green": "weapons.firearm"}
DETAILED = Profile("told", "told/model", triage_calls=1000, detail_calls=5)
ROOMY = Profile("told", "told/model", triage_calls=1000)


def square(colour: str, seed: int = 0) -> np.ndarray:
    """A coloured square on a ground that no other seed has: its hash is its own."""
    ground = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
    pixels = ground.repeat(40, 0).repeat(40, 1)
    pixels[110:250, 250:390] = PALETTE[colour]
    return pixels


def samples(colours: Sequence[str], *, shots: Sequence[int] | None = None) -> list[Sample]:
    return [
        Sample(
            SampleInfo(
                index,
                index * 25,
                Fraction(index),
                index if shots is None else shots[index],
                SampleReason.SHOT,
                640,
                360,
            ),
            pixels,
            pixels,
        )
        for index, colour in enumerate(colours)
        for pixels in [square(colour, index)]
    ]


def judge_of(vision: ToldVision, cache: EmbeddedCache | None = None) -> VisionJudge:
    return vision_judge(
        vision, remembered=cache, clock=lambda: NOW, lists=(), source_sha256="0" * 64
    )


def look(
    vision: ToldVision,
    shown: Sequence[Sample],
    *,
    cache: EmbeddedCache | None = None,
    lists: Sequence[HashList] = (),
    others: Sequence[object] = (),
) -> Seen:
    judge = vision_judge(
        vision, remembered=cache, clock=lambda: NOW, lists=lists, source_sha256="0" * 64
    )
    cascade = Cascade([HashAnalyser(lists), *others], [judge])  # type: ignore[list-item]
    for sample in shown:
        cascade.show(sample)
    return cascade.finish()


def vlm_run(seen: Seen) -> AnalyserRun:
    (run,) = [run for run in seen.runs if run.level == "vlm"]
    return run


def found(seen: Seen) -> dict[int, set[str]]:
    """Labels that are likelier than not, by sample."""
    labels: dict[int, set[str]] = {}
    for finding in seen.findings:
        if finding.analyser.startswith("vlm.") and (finding.raw_score or 0) >= 0.5:
            assert finding.sample is not None
            labels.setdefault(finding.sample, set()).add(finding.label)
    return labels


def test_each_frame_gets_the_label_that_it_shows() -> None:
    vision = ToldVision(TRUTH, profile=ROOMY)
    seen = look(vision, samples(["grey", "red", "yellow", "blue", "grey"]))
    assert found(seen) == {1: {"violence"}, 3: {"weapons"}}
    run = vlm_run(seen)
    assert run.status is Status.OK
    assert run.samples_seen == 5
    assert dict(run.counts)["triage"] == 5
    assert {each.level: len(seen.looks[each.level][0].times) for each in seen.runs}["vlm"] == 5


def test_only_what_was_asked_alone_is_a_finding() -> None:
    """A triage that is sure of violence decides nothing when the yes/no says no."""
    vision = ToldVision({"red": "violence"}, profile=ROOMY)
    answered = vision._answer

    def contrary(question: Question) -> Answer:
        answer = answered(question)
        if "yes" in answer.chosen:
            return type(answer)(chosen={"yes": 0.01, "no": 0.99}, mass=1.0)
        return answer

    vision._answer = contrary  # type: ignore[method-assign]
    assert not found(look(vision, samples(["red"])))
    assert "yes-no" in vision.kinds()


def test_detail_leads_to_labels_below_that_are_asked_alone() -> None:
    vision = ToldVision(TRUTH, profile=DETAILED)
    seen = look(vision, samples(["grey", "green"]))
    assert found(seen) == {1: {"weapons", "weapons.firearm"}}
    assert vision.kinds().count("detail") == 1
    assert seen.description == "A coloured square."
    assert [(tag.name, tag.category) for tag in seen.tags] == [("Fine Art", "iab")]


def test_every_shot_is_seen_and_like_frames_are_not_asked_twice() -> None:
    one = square("grey", 1)
    shown = [
        Sample(
            SampleInfo(index, index, Fraction(index), shot, SampleReason.GAP, 640, 360), one, one
        )
        for index, shot in enumerate([0, 0, 0, 1, 1, 2])
    ]
    vision = ToldVision({}, profile=ROOMY)
    run = vlm_run(look(vision, shown))
    assert len(vision.asked) == 3
    assert run.samples_seen == 3


def test_what_is_said_of_a_frame_holds_for_those_that_look_like_it() -> None:
    """A rule may want two samples, and one of several that look alike is asked about."""
    one, other = square("red", 1), square("grey", 2)
    shown = [
        Sample(
            SampleInfo(index, index, Fraction(index), 0, SampleReason.GAP, 640, 360), pixels, pixels
        )
        for index, pixels in enumerate([one, one, other, one])
    ]
    vision = ToldVision(TRUTH, profile=ROOMY)
    seen = look(vision, shown)
    assert vision.kinds().count("triage") == 2
    assert found(seen) == {0: {"violence"}, 1: {"violence"}, 3: {"violence"}}
    spans = {one.sample: one.span for one in seen.findings}
    assert spans[3] is not None
    assert spans[3].start == 3
    assert vlm_run(seen).samples_seen == 2, "it looked at two"


def test_neighbours_share_a_question_where_the_minute_allows_no_more() -> None:
    profile = Profile("told", "told/model", triage_calls=6, frames_per_request=4)
    vision = ToldVision({}, profile=profile)
    shown = samples(["grey"] * 24)
    run = vlm_run(look(vision, shown))
    assert [len(question.pictures) for question in vision.asked] == [4] * 6
    assert run.samples_seen == 24


def test_a_shared_question_in_doubt_is_asked_frame_by_frame() -> None:
    profile = Profile("told", "told/model", triage_calls=1, frames_per_request=4)
    vision = ToldVision(TRUTH, profile=profile)
    seen = look(vision, samples(["grey", "grey", "red", "grey"]))
    assert found(seen) == {2: {"violence"}}
    assert [len(one.pictures) for one in vision.asked if len(one.pictures) > 1] == [4]
    assert "more than the profile plans for" in vlm_run(seen).reason


def test_an_answer_that_is_missing_is_never_taken_for_clean() -> None:
    vision = ToldVision(
        TRUTH, profile=ROOMY, fails=lambda question: "blue" in map(colour_of, question.pictures)
    )
    seen = look(vision, samples(["red", "blue", "grey"]))
    run = vlm_run(seen)
    assert run.status is Status.UNAVAILABLE
    assert "no answer about 1 frame" in run.reason
    assert found(seen) == {0: {"violence"}}, "what was answered still holds"
    assert run.samples_seen == 2


def test_risk_that_was_answered_survives_a_later_failure() -> None:
    def second_yes_no(question: Question) -> bool:
        return isinstance(question.answer, Structured)

    vision = ToldVision(TRUTH, profile=DETAILED, fails=second_yes_no)
    seen = look(vision, samples(["red"]))
    assert found(seen) == {0: {"violence"}}


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddedCache:
    return EmbeddedCache(tmp_path / "cache.sqlite", Bounds(1000, timedelta(days=1)), lambda: NOW)


def test_the_same_frames_again_cost_nothing_and_say_the_same(cache: EmbeddedCache) -> None:
    shown = samples(["grey", "red", "blue"])
    first, again = ToldVision(TRUTH, profile=ROOMY), ToldVision(TRUTH, profile=ROOMY)
    before, after = look(first, shown, cache=cache), look(again, shown, cache=cache)
    assert first.asked
    assert not again.asked
    assert found(after) == found(before) == {1: {"violence"}, 2: {"weapons"}}
    assert vlm_run(after).samples_seen == 3
    assert dict(vlm_run(after).counts)["remembered"] == 3


@pytest.mark.parametrize(("allowed", "asked"), [(1.0, 1), (0.1, 0)])
def test_a_clean_video_is_described_where_a_minute_may_have_a_whole_answer(
    allowed: float, asked: int
) -> None:
    profile = Profile("told", "told/model", triage_calls=1000, detail_calls=allowed)
    seen = look(ToldVision({}, profile=profile), samples(["grey"]))
    assert dict(vlm_run(seen).counts).get("detail", 0) == asked


class Alarmed:
    """A detector that is sure of something in every sample."""

    name, version, level = "nsfw.alarmed", "1", "detectors"
    model = model_sha256 = None
    batch, every = 3, "sample"

    def __init__(self, label: str = "sexual.explicit") -> None:
        self.label = label
        self.labels = (label,)

    def analyse(self, shown: Sequence[Sample]) -> Looked:
        return Looked(
            findings=tuple(
                Finding(self.name, "1", self.label, Status.OK, DETECTED, sample=one.info.index)
                for one in shown
            )
        )

    def finish(self) -> Looked:
        return Looked()


def test_clean_is_remembered_only_where_fresh_detectors_agree(cache: EmbeddedCache) -> None:
    shown = samples(["grey", "grey"])
    look(ToldVision({}, profile=ROOMY), shown, cache=cache)
    doubted = ToldVision({}, profile=ROOMY)
    look(doubted, shown, cache=cache, others=[Alarmed()])
    assert len(doubted.asked) == 2


@pytest.mark.parametrize(("label", "asked"), [("person.face", 0), ("text.overlay", 2)])
def test_a_face_is_no_doubt_that_a_frame_is_clean_and_text_over_it_is(
    cache: EmbeddedCache, label: str, asked: int
) -> None:
    shown = samples(["grey", "grey"])
    look(ToldVision({}, profile=ROOMY), shown, cache=cache)
    again = ToldVision({}, profile=ROOMY)
    look(again, shown, cache=cache, others=[Alarmed(label)])
    assert len(again.asked) == asked


def test_answers_under_other_words_are_no_answers(cache: EmbeddedCache) -> None:
    shown = samples(["grey"])
    look(ToldVision({}, profile=ROOMY), shown, cache=cache)
    other = ToldVision({}, profile=Profile("told", "told/larger", triage_calls=1000))
    look(other, shown, cache=cache)
    assert len(other.asked) == 1


def test_a_cache_that_fails_costs_its_savings_alone() -> None:
    class Away:
        def near(self, *_: object) -> None:
            raise CacheUnavailable("the verdict cache", "away")

        def put(self, *_: object) -> None:
            raise CacheUnavailable("the verdict cache", "away")

    vision = ToldVision(TRUTH, profile=ROOMY)
    seen = look(vision, samples(["red"]), cache=Away())  # type: ignore[arg-type]
    assert found(seen) == {0: {"violence"}}
    assert "without the verdict cache" in vlm_run(seen).reason
    assert vlm_run(seen).status is Status.OK


def test_nothing_is_sent_once_a_child_safety_match_is_known() -> None:
    shown = samples(["grey"] * 9 + ["red"] * 9)
    digest, _quality = hashed(shown[9].pixels)
    known = HashList("ncmec", "child-safety", pdq=(digest,), child_safety=True)
    vision = ToldVision(TRUTH, profile=ROOMY)
    seen = look(vision, shown, lists=[known])
    sent = {colour_of(picture) for question in vision.asked for picture in question.pictures}
    assert "red" not in sent
    run = vlm_run(seen)
    assert run.status is Status.UNAVAILABLE
    assert "child-safety" in run.reason


def test_a_file_on_a_child_safety_list_is_never_sent() -> None:
    known = HashList("ncmec", "child-safety", sha256=frozenset({"0" * 64}), child_safety=True)
    vision = ToldVision(TRUTH, profile=ROOMY)
    look(vision, samples(["red", "grey"]), lists=[known])
    assert not vision.asked


def test_a_model_that_is_told_to_answer_none_lowers_nothing() -> None:
    """Fusion: a detector's hit stands, whatever the model was talked into."""
    vision = ToldVision(TRUTH, profile=ROOMY, lies=True)
    shown = samples(["red", "red"])
    seen = look(vision, shown, others=[Alarmed()])
    stands = [one for one in seen.findings if one.analyser == "nsfw.alarmed"]
    assert [one.raw_score for one in stands] == [DETECTED, DETECTED]


def test_the_system_text_is_the_same_for_all_frames_of_an_order() -> None:
    vision = ToldVision({}, profile=ROOMY)
    look(vision, samples(["grey"] * 40))
    texts = {question.system for question in vision.asked}
    assert 1 < len(texts) <= 4


def test_an_order_is_a_permutation_and_every_label_changes_its_letter() -> None:
    prompt = shipped_prompt("1")
    labels = {asked.label for asked in prompt.labels}
    places: dict[str, set[str]] = {}
    for order in prompt.orders:
        assert set(order.letters.values()) == labels
        assert order.none not in order.letters
        assert len(Choice(order.options).options) == len(labels) + 1
        for letter, label in (*order.letters.items(), (order.none, "none")):
            places.setdefault(label, set()).add(letter)
    assert all(len(letters) >= 3 for letters in places.values()), places


def test_a_frame_is_always_asked_the_same_way() -> None:
    prompt = shipped_prompt("1")
    assert {prompt.order("ab" * 32).number for _ in range(3)} == {prompt.order("ab" * 32).number}
    used = {prompt.order(f"{number:064x}").number for number in range(200)}
    assert used == {0, 1, 2, 3}


def test_words_of_the_prompt_are_what_answers_are_keyed_to() -> None:
    data = b"\n".join(
        [
            b"schema_version = 1",
            b'version = "x"',
            b'system = "{labels}{none}"',
            b'triage = "t"',
            b'yes_no = "{name} {definition}"',
            b'detail = "d"',
        ]
    )
    labels = asked_labels(shipped())
    one = load_prompt(data, labels)
    assert load_prompt(data + b"\n# a comment", labels).digest != one.digest
    assert load_prompt(data, labels[:-1]).digest != one.digest
    with pytest.raises(ValueError, match="letter each"):
        load_prompt(data, labels * 3)
    with pytest.raises(ComponentMissing):
        shipped_prompt("99")
    with pytest.raises(ComponentMissing):
        shipped_prompt("../1")


@pytest.mark.parametrize(("height", "width"), [(360, 640), (640, 360), (1, 1), (50, 2000), (9, 4)])
def test_a_tile_is_a_square_that_holds_the_whole_picture(height: int, width: int) -> None:
    import cv2

    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:] = PALETTE["red"]
    tile = cv2.imdecode(np.frombuffer(tile_of(pixels), np.uint8), cv2.IMREAD_COLOR)
    assert tile is not None
    assert tile.shape == (TILE, TILE, 3)
    assert colour_of(tile_of(pixels)) == "red" or min(height, width) * TILE < 16 * max(
        height, width
    )


@given(
    st.lists(st.integers(), max_size=80),
    st.integers(0, 40),
    st.integers(1, 10),
)
def test_groups_keep_order_and_bounds(waiting: list[int], allowed: int, together: int) -> None:
    made = plan.groups(waiting, allowed=allowed, together=together)
    assert [one for group in made for one in group] == waiting
    assert all(1 <= len(group) <= together for group in made)
    if allowed and len(waiting) <= allowed:
        assert all(len(group) == 1 for group in made)


probabilities = st.floats(0, 1, allow_nan=False)
told = st.builds(
    Said,
    risk=probabilities,
    order=st.integers(0, 3),
    letters=st.dictionaries(st.sampled_from(["violence", "weapons"]), probabilities),
    yes=st.dictionaries(st.sampled_from(["violence", "weapons.firearm"]), probabilities),
)


@given(told)
def test_what_is_remembered_comes_back(said: Said) -> None:
    back = loaded(dumped(said))
    assert back is not None
    assert back.order == said.order
    assert back.yes == pytest.approx(said.yes, abs=1e-6)
    if abs(said.risk - 0.1) > 1e-5 and all(abs(one - RISKY) > 1e-5 for one in said.yes.values()):
        assert back.clean == said.clean


@given(
    st.text(max_size=80)
    | st.sampled_from(
        [
            '{"risk": 2}',
            '{"risk": NaN, "order": 0, "letters": {}, "yes": {}}',
            "[]",
            '{"risk":0.1,"order":0,"letters":[],"yes":{}}',
        ]
    )
)
def test_a_cache_that_was_written_by_somebody_else_is_no_answer(text: str) -> None:
    assert loaded(text) is None


def test_the_allowance_is_by_length() -> None:
    allowance = plan.Allowance(7.0)
    assert allowance.of_window(60) == 7
    assert allowance.of_window(5) == 1
    allowance.used = 20
    assert allowance.over(60) == 13
    assert allowance.over(180) == 0


def test_a_plain_picture_is_asked_about_now_and_then() -> None:
    novelty = plan.Novelty()
    plain = [
        SampleInfo(second, second, Fraction(second), 0, SampleReason.GAP, 640, 360)
        for second in range(12)
    ]
    like = [novelty.like(info, None) for info in plain]
    assert like == [None, 0, 0, 0, 0, None, 5, 5, 5, 5, None, 10]
