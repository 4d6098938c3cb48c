"""Docs say what the code does: generated pages are current, names are documented, links lead."""

from __future__ import annotations

import re
import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup, TyperOption

from framegate import errors
from framegate.cli.app import app
from framegate.cli.reference import SETUP, pages
from framegate.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
OF_PIP_AND_FRIENDS = {"--lib", "--require-hashes", "--no-build-isolation"}
OF_VLLM = {"--api-key", "--logprobs-mode", "--mm-processor-kwargs"}
NO_OPTION_OF_OURS = OF_PIP_AND_FRIENDS | OF_VLLM


def _commands(group: TyperGroup, prefix: str = "framegate") -> Iterator[tuple[str, TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{prefix} {name}")
        elif isinstance(command, TyperCommand):
            yield f"{prefix} {name}", command


def _options(command: TyperCommand | TyperGroup) -> set[str]:
    return {
        flag
        for option in command.params
        if isinstance(option, TyperOption)
        for flag in (*option.opts, *option.secondary_opts)
    }


def _root() -> TyperGroup:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


COMMANDS = dict(_commands(_root()))


def _section(page: str, heading: str) -> str:
    text = (DOCS / "reference" / page).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n## {heading}\n")
    assert found, f"{page} has no section {heading}"
    return rest.split("\n## ", 1)[0]


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


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_is_documented_with_words(name: str) -> None:
    section = _section("cli.md", f"`{name}`")
    for flag in _options(COMMANDS[name]):
        row = re.search(
            rf"^\| `[^`]*{re.escape(flag)}(?=[`/])[^|]*\|[^|]*\| (.+) \|$", section, re.MULTILINE
        )
        assert row is not None, f"{name} {flag} is not in cli.md"
        assert len(row.group(1)) > 3, f"{name} {flag} has no help"


def test_every_setting_is_documented_with_its_reason() -> None:
    for group, field in Settings.model_fields.items():
        section = _section("settings.md", f"[{group}]")
        for name in type(field.default).model_fields:
            row = rf"^\| `{name}` \|[^|]*\|[^|]*\| [^|]+ \| [^|]+ \|$"
            assert re.search(row, section, re.MULTILINE), f"[{group}] {name}"


def test_every_error_code_is_documented_with_its_way_out() -> None:
    text = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    for code in errors.leaves():
        assert f"| `{code}` |" in text, code


def test_every_error_of_make_is_documented() -> None:
    makers = [ROOT / "Makefile", *(path for path in (ROOT / "scripts").iterdir() if path.is_file())]
    said = {
        code
        for path in makers
        for code in re.findall(r"error\[([a-z.]+)\]", path.read_text(encoding="utf-8"))
    }
    assert said == set(SETUP)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_settings_and_codes_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {"--help", "-h"}.union(_options(_root()), *map(_options, COMMANDS.values()))
    ours = re.findall(r"^\$ framegate .*$|`framegate [^`]*`", text, re.MULTILINE)
    named = {flag for line in ours for flag in re.findall(r"(?<=[ `|])--[a-z][a-z-]*", line)}
    named |= set(re.findall(r"`(--[a-z][a-z-]+)[ `]", text)) - NO_OPTION_OF_OURS
    assert named <= known, f"no such option: {named - known}"

    for group, name in re.findall(r"`\[([a-z]+)\] ([a-z_]+)", text):
        assert name in type(Settings.model_fields[group].default).model_fields, (group, name)

    said = re.findall(r"error\[([a-z]+\.[a-z_]+)\]", text)
    said += re.findall(r"`((?:input|resource|component|job|case|asset)\.[a-z_]+)`", text)
    unknown = set(said) - set(errors.leaves()) - set(SETUP)
    assert not unknown, f"no such error code: {unknown}"


def test_every_direct_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = {
        re.split(r"[~=<>\[]", line)[0]
        for line in (*project["dependencies"], *(each for extra in extras for each in extra))
    }
    text = (DOCS / "reference" / "dependencies.md").read_text(encoding="utf-8")
    rows = "\n".join(re.findall(r"^\| `.*$", text, re.MULTILINE))
    told = {name for name in wanted if f"`{name}`" in rows}
    assert told == wanted, f"docs/reference/dependencies.md lacks {wanted - told}"


def test_third_party_packages_are_current() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "third_party.py"))
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    assert script["page"](text) == text, "make docs"


def test_third_party_names_what_no_metadata_tells() -> None:
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    for word in ("x264", "x265", "SVT-AV1", "Shaka Packager", "psycopg"):
        assert word in text
    clips = (ROOT / "scripts" / "unpack_clips.py").read_text(encoding="utf-8")
    for clip in re.findall(r'"([\w.]+\.(?:mp4|mpg))"', clips):
        assert f"`{clip}`" in text, clip


def test_pictures_are_small_and_used() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in (DOCS / "images").iterdir():
        assert picture.stat().st_size <= 250_000, picture.name
        assert f"images/{picture.name}" in text, f"{picture.name} is on no page"


def test_modules_that_the_architecture_page_names_are_there() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", text)
    assert len(named) > 10
    lost = [name for name in named if not (ROOT / "src/framegate" / name).is_file()]
    assert not lost
