"""One and many, everywhere that a stage or a summary counts."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

import framegate
from framegate.cli.progress import Lines
from framegate.domain.counted import counted, noun

SOURCES = [
    *Path(framegate.__file__).parent.rglob("*.py"),
    *Path(framegate.__file__).parent.rglob("*.j2"),
]
BY_HAND = re.compile(r"""['"]s['"] if |else ['"]s['"]|\bend\(.*\} \w+s\b""")


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 shots"), (1, "1 shot"), (2, "2 shots"), (1200, "1200 shots")]
)
def test_one_is_one_and_all_else_is_many(number: int, words: str) -> None:
    assert counted(number, "shot") == words


def test_what_takes_more_than_an_s_is_named() -> None:
    assert [noun(count, "was", "were") for count in (0, 1, 2)] == ["were", "was", "were"]
    assert counted(3, "match", "matches") == "3 matches"


def test_a_stage_of_one_frame_says_so() -> None:
    said = io.StringIO()
    lines = Lines(said)
    lines.start("encode", 1.0, "frames")
    lines.start("screen", 1.0, "s")
    lines.start("plan", 9.0, "trials")
    lines.start("ingest", 1.0, "bytes")
    lines.start("publish", None, "files")
    assert said.getvalue().splitlines() == [
        "encode (1 frame) ...",
        "screen (1 s) ...",
        "plan (9 trials) ...",
        "ingest ...",
        "publish ...",
    ]


def test_nobody_counts_by_hand() -> None:
    """Words for one and many are chosen in one place."""
    found = [
        f"{path.name}: {line.strip()}"
        for path in SOURCES
        if path.name != "counted.py"
        for line in path.read_text().splitlines()
        if BY_HAND.search(line)
    ]
    assert not found
