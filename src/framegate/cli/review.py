"""``framegate review``: what waits for a person, and the person's word."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from framegate import wiring
from framegate.cli import options
from framegate.cli.answer import answering, print_json, say, settings
from framegate.cli.exits import of_verdict
from framegate.cli.progress import ProgressMode, display
from framegate.cli.show import how_to_decide, lines_below, reasons
from framegate.domain.layout import REPORT_PAGE
from framegate.domain.policy import Action
from framegate.errors import UsageInvalid, printable
from framegate.services.reviews import Case

HOW = 'framegate review ID --allow|--block --reason "…"'


def review(
    asset_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", hidden=True, help="The asset, or a unique beginning of its ID."
        ),
    ] = None,
    *,
    allow: Annotated[bool, typer.Option("--allow", help="Publish it.")] = False,
    block: Annotated[bool, typer.Option("--block", help="Refuse it; final.")] = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; recorded for good.")
    ] = "",
    tenant: Annotated[
        str, typer.Option(metavar="NAME", help="Whose assets; default: those of no tenant.")
    ] = "",
    actor: Annotated[
        str | None,
        typer.Option("--actor", metavar="NAME", help="Who decides; default: your login name."),
    ] = None,
    progress: options.Progress = ProgressMode.AUTO,
    as_json: options.Json = False,
) -> None:
    """List what waits for a person, or decide one of them.

    ID is an asset, or a unique beginning of its ID; without it the tenant's assets are listed.
    The decision is appended to the record with actor, time and reason; allow publishes what was
    already encoded, block is final.
    """
    with answering(as_json=as_json):
        if asset_id is None:
            if allow or block or reason or actor is not None:
                raise UsageInvalid("A decision needs an asset", "no ID was given", HOW)
            with wiring.opened(settings()) as services:
                _list(services.reviews.waiting(tenant), as_json=as_json)
            return
        if allow == block:
            raise UsageInvalid("A decision is --allow or --block", "give one of them", HOW)
        if not reason.strip():
            raise UsageInvalid("A decision needs its --reason", "it is recorded for good", HOW)
        who = _login() if actor is None else actor.strip()
        if not who:
            raise UsageInvalid("A decision needs who made it", "no name is known", "Give --actor")
        with wiring.opened(settings()) as services, display(progress) as shown:
            outcome = services.reviews.resolve(
                asset_id,
                Action.ALLOW if allow else Action.BLOCK,
                reason=reason,
                actor=who,
                progress=shown,
                tenant=tenant,
            )
        if as_json:
            print_json(
                {
                    "asset_id": outcome.asset.id,
                    "status": outcome.status.value,
                    "output": outcome.output,
                }
            )
        else:
            say(f"{outcome.status.value}: {printable(outcome.asset.name)}")
            say(printable(outcome.output))
        raise SystemExit(of_verdict(outcome.decision.verdict.action))


def _list(cases: Sequence[Case], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "cases": [
                    {
                        "asset_id": case.asset.id,
                        "name": case.asset.name,
                        "reasons": [reason.words for reason in case.verdict.reasons],
                        "output": case.output,
                    }
                    for case in cases
                ]
            }
        )
        return
    if not cases:
        say("Nothing waits for a person.")
    for case in cases:
        asset = case.asset
        head = Text.assemble(("? review", "bold yellow"), "     ", (printable(asset.name), "bold"))
        rows = [("because", words) for words in reasons(case.verdict)]
        rows.append(("report", f"{case.output}/{REPORT_PAGE}"))
        say(lines_below(head, [*rows, ("next", how_to_decide(asset))]))


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return ""
