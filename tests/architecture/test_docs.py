"""Docs say what the code does: generated pages are current, names are documented, links lead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from framegate import errors
from framegate.cli.reference import pages

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]


@pytest.mark.parametrize("name", sorted(pages()))
def test_generated_page_is_current(name: str) -> None:
    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == pages()[name], "make docs"


def test_every_error_is_in_the_tree_of_the_docstring() -> None:
    tree = errors.__doc__ or ""
    for code, kind in errors.leaves().items():
        assert re.search(rf"── {kind.__name__}\s+{re.escape(code)}\b", tree), code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_doc_is_reachable_from_the_readme() -> None:
    seen: set[Path] = set()
    pending = [ROOT / "README.md"]
    while pending:
        page = pending.pop()
        if page in seen or not page.is_file():
            continue
        seen.add(page)
        targets = re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", page.read_text("utf-8"))
        pending.extend((page.parent / target).resolve() for target in targets)
    lost = [page.relative_to(ROOT) for page in DOCS.rglob("*.md") if page not in seen]
    assert not lost


def test_every_module_is_in_the_architecture_page_or_its_room_is() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (ROOT / "src/framegate").iterdir() if path.is_dir()}
    for room in rooms - {"__pycache__"}:
        assert re.search(rf"`{room}[`.]", text), f"architecture.md does not say what {room} is for"
