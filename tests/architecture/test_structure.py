"""Structure that linters do not see."""

from __future__ import annotations

import ast
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
