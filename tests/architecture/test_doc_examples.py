"""The examples in the docs run and answer what the docs say.

A ``console`` block with a line ``$ framegate …`` is run, unless the fence says ``not-run: why``.
The blocks of a page run in order, in one folder with the sample clips and a data folder of its
own; a fence such as ``toml careful.toml`` writes that file first. A page with a ``slow`` block is
left to `make slow`. What a block shows must appear in the output, in that order, but lines may be
left out; ``…`` stands for anything, and a number with a point for any such number.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import NAMES, missing

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "\x1e"


@dataclass(frozen=True)
class Command:
    """What to type, and the lines that the page shows after it."""

    line: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A fence: either a file to write or commands to run."""

    file: str
    text: str
    slow: bool = False

    def commands(self) -> list[Command]:
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [Command(part.splitlines()[0], tuple(part.splitlines()[1:])) for part in parts]


def _blocks(page: Path) -> list[Block]:
    found = []
    for kind, info, text in FENCE.findall(page.read_text(encoding="utf-8")):
        said = info.strip()
        if kind == "toml" and said:
            found.append(Block(said, text))
        elif kind == "console" and re.search(r"^\$ framegate ", text, re.MULTILINE):
            assert said in {"", "slow"} or re.match(r"not-run: \S", said), (
                f"{page.name}: say `not-run: reason`, not {said!r}"
            )
            if not said.startswith("not-run"):
                found.append(Block("", text, slow=said == "slow"))
    return found if any(not block.file for block in found) else []


def _parameters() -> list[object]:
    return [
        pytest.param(
            page,
            id=str(page.relative_to(ROOT)),
            marks=[pytest.mark.slow] if any(block.slow for block in blocks) else [],
        )
        for page in PAGES
        if (blocks := _blocks(page))
    ]


def _expected(line: str) -> re.Pattern[str]:
    pattern = re.escape(" ".join(line.split()))
    pattern = re.sub(r"\d+\\\.\d+", lambda _: r"\d+\.\d+", pattern)
    return re.compile(pattern.replace("…", ".*"))


def _run(block: Block, folder: Path) -> list[str]:
    """The output of each command of a block, which share one shell; ``$?`` is the last one's."""
    script = "".join(
        f"{command.line}\n__said=$?; printf '{END}\\n'; (exit $__said)\n"
        for command in block.commands()
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "FRAMEGATE_HOME": str(folder / ".home")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
        check=False,
    )
    return done.stdout.decode().split(f"{END}\n")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", _parameters())
def test_examples_answer_as_shown(page: Path, clips: Path, tmp_path: Path) -> None:
    blocks = _blocks(page)
    if any(" jq " in f" {block.text}" for block in blocks) and shutil.which("jq") is None:
        missing("jq (Debian package jq)")
    for name in NAMES:
        shutil.copy(clips / name, tmp_path / name)
    for block in blocks:
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
            continue
        for command, output in zip(block.commands(), _run(block, tmp_path), strict=False):
            lines = iter([" ".join(line.split()) for line in output.splitlines()])
            for shown in command.shown:
                wanted = _expected(shown)
                assert any(wanted.fullmatch(line) for line in lines), (
                    f"after `{command.line}` the page shows {shown!r}, the command said:\n{output}"
                )


def test_examples_are_found() -> None:
    assert len(_parameters()) >= 5
