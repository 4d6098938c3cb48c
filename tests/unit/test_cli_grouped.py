"""One parameter of a command, several options of its line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from framegate.cli.grouped import grouped


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    width: Annotated[int, typer.Option("--width", min=1)] = 3
    height: Annotated[int, typer.Option("-H", "--height")] = 4


def _line(*arguments: str) -> tuple[str, Size, bool]:
    seen: list[tuple[str, Size, bool]] = []
    app = typer.Typer()

    @app.command()
    @grouped
    def draw(name: Annotated[str, typer.Argument()], *, size: Size, filled: bool = False) -> None:
        seen.append((name, size, filled))

    app(list(arguments), standalone_mode=False)
    return seen[0]


def test_fields_are_options_and_arrive_as_their_group() -> None:
    assert _line("box") == ("box", Size(), False)
    assert _line("box", "--width", "7", "--filled", "-H", "9") == (
        "box",
        Size(width=7, height=9),
        True,
    )


def test_a_fields_bounds_hold() -> None:
    with pytest.raises(typer.BadParameter, match="greater than or equal to 1"):
        _line("box", "--width", "0")
