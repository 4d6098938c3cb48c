"""``framegate policy check``: every fault with its line, and what may surprise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framegate.cli.app import main
from framegate.domain.policy_file import load_policy
from framegate.domain.policy_notes import notes

WRONG = """schema_version = 2
name = "p"
version = "1"

[[rules]]
id = "a"
label = "sexual.explict"
threshold = 3
action = "review"
reason = "R."
"""


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["framegate", "policy", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.out, said.err


def test_every_fault_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(WRONG)
    code, out, err = run(monkeypatch, capsys, "check", str(path))
    assert code == 78
    assert out.splitlines() == [
        (
            'wrong.toml:7: rule 1: label: the taxonomy has no label "sexual.explict"; '
            'did you mean "sexual.explicit"?'
        ),
        "wrong.toml:8: rule 1: threshold: Input should be less than or equal to 1",
    ]
    assert err.startswith("error[policy.invalid]: wrong.toml cannot be used as a policy: it has 2")
    code, out, _ = run(monkeypatch, capsys, "check", str(path), "--json")
    assert code == 78
    told = json.loads(out)
    assert told["ok"] is False
    assert [fault["line"] for fault in told["faults"]] == [7, 8]


def test_a_right_policy_is_told_with_what_may_surprise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "right.toml"
    path.write_text(
        WRONG.replace("explict", "explicit").replace("3", "0").replace("review", "blur")
    )
    code, out, err = run(monkeypatch, capsys, "check", str(path))
    assert (code, err) == (0, "")
    assert out.startswith("ok: right.toml: p 1 (version 2 of the format, 1 rule)\n")
    assert 'note: a: every finding of "sexual.explicit" meets a threshold of 0' in out
    assert "note: a: pictures are blurred" in out


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ('label = "weapons"\nthreshold = 0.5\naction = "block"', "makes it a review"),
        (
            'label = "weapons"\nthreshold = 0.5\naction = "block"\nrequire_calibration = false',
            "not calibrated, too",
        ),
        ('label = "known"\nthreshold = 0\naction = "block"', None),
        ('label = "weapons"\nthreshold = 0.5\naction = "review"', None),
    ],
)
def test_notes(rule: str, words: str | None) -> None:
    head = 'schema_version = 2\nname = "p"\nversion = "1"\n[[rules]]\nid = "a"\nreason = "R."\n'
    found = [text for _, text in notes(load_policy((head + rule).encode()))]
    assert len(found) == (words is not None)
    assert words is None or words in found[0]


def test_a_label_of_an_old_policy_that_nothing_knows_is_noted() -> None:
    old = WRONG.replace("schema_version = 2", "schema_version = 1").replace("3", "0.5")
    (note,) = notes(load_policy(old.encode()))
    assert note[0] == "a"
    assert 'did you mean "sexual.explicit"? (only a hash list' in note[1]
