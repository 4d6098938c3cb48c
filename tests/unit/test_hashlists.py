from pathlib import Path

import pytest

from framegate.catalog import hashlists
from framegate.errors import HashListInvalid

A, B, C = "a" * 64, "B" * 64, "c" * 64


def test_kinds_labels_and_headers() -> None:
    text = (
        f"# name: partner\n# label: extremism.symbols\n\n{A}\nPDQ {B}  violence # x\nsha256 {C}\n"
    )
    first, second = hashlists.parse(text, "file.txt")
    assert (first.name, first.label) == ("partner", "extremism.symbols")
    assert (first.pdq, first.sha256) == ((A,), frozenset({C}))
    assert (second.label, second.pdq) == ("violence", (B.lower(),))
    assert not first.child_safety


@pytest.mark.parametrize("text", [f"# child-safety: yes\n{A}", f"{A} child-safety.abuse"])
def test_child_safety_is_known_by_header_or_label(text: str) -> None:
    (only,) = hashlists.parse(text, "x")
    assert only.child_safety
    assert only.label.split(".")[0] == "child-safety"  # what decide and the report go by


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{A}\nabc", 2),
        (f"{A}\n\nsha256", 3),
        (f"{A} one two", 1),
        (f"{A} UPPER", 1),
        (f"{A}\n# label: late", 2),
        ("# child-safety: maybe", 1),
        (A[:-1] + "g", 1),
    ],
)
def test_a_bad_line_is_named(text: str, line: int) -> None:
    with pytest.raises(HashListInvalid, match=rf"list\.txt, line {line}:"):
        hashlists.parse(text, "list.txt")


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(HashListInvalid, match="cannot be read"):
        hashlists.load(tmp_path / "none")
    (tmp_path / "bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HashListInvalid, match="not UTF-8"):
        hashlists.load(tmp_path / "bin")
