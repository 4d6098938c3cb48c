"""Structure that linters do not see."""

from __future__ import annotations

import ast
import configparser
import importlib
import inspect
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "framegate"
MODULES = sorted(SOURCE.rglob("*.py"))
BANNED_NAMES = {"utils", "helpers", "common", "core", "manager", "misc"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_module_is_small_and_named_for_a_thing(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text)) or ""
    assert docstring or module.name == "__init__.py", "a module says what it holds"
    assert len(text.splitlines()) <= 500 or "lines because" in docstring
    assert not BANNED_NAMES & set(module.with_suffix("").parts)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_silenced_rule_has_its_reason(module: Path) -> None:
    for number, line in enumerate(module.read_text(encoding="utf-8").splitlines(), 1):
        if match := re.search(r"#\s*noqa(.*)$", line):
            assert re.match(r":\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*\s+--?\s+\S", match.group(1)), (
                f"line {number}: say which rule, and why"
            )
        assert "type: ignore" not in line or re.search(r"type: ignore\[[a-z-]+\]", line), number


def test_swallowed_errors_are_none() -> None:
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or (
                    isinstance(node.type, ast.Name)
                    and node.type.id in {"Exception", "BaseException"}
                )
                idle = all(isinstance(step, ast.Pass) for step in node.body)
                assert not (broad and idle), f"{module.name}:{node.lineno}"


TASK = re.compile(r"framegate(?:\.\w+)+:\w+")


def test_every_task_named_in_a_string_is_there_and_takes_a_call() -> None:
    named = {
        node.value
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and TASK.fullmatch(node.value)
    }
    assert len(named) > 10
    for name in named:
        module, _, function = name.partition(":")
        task = getattr(importlib.import_module(module), function)
        assert list(inspect.signature(task).parameters) == ["call"], name


def test_what_calls_itself_pure_is_held_to_it() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(SOURCE.parents[1] / ".importlinter")
    held = contracts["importlinter:contract:pure"]["source_modules"].split()
    for module in MODULES:
        first = (ast.get_docstring(ast.parse(module.read_text("utf-8"))) or "").partition("\n\n")[0]
        name = ".".join(("framegate", *module.relative_to(SOURCE).with_suffix("").parts))
        if re.search(r"\bpure\b", first, re.IGNORECASE):
            assert any(name == one or name.startswith(f"{one}.") for one in held), name
