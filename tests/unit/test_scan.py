"""What windows of idet's verdicts say together."""

import pytest

from framegate.domain.media import FieldOrder
from framegate.media.scan import Verdicts, judge

NAMES = {"t": "tff", "b": "bff", "p": "progressive", "u": "undetermined"}
FIELDS = {"t": "top", "b": "bottom", "n": "neither"}


def window(fields: str, repeated: str = "") -> Verdicts:
    repeated = (repeated or "n") * len(fields)
    return Verdicts(
        tuple(NAMES[each] for each in fields),
        tuple(FIELDS[each] for each in repeated[: len(fields)]),
    )


@pytest.mark.parametrize(
    ("windows", "order", "telecine"),
    [
        ([window("p" * 24)], "progressive", False),
        ([window("t" * 24)], "top-first", False),
        ([window("p" * 24), window("b" * 24)], "bottom-first", False),  # a part of it is enough
        ([window("u" * 24)], "unknown", False),
        ([window("u" * 22 + "tt")], "unknown", False),  # noise on a still picture
        ([window("p" * 22 + "tt")], "progressive", False),
        ([window("t" * 12 + "b" * 12)], "unknown", False),  # interlaced, by no order
        ([], "unknown", False),
        ([window("t" * 25, "nntnb")], "top-first", True),
        ([window("b" * 25, "bntnn")], "bottom-first", True),
        # an edit between the windows moves the cadence
        ([window("t" * 25, "nntnb"), window("t" * 25, "tnbnn")], "top-first", True),
        ([window("t" * 25, "nntnb"), window("u" * 25)], "top-first", True),  # nothing moves
        ([window("t" * 25, "nntnn")], "top-first", False),  # half of the places
        ([window("t" * 25, "tbtbn")], "top-first", False),  # repeated elsewhere too
        ([window("t" * 9, "nntnb")], "top-first", False),  # too short to tell
    ],
)
def test_windows_are_judged_together(
    windows: list[Verdicts], order: str, *, telecine: bool
) -> None:
    scan = judge(windows)
    assert scan.order is FieldOrder(order)
    assert scan.telecine == telecine
