"""Whether the encode saw what screening saw, by frame counts; pictures are in test_unseen."""

from dataclasses import replace
from importlib.resources import files

import pytest

from framegate.domain.agreement import Agreement, compare
from framegate.domain.encoding import SourceRead
from framegate.domain.frames import Coverage
from framegate.domain.policy_file import load_policy
from framegate.domain.unseen import Comparison
from framegate.stages.report.caveats import caveats
from framegate.testing.reports import report


@pytest.mark.parametrize(
    ("in_source", "screened", "undecodable", "encoded", "exact", "agrees"),
    [
        (100, 100, 0, 100, True, True),
        (100, 100, 0, 99, True, False),
        (100, 100, 0, 101, True, False),
        (100, 97, 3, 97, True, True),
        (100, 97, 3, 100, True, False),  # it shows what nobody screened
        (100, 60, 0, 100, False, True),  # screening left frames out that no other needs
        (100, 60, 0, 59, False, False),
        (100, 60, 0, 101, False, False),
        (200, 100, 0, 100, False, True),  # fields: two packets a frame
    ],
)
def test_frame_counts(
    in_source: int, screened: int, undecodable: int, encoded: int, *, exact: bool, agrees: bool
) -> None:
    coverage = Coverage(
        frames_in_source=in_source,
        frames_decoded=screened,
        frames_sampled=screened,
        max_gap_wanted_s=1.0,
        largest_gap_s=0.5,
        mode="full",
        mode_reason="",
        levels=(),
        missed=(),
        undecodable_frames=undecodable,
    )
    found = compare(coverage, SourceRead(encoded, 0), Comparison(encoded, 0))
    assert (found.exact, found.agrees) == (exact, agrees)
    found = compare(replace(coverage, unseen_frames=1), SourceRead(encoded, 0), Comparison(1, 1))
    assert not found.agrees


def test_the_report_says_so_when_they_disagree() -> None:
    policy = load_policy((files("framegate") / "policies" / "default.toml").read_bytes())
    whole = report(None, policy)
    for agrees in (True, False):
        found = Agreement(1234, 1233, 3, exact=True, agrees=agrees)
        told = caveats(replace(whole, agreement=found))
        assert bool(told) is not agrees
    assert "may not be what was screened" in told[0].title
    unseen = Agreement(1234, 1234, 0, exact=True, agrees=False, frames_compared=9, left_unseen=2)
    (caveat,) = caveats(replace(whole, agreement=unseen))
    assert "were not looked at" in caveat.title
    assert "2 of 9 frames" in caveat.words
