"""``framegate statement-of-reasons``: why a video is restricted, for its creator and for the EU."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from framegate import wiring
from framegate.cli import options
from framegate.cli.answer import answering, print_json, say, settings
from framegate.errors import UsageInvalid, printable
from framegate.services.statements import Statement
from framegate.services.wish import read_policy
from framegate.storage.atomic import write_bytes, writing


def statement_of_reasons(
    asset: Annotated[
        str, typer.Argument(metavar="ASSET", help="An asset, or a unique beginning of its ID.")
    ],
    *,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record", metavar="FILE", help="Write the Transparency Database's record here."
        ),
    ] = None,
    decision: Annotated[
        str,
        typer.Option(
            metavar="ID", help="Another decision than the last, or a beginning of its ID."
        ),
    ] = "",
    category: Annotated[
        str, typer.Option(metavar="NAME", help="Category, in place of the one of the rules.")
    ] = "",
    explanation: Annotated[
        str, typer.Option(metavar="TEXT", help="Words to add; they name nobody.")
    ] = "",
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="The policy, where its file was not kept."),
    ] = None,
    tenant: Annotated[
        str, typer.Option(metavar="NAME", help="Whose assets; default: those of no tenant.")
    ] = "",
    as_json: options.Json = False,
) -> None:
    """Give reasons for a decision that restricts a video.

    On stdout the letter to its creator: what was decided and why, where in the video, whether
    software did it, how to object (Article 17 of the Digital Services Act). With --record also what
    the DSA Transparency Database takes (Article 24(5)), without personal data. Nothing is sent.
    """
    with answering(as_json=as_json):
        named = read_policy(str(policy), b"") if policy else None
        with wiring.opened(settings()) as services:
            found = services.statements.of(
                asset,
                tenant,
                decision_id=decision,
                category=category,
                explanation=explanation,
                policy=named,
            )
        if record is not None:
            _write(record, found)
        for warning in found.warnings:
            sys.stderr.write(printable(f"note: {warning}") + "\n")
        if as_json:
            print_json(
                {
                    "asset_id": found.asset.id,
                    "decision_id": found.decision.id,
                    "text": found.text,
                    "record": found.record,
                    "warnings": list(found.warnings),
                }
            )
        else:
            for line in found.text.splitlines():
                say(printable(line))


def _write(path: Path, found: Statement) -> None:
    if found.record is None:
        raise UsageInvalid(
            "There is no record to write", "nothing is restricted in the EEA", "Leave --record out"
        )
    text = json.dumps(found.record, indent=2, ensure_ascii=False) + "\n"
    with writing(str(path)):
        write_bytes(path, text.encode())
