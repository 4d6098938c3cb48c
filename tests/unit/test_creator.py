"""What may be enrolled and how a comparison is told, without a model."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest

from framegate.domain.creator import (
    COMPARE,
    ENROL,
    LABELS,
    LAST_LOOK,
    UNCHECKED,
    UNSEEN,
    Candidate,
    Consent,
    Enrolment,
    FaceLook,
    FaceQuality,
    FaceSeen,
    Fault,
    Outcome,
    Standing,
    Template,
    Verification,
    enrolled,
    findings_of,
    judge,
    of_video,
    only_face,
)
from framegate.domain.taxonomy import shipped
from framegate.errors import (
    ConsentInvalid,
    FaceBlurred,
    FacesDiffer,
    FaceTooSmall,
    FaceTurned,
    FramegateError,
    NoFace,
    SeveralFaces,
)
from framegate.stages.report.document import to_document
from framegate.stages.report.identity import LIVENESS, in_words

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GOOD = FaceQuality(width=140, turn=0.05, sharpness=0.2)
CONSENT = Consent("Ann", NOW - timedelta(days=1), "contract 7", "uploads", NOW + timedelta(days=9))


def direction(seed: int, near: np.ndarray | None = None) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=128).astype(np.float32)
    vector /= np.linalg.norm(vector)
    if near is not None:
        vector = 0.2 * vector + near
        vector /= np.linalg.norm(vector)
    return vector


def face(seed: int = 1, quality: FaceQuality = GOOD, where: str = "a.jpg") -> Candidate:
    return Candidate(where, quality, direction(seed, near=direction(0)))


@pytest.mark.parametrize(
    ("quality", "error", "said"),
    [
        (replace(GOOD, width=79.4), FaceTooSmall, "79 px wide, at least 80 px"),
        (replace(GOOD, turn=0.31), FaceTurned, "turned by 0.31, at most 0.25"),
        (replace(GOOD, sharpness=0.0123), FaceBlurred, "sharpness 0.012, at least 0.030"),
        (replace(GOOD, width=float("nan")), FaceTooSmall, "nan px"),
    ],
)
def test_a_poor_face_is_refused_with_what_was_measured_and_the_limit(
    quality: FaceQuality, error: type[FramegateError], said: str
) -> None:
    with pytest.raises(error, match=r"the face in a\.jpg") as refused:
        only_face([face(quality=quality)], "a.jpg")
    assert said in refused.value.why


def test_a_photo_shows_one_face() -> None:
    assert only_face([face()], "a.jpg").where == "a.jpg"
    with pytest.raises(NoFace):
        only_face([], "a.jpg")
    with pytest.raises(SeveralFaces, match="2, one is wanted"):
        only_face([face(), face(2)], "a.jpg")


def test_photos_of_two_people_make_no_template() -> None:
    assert enrolled([face(1), face(2), face(3)]).score(direction(0)) > 0.9
    stranger = Candidate("other.jpg", GOOD, direction(99))
    with pytest.raises(FacesDiffer, match=r"other\.jpg") as refused:
        enrolled([face(1), face(2), face(3), stranger])
    assert "at least 0.46" in refused.value.why


def test_a_video_gives_its_good_frames_and_says_what_most_others_lack() -> None:
    poor = replace(GOOD, turn=0.3)
    looks = [[face(n)] for n in range(4)] + [[], [face(9, poor)]]
    assert len(of_video(looks, least=3)) == 4
    with pytest.raises(FaceTurned, match="1 of 4 frames are good enough"):
        of_video([[face(1)], [], [face(2, poor)], [face(3, poor)]], least=3)
    with pytest.raises(NoFace, match="2 frames were looked at"):
        of_video([[], []], least=1)
    with pytest.raises(SeveralFaces, match="in 1 of 5 frames"):
        of_video([*looks[:4], [face(1), face(2)]], least=3)
    # somebody far behind is nobody who could be taken for the creator
    far = face(5, replace(GOOD, width=COMPARE.min_width - 1))
    assert len(of_video([*looks[:4], [face(1), far]], least=3)) == 5


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"text": "  "}, "text is empty"),
        ({"purpose": ""}, "purpose is empty"),
        ({"by": ""}, "by is empty"),
        ({"at": NOW + timedelta(hours=1)}, "lies in the future"),
        ({"expires": NOW}, "has expired"),
    ],
)
def test_a_consent_is_complete_given_and_not_over(wrong: dict[str, object], why: str) -> None:
    CONSENT.require_valid(NOW)
    with pytest.raises(ConsentInvalid, match=why):
        replace(CONSENT, **wrong).require_valid(NOW)  # type: ignore[arg-type]


def test_an_enrolment_stands_until_its_consent_expires_or_it_is_revoked() -> None:
    one = Enrolment("a" * 32, "", "ann", CONSENT, NOW, "me", "photos", 3, "0" * 64)
    assert one.standing(NOW) is Standing.VALID
    assert one.standing(CONSENT.expires - timedelta(microseconds=1)) is Standing.VALID
    assert one.standing(CONSENT.expires) is Standing.EXPIRED
    assert replace(one, ended_at=NOW).standing(NOW) is Standing.REVOKED


def test_a_template_shows_itself_to_nobody() -> None:
    template = Template(direction(3))
    shown = f"{template!r} {template} {[template]}"
    assert not any(f"{abs(value):.2f}"[1:] in shown for value in direction(3))
    with pytest.raises(TypeError):
        pickle.dumps(template)
    with pytest.raises(TypeError):
        json.dumps(template)
    with pytest.raises(TypeError):
        json.dumps(to_document(template))
    assert Template.from_bytes(template.to_bytes()).score(direction(3)) == pytest.approx(1)


@pytest.mark.parametrize(
    "data", [b"", bytes(511), bytes(512), np.full(128, np.nan, "<f4").tobytes(), bytes(513)]
)
def test_what_is_no_template_is_not_taken(data: bytes) -> None:
    with pytest.raises(ValueError, match="no face template"):
        Template.from_bytes(data)


def look(at: float, *scores: float | Fault) -> FaceLook:
    faces = tuple(
        FaceSeen(score) if isinstance(score, Fault) else FaceSeen(None, score) for score in scores
    )
    return FaceLook(round(at * 10), Fraction(str(at)), faces)


def test_share_of_face_time_and_scores() -> None:
    found = judge([look(0, 0.9), look(1, 0.2, 0.7), look(2), look(3, 0.1), look(5, 0.5)])
    assert found.outcome is Outcome.MATCH
    # looks stand for 1, 1, 1, 2 seconds, and the last for a frame
    assert found.face_time == 4 + LAST_LOOK
    assert found.matched_share == pytest.approx(2.04 / 4.04)
    assert (found.best, found.median) == (0.9, pytest.approx(0.6))
    assert (found.looks, found.looks_compared, found.looks_matched) == (5, 4, 3)
    assert (found.others_most, found.others_looks) == (1, 2)
    assert found.evidence == 0


@pytest.mark.parametrize(
    ("looks", "outcome"),
    [
        ([], Outcome.NO_FACE),
        ([look(0), look(1)], Outcome.NO_FACE),
        ([look(0, Fault.TOO_SMALL), look(1)], Outcome.TOO_SMALL),
        ([look(0, Fault.TOO_SMALL), look(1, Fault.TURNED)], Outcome.UNCLEAR),
        ([look(0, Fault.BLURRED)], Outcome.UNCLEAR),
        ([look(0, 0.45), look(1, 0.1)], Outcome.SOMEONE_ELSE),
        ([look(0, 0.46)], Outcome.MATCH),
    ],
)
def test_what_was_not_seen_is_told_apart(looks: list[FaceLook], outcome: Outcome) -> None:
    assert judge(looks).outcome is outcome


def test_findings_are_facts_that_a_policy_can_name() -> None:
    def labels(found: Verification) -> dict[str, float | None]:
        return {each.label: each.raw_score for each in findings_of(found)}

    part = judge([look(0, 0.9), look(1, 0.1), look(2, 0.1), look(2.96, 0.1)])
    assert labels(part) == pytest.approx({"creator.match": 1 / 3, "creator.mismatch": 2 / 3})
    assert labels(judge([look(0, 0.9), look(1, 0.9)])) == {"creator.match": 1.0}
    assert labels(judge([look(0, 0.1)])) == {"creator.mismatch": 1.0}
    assert labels(judge([look(0)])) == {"creator.unverified.no-face": 1.0}
    assert labels(Verification(Outcome.REVOKED)) == {"creator.unverified.revoked": 1.0}
    assert len({*UNSEEN, *UNCHECKED, Outcome.MATCH, Outcome.SOMEONE_ELSE}) == len(Outcome)


def test_every_label_is_in_the_taxonomy() -> None:
    every = [
        *(Verification(outcome) for outcome in UNSEEN | UNCHECKED),
        judge([look(0, 0.9), look(1, 0.1), look(2, 0.1)]),
    ]
    emitted = {finding.label for found in every for finding in findings_of(found)}
    assert len(emitted) == len(Outcome)
    assert not [label for label in emitted | {*LABELS} if shipped().get(label) is None]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_own_words(outcome: Outcome) -> None:
    told = in_words(Verification(outcome), "ann")
    assert "“ann”" in told.title
    others = {in_words(Verification(each), "ann").title for each in Outcome if each is not outcome}
    assert told.title not in others


def test_words_carry_the_numbers_and_the_limits_of_a_match() -> None:
    said = " ".join(in_words(judge([look(0, 0.9, 0.2), look(1, 0.6)]), "ann").words)
    assert "best 0.90, median 0.75" in said
    assert "at most 1 in 10,000 comparisons" in said
    assert "nobody asked whose they are" in said
    assert said.endswith(LIVENESS)
    assert ENROL.min_width > COMPARE.min_width
