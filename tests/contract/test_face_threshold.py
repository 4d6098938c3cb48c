"""The documented error rates of face comparison, measured again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from faces import orl
from framegate.domain.creator import COMPARE, ENROL, FALSE_ACCEPT_RATE, THRESHOLD
from framegate.models.store import Models
from framegate.testing.faces import PEOPLE, PHOTOS, People, rate_at, read_photo, threshold_at, under

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "creators.md"
NARROW = 28 / 140 * 2  # scale at which the median face is 28 px wide


@pytest.mark.slow
def test_the_threshold_keeps_its_false_accept_rate_and_the_page_says_what_is_measured() -> None:
    reader = Models(1).face_reader()
    people = People.read(orl(), reader)
    assert len(people.qualities) == PEOPLE * PHOTOS, "a face is found in every photo"
    page = PAGE.read_text()
    rows = {
        "photo with photo": people.pairs(),
        "template of 3 photos": people.templates(3),
        "template of 5 photos": people.templates(5),
    }
    for name, (same, other) in rows.items():
        assert rate_at(other, THRESHOLD) <= FALSE_ACCEPT_RATE, name
        assert rate_at(same, THRESHOLD) > 0.985, name
        said = re.search(rf"^\| {name} \|(.*)\|$", page, re.MULTILINE)
        assert said is not None, name
        cells = [cell.strip() for cell in said.group(1).split("|")]
        for cell, rate in zip(cells, (1e-2, 1e-3, 1e-4), strict=False):
            at = threshold_at(other, rate)
            # another processor's arithmetic moves a score by less than a thousandth
            assert float(cell.split(":")[0]) == pytest.approx(at, abs=0.003), (name, rate)
        accepted = int((other >= THRESHOLD).sum())
        assert int(cells[3].split()[0]) == pytest.approx(accepted, abs=4), name
    # the lowest round threshold that does it
    assert any(rate_at(other, THRESHOLD - 0.01) > FALSE_ACCEPT_RATE for _, other in rows.values())
    # nobody who could be enrolled is refused for the quality of these photos, but for a few turns
    refused = [each for each in people.qualities if ENROL.fault(each) is not None]
    assert len(refused) < PEOPLE * PHOTOS * 0.02
    assert not [each for each in people.qualities if COMPARE.fault(each) is not None]
    small = under(
        reader,
        people,
        lambda person, photo: read_photo(orl(), person, photo, scale=NARROW),
        THRESHOLD,
    )
    assert small.width < COMPARE.min_width
    assert small.accepted > 0.98, "narrower faces than are taken are still recognised"
