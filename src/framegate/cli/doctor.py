"""``framegate doctor``: what this machine can decode, encode and run, and why not."""

from __future__ import annotations

from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from framegate.cli import options
from framegate.cli.answer import answering, fail, print_json, say, settings
from framegate.errors import ComponentMissing, printable
from framegate.ops.doctor import Check, State, examine
from framegate.security.sandbox.host import ForkServer

GOOD = "`framegate process` can work here; ~ marks what could be more."
_NAME_WIDTH = 19
_MARKS = {State.OK: ("✓", "green"), State.LIMITED: ("~", "yellow"), State.FAILED: ("✗", "red")}


def doctor(*, as_json: options.Json = False) -> None:
    """Say what this machine can decode, encode and run, and why not.

    Exit code 0 when `framegate process` can work, 69 when something that it needs is missing.
    """
    with answering(as_json=as_json):
        checks: list[Check] = []
        group = ""
        with ForkServer(("framegate.media.encoders", "framegate.media.decoders")) as sandbox:
            for check in examine(settings(), sandbox):
                checks.append(check)
                if as_json:
                    continue
                if check.group != group:
                    group = check.group
                    say(f"\n{group}", style="bold")
                say(_line(check))
        failed = [check for check in checks if check.state is State.FAILED]
        if as_json:
            print_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
        elif not failed:
            say(f"\n{GOOD}")
        if failed:
            fail(
                ComponentMissing(
                    f"{len(failed)} of {len(checks)} checks failed",
                    ", ".join(f"{check.group}/{check.name}" for check in failed),
                    "Mend what is named above",
                )
            )


def _line(check: Check) -> Table:
    """One check; what is too long for a terminal goes on below itself."""
    mark, colour = _MARKS[check.state]
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_column(width=2, justify="right", style=colour)
    line.add_column(width=_NAME_WIDTH, overflow="fold")
    line.add_column(overflow="fold")
    line.add_row(mark, check.name, printable(check.detail))
    if check.todo and check.state is not State.OK:
        line.add_row("", "", Text(printable(check.todo), style="dim"))
    return line
