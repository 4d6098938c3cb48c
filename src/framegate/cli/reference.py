"""The reference pages that are made from code, so that they cannot go stale."""

from __future__ import annotations

from enum import Enum

import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from framegate import errors
from framegate.cli import exits, taxonomy_page
from framegate.cli.usage import metavar
from framegate.settings import reference as settings_reference

SETUP = {
    "setup.python": (
        "`make` found no Python that it can use.",
        "Install the version that the line names, or name one as the line says",
    ),
    "setup.clips": (
        "The packages that hold the sample clips and faces do not hold them all.",
        "Remove `.clips/` and run the same `make` again",
    ),
    "setup.torch": (
        "The packages of the vision model's test server cannot be installed (`make vlm` alone).",
        "Put the wheel of torch for CPU in a folder and name that with `FRAMEGATE_WHEELS`",
    ),
}
"""Errors of `make`, before there is a framegate: what each means, and the way out."""


def pages() -> dict[str, str]:
    """File name under docs/reference to its whole text."""
    return {
        "cli.md": _cli(),
        "errors.md": _errors(),
        "exit-codes.md": _exit_codes(),
        "settings.md": settings_reference(),
        "taxonomy.md": taxonomy_page.page(),
    }


def _cli() -> str:
    from framegate.cli.app import app  # noqa: PLC0415 - the app imports every command

    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    parts = [
        "# The command\n",
        (
            "Progress goes to stderr, the answer to stdout; `--json` gives every answer as JSON. "
            "Exit codes: [exit-codes.md](exit-codes.md). Settings: [settings.md](settings.md).\n"
        ),
    ]
    for name, command in sorted(_commands(group, "framegate")):
        parts.append(f"## `{name}`\n\n{command.help or ''}\n")
        arguments = [p for p in command.params if isinstance(p, TyperArgument)]
        options = [p for p in command.params if isinstance(p, TyperOption) and not p.hidden]
        usage = " ".join([name, "[OPTIONS]", *(metavar(a) for a in arguments)])
        parts.append(f"```\n{usage}\n```\n")
        if options:
            rows = [f"| `{metavar(a)}` | | {_cell(a.help or '')} |" for a in arguments]
            rows += [f"| {_flags(o)} | {_default(o)} | {_meaning(o)} |" for o in options]
            parts.append(
                "| argument or option | default | meaning |\n|---|---|---|\n"
                + "\n".join(rows)
                + "\n"
            )
    return "\n".join(parts)


def _commands(group: TyperGroup, prefix: str) -> list[tuple[str, TyperCommand]]:
    found: list[tuple[str, TyperCommand]] = []
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            found += _commands(command, f"{prefix} {name}")
        elif isinstance(command, TyperCommand):
            found.append((f"{prefix} {name}", command))
    return found


def _flags(option: TyperOption) -> str:
    names = "/".join([*option.opts, *option.secondary_opts])
    return f"`{names}`"


def _default(option: TyperOption) -> str:
    if option.default in {None, ""} or callable(option.default) or option.is_flag:
        return ""
    return f"`{getattr(option.default, 'value', option.default)}`"


def _meaning(option: TyperOption) -> str:
    kind = option.type_descriptor.annotation
    if not (isinstance(kind, type) and issubclass(kind, Enum)):
        return _cell(option.help or "")
    return _cell(f"{option.help or ''} One of {', '.join(f'`{each.value}`' for each in kind)}.")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _errors() -> str:
    rows = [
        f"| `{code}` | {kind.exit_code} | {'yes' if kind.retryable else 'no'} "
        f"| {_cell((kind.__doc__ or '').split(chr(10) * 2)[0])} | {_cell(kind.default_todo)} |"
        for code, kind in sorted(errors.leaves().items())
    ]
    return (
        "# Errors\n\nEvery error is one line on stderr, `error[code]: what: why. way out`, and an "
        "object with the same parts under `--json`.\n\n"
        "| code | exit code | retry can succeed | meaning | way out |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n\n## Of `make`\n\nBefore there is a framegate, `make` and its scripts end with a line "
        "of the same form. `make` itself then exits with 2.\n\n"
        "| code | meaning | way out |\n|---|---|---|\n"
        + "\n".join(f"| `{code}` | {what} | {todo} |" for code, (what, todo) in SETUP.items())
        + "\n"
    )


def _exit_codes() -> str:
    rows = [f"| {code} | {_cell(words)} |" for code, words in exits.table()]
    return (
        "# Exit codes\n\nOne file: its own outcome. Several files: 0 when all were published, "
        "1 when any failed, else the strictest verdict (3 over 4).\n\n"
        "| code | meaning |\n|---|---|\n" + "\n".join(rows) + "\n\n"
        "A reader of stdout or stderr that leaves (`| head -1`) changes nothing: work goes on to "
        "its end, what nobody reads is dropped, and the code is that of the work. A shell shows "
        "the code of a pipe's last command; `set -o pipefail` shows this one.\n"
    )
