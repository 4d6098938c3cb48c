"""What goes to a terminal or a program when names are hostile."""

from __future__ import annotations

import io
import json
import os

import pytest
from rich.table import Table

from framegate.cli.answer import console, print_json
from framegate.cli.progress import Bars, Console


def test_json_stays_json_when_a_name_is_not_text(capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"bad\xff.mp4")
    print_json({"path": name, "title": "é 🎬"})
    said = capsys.readouterr().out
    assert json.loads(said.encode())["path"] == name
    assert "é 🎬" in said


def test_brackets_in_names_are_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("report")
    table.add_row("/out[/b]/[red]x")
    console().print(table)
    assert "/out[/b]/[red]x" in capsys.readouterr().out


def test_a_name_cannot_command_the_terminal() -> None:
    screen = io.StringIO()
    with Bars(Console(file=screen, force_terminal=False)) as bars:
        bars.file("a\x1b]0;owned\x07.mp4", 1, 2)
    assert "\x1b" not in screen.getvalue()
    assert "\\x1b]0;owned" in screen.getvalue()
