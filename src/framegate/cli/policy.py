"""``framegate policy``: check a file, explain a verdict, compare two policies."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from framegate import wiring
from framegate.cli import options
from framegate.cli.answer import answering, fail, print_json, say, settings, table
from framegate.cli.exits import Exit
from framegate.cli.policy_words import (
    difference_object,
    explanation_lines,
    explanation_object,
    verdict_words,
)
from framegate.cli.show import lines_below
from framegate.cli.usage import Command, help_when_alone
from framegate.domain.counted import counted
from framegate.domain.policy import Policy
from framegate.domain.policy_file import Fault, read_policy
from framegate.domain.policy_notes import notes
from framegate.errors import PolicyInvalid, printable
from framegate.services.policies import Difference
from framegate.services.wish import read_policy as load_policy
from framegate.services.wish import read_policy_bytes

app = typer.Typer(
    help="Policies: check a file, explain a verdict, compare two.", rich_markup_mode=None
)

Tenant = Annotated[
    str, typer.Option(metavar="NAME", help="Whose assets; default: those of no tenant.")
]


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    """Policies: check a file, explain a verdict, compare two."""
    help_when_alone(context)


@app.command("check", cls=Command)
def check(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The policy; without it the one that is in force."),
    ] = None,
    *,
    as_json: options.Json = False,
) -> None:
    """Check a policy file: every fault with its line, and what may surprise.

    Exit code 0 when it can be used, 78 when not. Labels are held against the taxonomy.
    """
    with answering(as_json=as_json):
        path = file or settings().paths.policy
        content, name = read_policy_bytes(str(path) if path else None, wiring.default_policy())
        found = read_policy(content)
        if as_json:
            print_json(_checked(name, found))
        elif isinstance(found, Policy):
            say(_head(found, name))
            for rule, words in notes(found):
                say(f"  note: {rule}: {words}")
        else:
            for fault in found:
                place = f"{name}:{fault.line}" if fault.line else name
                say(printable(f"{place}: {fault.key + ': ' if fault.key else ''}{fault.words}"))
        if not isinstance(found, Policy):
            faults = f"it has {counted(len(found), 'fault')}"
            fail(PolicyInvalid(f"{name} cannot be used as a policy", faults))


def _head(policy: Policy, name: str) -> str:
    parts = [f"version {policy.schema_version} of the format", counted(len(policy.rules), "rule")]
    if policy.audiences:
        parts.append(counted(len(policy.audiences), "audience"))
    return printable(f"ok: {name}: {policy.name} {policy.version} ({', '.join(parts)})")


def _checked(name: str, found: Policy | tuple[Fault, ...]) -> dict[str, Any]:
    if not isinstance(found, Policy):
        faults = [{"line": f.line or None, "key": f.key, "words": f.words} for f in found]
        return {"file": name, "ok": False, "faults": faults}
    return {
        "file": name,
        "ok": True,
        "faults": [],
        "name": found.name,
        "version": found.version,
        "schema_version": found.schema_version,
        "sha256": found.sha256,
        "rules": len(found.rules),
        "audiences": [one.id for one in found.audiences],
        "notes": [{"rule": rule, "words": words} for rule, words in notes(found)],
    }


@app.command("explain", cls=Command)
def explain(
    asset: Annotated[
        str,
        typer.Argument(
            metavar="ASSET", help="An asset, a unique beginning of its ID, or an output folder."
        ),
    ],
    *,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", metavar="FILE", help="What this policy would say; default: what was said."
        ),
    ] = None,
    tenant: Tenant = "",
    as_json: options.Json = False,
) -> None:
    """Tell rule by rule why a verdict is what it is.

    For each condition: the best finding, its score beside the threshold, and what would change it.
    The verdict is made anew from what was stored, without another look at the video.
    """
    with answering(as_json=as_json):
        other = load_policy(str(policy), b"") if policy else None
        with wiring.opened(settings()) as services:
            told = services.policies.explain(asset, tenant, other)
        if as_json:
            print_json(explanation_object(told, other=other is not None))
            return
        for line in explanation_lines(told, other=other is not None):
            say(line)


@app.command("diff", cls=Command)
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A policy file.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Another.")],
    *,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 when a verdict would change.")
    ] = False,
    tenant: Tenant = "",
    as_json: options.Json = False,
) -> None:
    """Tell which past verdicts would change under another policy.

    Every stored screening of the data folder is decided anew under both, without another look at a
    video. Screenings are kept for `[retention] days`; those that are gone are counted.
    """
    with answering(as_json=as_json):
        policies = (load_policy(str(old), b""), load_policy(str(new), b""))
        with wiring.opened(settings()) as services:
            found = services.policies.diff(*policies, tenant)
        if as_json:
            print_json(difference_object(found))
        else:
            _show(found)
        if exit_code and found.changed:
            raise SystemExit(int(Exit.SOME_FAILED))


def _show(found: Difference) -> None:
    changed = found.changed
    graver = sum(one.graver for one in changed)
    told = f"{counted(len(found.compared), 'screening')} compared, {len(changed)} would change"
    if changed:
        told += f" ({graver} graver, {len(changed) - graver} not)"
    if found.gone:
        told += f"; {counted(found.gone, 'screening')} no longer kept"
    head = Text.assemble((told, "bold"))
    pairs = Counter((one.before.action.value, one.after.action.value) for one in changed)
    say(
        lines_below(
            head,
            [
                ("old", f"{found.old.name} {found.old.version} ({found.old.sha256[:12]})"),
                ("new", f"{found.new.name} {found.new.version} ({found.new.sha256[:12]})"),
                *(("change", f"{a} → {b}: {count}") for (a, b), count in sorted(pairs.items())),
            ],
        )
    )
    if not changed:
        return
    rows = table("asset", "name", "before", "after", "because")
    for one in changed:
        told_after = {reason.rule for reason in one.after.reasons}
        told_before = {reason.rule for reason in one.before.reasons}
        why = [f"+{rule}" for rule in sorted(told_after - told_before)]
        why += [f"-{rule}" for rule in sorted(told_before - told_after)]
        rows.add_row(
            one.asset.id[:8],
            printable(one.asset.name),
            verdict_words(one.before),
            verdict_words(one.after),
            ", ".join(why) or "same rules, other outcome",
        )
    say(rows)
