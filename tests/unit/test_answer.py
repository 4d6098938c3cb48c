"""What goes to a terminal, a pipe or a program, also when names are hostile."""

from __future__ import annotations

import io
import json
import os
import re

import pytest
import structlog
from rich.console import Console
from rich.text import Text

from framegate.cli.answer import answering, print_json, say, table
from framegate.cli.progress import Bars
from framegate.cli.show import lines_below
from framegate.observability import logs


def test_json_stays_json_when_a_name_is_not_text(capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"bad\xff.mp4")
    print_json({"path": name, "title": "é 🎬"})
    said = capsys.readouterr().out
    assert json.loads(said.encode())["path"] == name
    assert "é 🎬" in said


def test_brackets_in_names_are_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = table("report")
    drawn.add_row("/out[/b]/[red]x")
    say(drawn)
    say("/out[/b]/[red]x")
    assert capsys.readouterr().out == "report\n/out[/b]/[red]x\n/out[/b]/[red]x\n"


def test_a_pipe_gets_whole_values_and_no_trailing_spaces(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    path = "/out/" + "x" * 20_000
    drawn = table("short", "long", "note")
    drawn.add_row("a", "word " * 50, "")
    drawn.add_row("b", path, "")
    say(drawn)
    say(lines_below(Text("head"), [("report", path), ("empty", "")]))
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if path in line] == [f"b      {path}", f"  report     {path}"]
    assert ("word " * 50).strip() in lines[1]
    assert all(line == line.rstrip() for line in lines)


def test_a_narrow_terminal_folds_values_and_cuts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    path = "/out/" + "0123456789" * 12
    drawn = table("name", "report")
    drawn.add_row("a", path)
    say(drawn)
    said = re.sub(r"\x1b\[\d+m", "", screen.getvalue())  # bold headings
    assert max(map(len, said.splitlines())) <= 40
    assert "".join(said.split()) == f"namereporta{path}"


def test_a_fault_of_ours_is_a_line_and_an_exit_code_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure()
    with pytest.raises(SystemExit) as ended, answering(as_json=True):
        raise KeyError("x")
    assert ended.value.code == 70
    structlog.reset_defaults()
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["code"] == "internal"
    assert "error[internal]: unexpected fault: KeyError: 'x'. Please report" in said.err


def test_a_name_cannot_command_the_terminal() -> None:
    screen = io.StringIO()
    with Bars(Console(file=screen, force_terminal=False)) as bars:
        bars.file("a\x1b]0;owned\x07.mp4", 1, 2)
    assert "\x1b" not in screen.getvalue()
    assert "\\x1b]0;owned" in screen.getvalue()
