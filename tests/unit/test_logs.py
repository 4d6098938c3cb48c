"""Logs: one line an event, no local variables in a traceback."""

from __future__ import annotations

import json

import pytest

from framegate.observability import logs


@pytest.mark.parametrize("form", ["text", "json"])
def test_traceback_holds_no_local_variables(
    form: logs.LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("error", form)
    heard = "what a person said"
    try:
        raise ValueError(len(heard))
    except ValueError:
        logs.logger("tests").exception("fault")
    said = capsys.readouterr().err
    assert "ValueError: 18" in said
    assert heard not in said.replace('heard = "what a person said"', "")
    if form == "json":
        assert json.loads(said.splitlines()[0])["part"] == "tests"


def test_what_is_below_the_level_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning")
    logs.logger("tests").info("quiet")
    assert capsys.readouterr().err == ""
