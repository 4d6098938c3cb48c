"""The command's tree: one module for each command."""

from __future__ import annotations

from typing import Annotated

import typer

from framegate import __version__
from framegate.cli import doctor, models, process, review, steps

app = typer.Typer(
    name="framegate",
    help="A self-hosted gate for video: check, watch, decide, encode, publish.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - the signature of an option's callback
    if wanted:
        typer.echo(f"framegate {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Framegate, a self-hosted gate for video."""
    del version  # acted on by its callback


app.command("process")(process.process)
app.command("probe")(steps.probe)
app.command("screen")(steps.screen)
app.command("encode")(steps.encode)
app.command("review")(review.review)
app.command("doctor")(doctor.doctor)
app.add_typer(models.app, name="models")


def main() -> None:
    """Entry point of the ``framegate`` script."""
    app()
