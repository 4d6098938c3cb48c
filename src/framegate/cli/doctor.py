"""``framegate doctor``: what this machine can decode, encode and run, and why not."""

from __future__ import annotations

from dataclasses import asdict

from framegate.cli import options
from framegate.cli.answer import answering, console, fail, print_json, settings
from framegate.errors import ComponentMissing
from framegate.ops.doctor import Check, State, examine
from framegate.security.sandbox.host import ForkServer

_MARKS = {State.OK: ("✓", "green"), State.LIMITED: ("~", "yellow"), State.FAILED: ("✗", "red")}


def doctor(*, as_json: options.Json = False) -> None:
    """Say what this machine can decode, encode and run, and why not.

    Exit code 0 when `framegate process` can work, 69 when something that it needs is missing.
    """
    with answering(as_json=as_json):
        out = console()
        checks: list[Check] = []
        group = ""
        with ForkServer(("framegate.media.encoders", "framegate.media.decoders")) as sandbox:
            for check in examine(settings(), sandbox):
                checks.append(check)
                if as_json:
                    continue
                if check.group != group:
                    group = check.group
                    out.print(f"\n{group}", style="bold")
                mark, colour = _MARKS[check.state]
                out.print(f" {mark}", style=colour, end="")
                out.print(f" {check.name:<20}", end="")
                out.print(check.detail, markup=False)
                if check.todo and check.state is not State.OK:
                    out.print(f"   {'':<20}{check.todo}", style="dim")
        failed = [check for check in checks if check.state is State.FAILED]
        if as_json:
            print_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
        if failed:
            fail(
                ComponentMissing(
                    f"{len(failed)} of {len(checks)} checks failed",
                    ", ".join(f"{check.group}/{check.name}" for check in failed),
                    "Mend what is named above",
                )
            )
