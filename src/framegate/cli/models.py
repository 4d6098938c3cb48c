"""``framegate models``: which weights there are, and whether their bytes are the pinned ones."""

from __future__ import annotations

import typer
from rich.text import Text

from framegate.cli import options
from framegate.cli.answer import answering, fail, print_json, say
from framegate.cli.show import lines_below
from framegate.cli.usage import Command, help_when_alone
from framegate.errors import ComponentMissing, FramegateError, ModelMismatch
from framegate.models import registry

app = typer.Typer(help="The models: list them, verify their bytes.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    """The models: list them, verify their bytes."""
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
