"""``framegate review``: what waits for a person, and the person's word."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from framegate import wiring
from framegate.cli import options
from framegate.cli.answer import answering, console, print_json, settings
from framegate.cli.exits import of_verdict
from framegate.cli.progress import ProgressMode, display
from framegate.domain.policy import Action
from framegate.errors import printable
from framegate.services.reviews import Case


def review(
    asset_id: Annotated[
        str | None, typer.Argument(help="The asset, or a unique beginning of its ID.")
    ] = None,
    *,
    allow: Annotated[bool, typer.Option("--allow", help="Publish it.")] = False,
    block: Annotated[bool, typer.Option("--block", help="Refuse it; final.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded for good.")] = "",
    tenant: Annotated[str, typer.Option(help="Whose assets; default: those of no tenant.")] = "",
    actor: Annotated[
        str | None, typer.Option("--actor", help="Who decides; default: your login name.")
    ] = None,
    progress: options.Progress = ProgressMode.AUTO,
    as_json: options.Json = False,
) -> None:
    """List a tenant's assets that wait for a person, or decide one of them.

    The decision is appended to the record with actor, time and reason; allow publishes what was
    already encoded, block is final.
    """
    if asset_id is None and (allow or block):
        raise typer.BadParameter("name the asset that the decision is about")
    if asset_id is not None and allow == block:
        raise typer.BadParameter("say either --allow or --block")
    if asset_id is not None and not reason.strip():
        raise typer.BadParameter("a decision needs its --reason")
    with answering(as_json=as_json), wiring.opened(settings()) as services:
        if asset_id is None:
            _list(services.reviews.waiting(tenant), as_json=as_json)
            return
        with display(progress) as shown:
            outcome = services.reviews.resolve(
                asset_id,
                Action.ALLOW if allow else Action.BLOCK,
                reason=reason,
                actor=actor or getpass.getuser(),
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
            console().print(
                f"{outcome.status.value}: {printable(outcome.asset.name)}\n{outcome.output}",
                markup=False,
            )
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
        console().print("Nothing waits for a person.")
        return
    table = Table("asset", "name", "because", box=None, pad_edge=False)
    table.add_column("report", overflow="fold")  # a path that is cut short opens nothing
    for case in cases:
        words = "; ".join(reason.words for reason in case.verdict.reasons)
        table.add_row(
            case.asset.id[:12],
            printable(case.asset.name),
            printable(words),
            printable(f"{case.output}/report.html"),
        )
    console().print(table)
