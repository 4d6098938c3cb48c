"""The words of a summary that a person relies on."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from framegate.cli.answer import say
from framegate.cli.show import how_to_decide, promise, summary
from framegate.domain.asset import AssetDetails
from framegate.errors import EmptyInput
from framegate.services.processing import ProcessResult
from framegate.testing import reports


def test_the_gap_in_force_is_named_with_its_owner() -> None:
    coverage = replace(reports.screening().coverage, max_gap_wanted_s=0.5, met=True)
    assert promise(coverage, 0.5) == "a look at least every 0.5 s, kept"
    assert promise(coverage, 2.0) == (
        "a look at least every 0.5 s (the policy's; it wins over the 2 s of the settings), kept"
    )
    assert promise(replace(coverage, met=False), 0.5).endswith(", not kept")


def test_a_failed_file_is_in_the_summary_of_several(capsys: pytest.CaptureFixture[str]) -> None:
    say(
        summary(
            ProcessResult(Path("a\n.mp4"), error=EmptyInput("The file is empty")), asked_gap_s=1
        )
    )
    assert capsys.readouterr().out == (
        "✗ failed     a\\n.mp4\n  because    The file is empty [input.empty]\n\n"
    )


def test_the_way_on_can_be_pasted_for_any_tenant() -> None:
    asset = replace(reports.asset(), details=AssetDetails(tenant="north; rm -rf ~"))
    words = shlex.split(how_to_decide(asset).partition(" --allow")[0])
    assert words == ["framegate", "review", asset.id, "--tenant", "north; rm -rf ~"]
