"""``framegate models``: which weights there are, whether their bytes are the pinned ones, and how
vision models are served.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from framegate.cli import options
from framegate.cli.answer import answering, fail, print_json, say
from framegate.cli.profiles import FITTING, facts, remarks, shell_lines
from framegate.cli.show import lines_below
from framegate.cli.usage import Command, help_when_alone
from framegate.domain.serial import dump
from framegate.errors import ComponentMissing, FramegateError, ModelMismatch, SettingsInvalid
from framegate.models import registry
from framegate.models.vision import profiles
from framegate.planner.catalogue import fit_of
from framegate.planner.serve import command

app = typer.Typer(
    help="The models: list them, verify their bytes, serve vision models.", rich_markup_mode=None
)


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    """The models: list them, verify their bytes, serve vision models."""
    help_when_alone(context)


def _state(name: str) -> tuple[str, str]:
    """("ok" | "missing" | "mismatch", why)."""
    try:
        registry.verify(name)
    except ModelMismatch as error:
        return "mismatch", str(error)
    except ComponentMissing as error:
        return "missing", str(error)
    return "ok", ""


@app.command("list", cls=Command)
def list_(*, as_json: options.Json = False) -> None:
    """List every pinned model with its task, licence and known limits."""
    with answering(as_json=as_json):
        rows = [
            {
                "name": model.name,
                "task": model.task,
                "licence": model.licence,
                "source": model.source,
                "limits": model.limits,
                "extra": model.extra or None,
                "sha256": model.sha256,
                "state": _state(model.name)[0],
            }
            for model in registry.MODELS.values()
        ]
        if as_json:
            print_json({"models": rows})
            return
        for row in rows:
            head = Text.assemble((str(row["name"]), "bold"), f"  {row['state']}")
            say(lines_below(head, [(key, str(row[key])) for key in ("task", "licence", "limits")]))


@app.command("profiles", cls=Command)
def profiles_(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROFILE]...", help="Profiles, or TOML files; default: all."),
    ] = None,
    *,
    as_json: options.Json = False,
) -> None:
    """List the profiles of vision models, and whether each fits its cards."""
    with answering(as_json=as_json):
        wanted = [profiles.named(name) for name in names or ()] or [*profiles.shipped().values()]
        found = [(profile, fit_of(profile)) for profile in wanted]
        if as_json:
            rows = [dump(each) | {"fit": dump(fit) if fit else None} for each, fit in found]
            print_json({"profiles": rows})
            return
        for profile, fit in found:
            head = Text.assemble((profile.name, "bold"), f"  {profile.summary}")
            say(lines_below(head, facts(profile, fit)))


@app.command("serve", cls=Command)
def serve_(
    name: Annotated[
        str, typer.Argument(metavar="PROFILE", help="A profile's name, or a TOML file.")
    ],
    *,
    as_json: options.Json = False,
) -> None:
    """Print the command that serves a profile's model with vLLM.

    Nothing is started. A profile that cannot fit its cards is refused with the reason.
    """
    with answering(as_json=as_json):
        profile = profiles.named(name)
        if not profile.model:
            raise SettingsInvalid(f"profile {name} names no model", "there is nothing to serve")
        fit = fit_of(profile)
        if fit is not None and not fit.fits:
            raise SettingsInvalid(f"profile {name} does not fit", fit.why, FITTING)
        words = command(profile)
        if as_json:
            print_json({"command": list(words), "licence_warning": profile.licence_warning})
            return
        for remark in remarks(profile):
            say(f"# {remark}")
        say(shell_lines(words))


@app.command("verify", cls=Command)
def verify(*, as_json: options.Json = False) -> None:
    """Compare every installed model file with its pinned SHA-256.

    A model of an optional extra that is not installed is named, and is no failure.
    """
    with answering(as_json=as_json):
        states = {name: _state(name) for name in registry.MODELS}
        if as_json:
            print_json(
                {name: {"state": state, "why": why} for name, (state, why) in states.items()}
            )
        else:
            for name, (state, why) in states.items():
                say(f"{state:<9} {name}" + (f"  ({why})" if why else ""))
        wrong: list[FramegateError] = []
        for name, (state, why) in states.items():
            if state == "mismatch":
                wrong.append(ModelMismatch(f"model {name}", why))
            elif state == "missing" and not registry.get(name).extra:
                wrong.append(ComponentMissing(f"model {name}", why))
        if wrong:
            fail(wrong[0])
