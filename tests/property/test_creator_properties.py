"""1:1 comparison: what must hold whatever was seen."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from framegate.domain.creator import (
    UNSEEN,
    FaceLook,
    FaceSeen,
    Fault,
    Outcome,
    Template,
    findings_of,
    judge,
)

FACES = st.one_of(
    st.sampled_from(list(Fault)).map(FaceSeen),
    st.floats(-1, 1).map(lambda score: FaceSeen(None, score)),
)


@st.composite
def looks(draw: st.DrawFn) -> list[FaceLook]:
    steps = draw(st.lists(st.fractions(Fraction(1, 100), 10), max_size=12))
    at, found = Fraction(0), []
    for number, step in enumerate(steps):
        faces = draw(st.lists(FACES, max_size=4))
        found.append(FaceLook(number, at, tuple(faces)))
        at += step
    return found


@given(looks())
def test_counts_and_shares_are_within_each_other(seen: list[FaceLook]) -> None:
    found = judge(seen)
    assert 0 <= found.looks_matched <= found.looks_compared <= found.looks_with_faces
    assert found.looks_with_faces <= found.looks == len(seen)
    assert (found.matched_share is None) == (found.looks_compared == 0)
    if found.matched_share is not None:
        assert found.best is not None
        assert found.median is not None
        assert 0 <= found.matched_share <= 1
        assert -1 <= found.median <= found.best <= 1
        assert (found.matched_share > 0) == (found.outcome is Outcome.MATCH)
        assert (found.best >= found.threshold) == (found.outcome is Outcome.MATCH)
    else:
        assert found.outcome in UNSEEN
    assert found.others_most <= max((len(look.faces) for look in seen), default=0)
    assert findings_of(found), "every outcome is a finding"


@given(looks(), st.floats(-1, 1), st.floats(-1, 1))
def test_a_stricter_threshold_never_finds_more(
    seen: list[FaceLook], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    loose, strict = judge(seen, low), judge(seen, high)
    assert strict.looks_matched <= loose.looks_matched
    assert (strict.matched_share or 0) <= (loose.matched_share or 0)
    assert strict.others_most >= loose.others_most


@given(looks(), st.integers(0, 11), FACES)
def test_another_face_beside_never_takes_a_match_away(
    seen: list[FaceLook], at: int, face: FaceSeen
) -> None:
    before = judge(seen)
    crowd = [
        FaceLook(look.sample, look.time, (*look.faces, face)) if number == at else look
        for number, look in enumerate(seen)
    ]
    assert judge(crowd).looks_matched >= before.looks_matched


@given(looks(), st.integers(0, 1000))
def test_when_the_video_begins_makes_no_difference(seen: list[FaceLook], later: int) -> None:
    moved = [FaceLook(look.sample, look.time + later, look.faces) for look in seen]
    assert judge(moved) == judge(seen)


VECTORS = stn.arrays(np.float32, 128, elements=st.floats(-10, 10, width=32)).filter(
    lambda vector: float(np.linalg.norm(vector)) > 0.01
)


@given(VECTORS, st.floats(2**-6, 64, width=32))
def test_a_template_is_a_direction(vector: np.ndarray, longer: float) -> None:
    template = Template(vector)
    unit = (vector / np.linalg.norm(vector)).astype(np.float32)
    assert template.score(unit) > 0.999
    assert abs(Template(vector * np.float32(longer)).score(unit) - template.score(unit)) < 1e-4
    again = Template.from_bytes(template.to_bytes())
    assert np.allclose(
        np.frombuffer(again.to_bytes(), "<f4"), np.frombuffer(template.to_bytes(), "<f4"), atol=1e-6
    )
