"""A command line that cannot be used, or of which a word would have no effect."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from framegate.cli.app import main
from framegate.cli.usage import wants_json


class Run:
    """Calls the command as the shell does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        self._monkeypatch.setattr("sys.argv", ["framegate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAMEGATE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FRAMEGATE_CONFIG", raising=False)
    yield Run(monkeypatch, capsys)
    structlog.reset_defaults()  # the logs went to this test's stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("proces", "no such command 'proces': did you mean 'process', 'probe'? See"),
        ("process", "PATH… is missing: video files, or folders of them. See"),
        ("probe a b", "got unexpected extra argument(s) (b). See"),
        ("process a --max-hight 9", "has no option --max-hight: did you mean --max-gap? See"),
        ("screen a --vmaf full", "framegate screen has no option --vmaf: did you mean --vlm? See"),
        ("screen a --bitrate 9", "framegate screen has no option --bitrate. See"),
        ("encode a -x", "framegate encode has no option -x. See"),
        ("creators enrol A a.jpg", "--consent is missing: what was agreed to"),
        (
            "creators enrol A a.jpg --consent a --purpose b --expires soon",
            "--expires cannot be used: 'soon' does not match the formats 'YYYY-MM-DD'",
        ),
        ("process a --vmaf ful", "--vmaf cannot be used: 'ful' is not one of 'sampled', 'full'"),
        ("process a --max-gap nan", "--max-gap cannot be used: input should be"),
        ("process a --max-gap 0", "--max-gap cannot be used: input should be greater"),
        ("process a --codec", "option '--codec' requires an argument. See"),
        ("models lst", "no such command 'lst': did you mean 'list'? See `framegate models --help`"),
        ("process a --codec av1 --codec h264", "--codec is given 2 times: only one could count."),
        ("screen a --policy x --policy y", "--policy is given 2 times"),
        ("process a --region Brazil", "The details of the video cannot be used: region is longer"),
        ("review --allow", "A decision needs an asset: no ID was given."),
        ("review --actor me", "A decision needs an asset"),
        ("review 0123", "A decision is --allow or --block"),
        ("review 0123 --allow --block", "A decision is --allow or --block"),
        ("review 0123 --allow", "A decision needs its --reason"),
    ],
)
def test_a_wrong_command_line_is_one_line_or_one_object(
    run: Run, arguments: str, said: str
) -> None:
    code, out, err = run(*arguments.split())
    assert (code, out) == (2, "")
    assert err.startswith("error[usage]: ")
    assert said in err
    assert err.count("\n") == 1
    if arguments != "process a --codec":  # there `--json` would be the codec
        code, out, err = run(*arguments.split(), "--json")
        answer = json.loads(out)["error"]
        assert (answer["code"], answer["exit_code"], code) == ("usage", 2, 2)
        assert err.startswith(f"error[usage]: {answer['what']}")
        assert answer["todo"]


def test_json_is_wanted_before_the_end_of_options_only() -> None:
    assert wants_json(["process", "x", "--json"])
    assert not wants_json(["process", "--", "--json"])


@pytest.mark.parametrize("group", [(), ("models",)])
def test_a_group_alone_shows_its_help_and_is_no_success(run: Run, group: tuple[str]) -> None:
    code, out, err = run(*group)
    assert (code, out) == (2, "")
    assert "Commands:" in err
    assert all(line == line.rstrip() for line in err.splitlines())


def test_help_and_version_are_answers(run: Run) -> None:
    assert run("--version")[:2] == (0, "framegate 0.1.0\n")
    code, out, _ = run("process", "--help")
    assert code == 0
    assert out.startswith("Usage: framegate process [OPTIONS] PATH…\n")
    for option in ("--max-gap SECONDS", "--codec <h264|h265|av1>", "--tenant NAME"):
        assert option in out


POLICY = """
schema_version = 1
name = "close"
version = "7"
max_gap_s = 0.5
"""


@pytest.mark.parametrize("command", ["process", "screen"])
def test_a_gap_wider_than_the_policys_is_refused(run: Run, command: str) -> None:
    Path("close.toml").write_text(POLICY)
    code, _, err = run(command, "nothere.mp4", "--policy", "close.toml", "--max-gap", "0.8")
    assert code == 2
    assert "--max-gap 0.8 is wider than the policy allows: policy close 7 demands" in err
    assert "at least every 0.5 s. Leave --max-gap out" in err
    # the same gap, or a narrower one, can be kept: the file is what is missing then
    for gap in ("0.5", "0.2"):
        code, _, err = run(command, "nothere.mp4", "--policy", "close.toml", "--max-gap", gap)
        assert (code, "input.vanished" in err) == (66, True)


def test_an_empty_preset_is_not_taken_for_none(run: Run) -> None:
    code, _, err = run("encode", "nothere.mp4", "--preset", "")
    assert (code, "h264 has no preset ''" in err) == (78, True)


def test_a_folder_without_a_video_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "notes.txt").write_text("hello")
    code, out, err = run("process", "inbox")
    assert (code, err) == (0, "")
    assert out.startswith("No video was found there")
    assert json.loads(run("process", "inbox", "--json")[1]) == {"results": []}


def test_a_decision_has_a_name_to_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid 12345 has no entry")

    monkeypatch.setattr(getpass, "getuser", nameless)
    decision = ("review", "0123abcd", "--allow", "--reason", "fine")
    code, _, err = run(*decision)
    assert (code, "needs who made it" in err) == (2, True)
    assert run(*decision, "--actor", " ")[0] == 2
    assert run(*decision, "--actor", "anna")[0] == 66  # a name it has; the asset is not there
