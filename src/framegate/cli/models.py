"""``framegate models``: which weights there are, and whether their bytes are the pinned ones."""

from __future__ import annotations

import typer
from rich.table import Table

from framegate.cli import options
from framegate.cli.answer import answering, console, fail, print_json
from framegate.errors import ComponentMissing, FramegateError, ModelMismatch
from framegate.models import registry

app = typer.Typer(help="The models: list them, verify their bytes.", no_args_is_help=True)


def _state(name: str) -> tuple[str, str]:
    """("ok" | "missing" | "mismatch", why)."""
    try:
        registry.verify(name)
    except ModelMismatch as error:
        return "mismatch", str(error)
    except ComponentMissing as error:
        return "missing", str(error)
    return "ok", ""


@app.command("list")
def list_(*, as_json: options.Json = False) -> None:
    """List every pinned model with its task, licence and known limits."""
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
    table = Table("model", "task", "licence", "known limits", "state", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(row[key]) for key in ("name", "task", "licence", "limits", "state")))
    console().print(table)


@app.command("verify")
def verify(*, as_json: options.Json = False) -> None:
    """Hash every installed model file and compare it with the pinned SHA-256.

    A model of an optional extra that is not installed is named, and is no failure.
    """
    with answering(as_json=as_json):
        states = {name: _state(name) for name in registry.MODELS}
        if as_json:
            print_json(
                {name: {"state": state, "why": why} for name, (state, why) in states.items()}
            )
        else:
            out = console()
            for name, (state, why) in states.items():
                out.print(f"{state:<9} {name}" + (f"  ({why})" if why else ""), markup=False)
        wrong: list[FramegateError] = []
        for name, (state, why) in states.items():
            if state == "mismatch":
                wrong.append(ModelMismatch(f"model {name}", why))
            elif state == "missing" and not registry.get(name).extra:
                wrong.append(ComponentMissing(f"model {name}", why))
        if wrong:
            fail(wrong[0])
