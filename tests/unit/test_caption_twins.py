"""Which of a programme's channels and services are published, and which say the same."""

import pytest

from caption_tracks import cue
from framegate.domain.caption_twins import said_twice
from framegate.domain.captions import Cue

UPPER = [
    cue(0, 2, "HELLO THERE, GENERAL"),
    cue(2, 4, "IT'S OVER NOW"),
    cue(5, 8, "DON'T TRY IT"),
    cue(9, 12, "GOOD-BYE, OLD FRIEND"),
]
MIXED = [Cue(c.start + 1, c.end + 1, c.text.capitalize()) for c in UPPER]
OTHER = [cue(0, 2, "Hola, general"), cue(2, 5, "Se acabó"), cue(5, 8, "No lo intentes")]


def rolled(cues: list[Cue]) -> list[Cue]:
    """Each cue with the one before above it."""
    before = ["", *(c.text for c in cues)]
    return [
        Cue(c.start, c.end, f"{up}\n{c.text}".strip()) for up, c in zip(before, cues, strict=False)
    ]


@pytest.mark.parametrize(
    ("found", "left_out"),
    [
        ({"CC1": UPPER, "SERVICE1": MIXED}, {"CC1": "SERVICE1"}),
        ({"CC1": rolled(UPPER), "SERVICE1": MIXED}, {"CC1": "SERVICE1"}),
        ({"CC1": UPPER, "SERVICE1": rolled(MIXED)}, {"CC1": "SERVICE1"}),
        # the service was cut short: the channel says more
        ({"CC1": UPPER, "SERVICE1": MIXED[:2]}, {"SERVICE1": "CC1"}),
        ({"CC1": UPPER[:2], "SERVICE1": MIXED}, {"CC1": "SERVICE1"}),
        (
            {"CC1": UPPER, "SERVICE1": [*MIXED[:3], cue(10, 12, "Good-bye old")]},
            {"SERVICE1": "CC1"},
        ),
        # numbers say nothing
        (
            {"CC1": UPPER, "CC3": OTHER, "SERVICE1": OTHER, "SERVICE2": MIXED},
            {"CC1": "SERVICE2", "CC3": "SERVICE1"},
        ),
        ({"CC1": UPPER, "SERVICE1": OTHER}, {}),
        # the same words at another time are other captions
        ({"CC1": UPPER[:1], "SERVICE1": [cue(60, 62, UPPER[0].text)]}, {}),
        ({"CC1": [cue(0, 1, "♪ ♪")], "SERVICE1": [cue(0, 1, "♪")]}, {"CC1": "SERVICE1"}),
        ({"CC1": UPPER, "CC3": UPPER}, {}),
        ({"CC1": [], "SERVICE1": MIXED}, {}),
    ],
)
def test_the_words_tell(found: dict[str, list[Cue]], left_out: dict[str, str]) -> None:
    assert said_twice(found) == left_out
