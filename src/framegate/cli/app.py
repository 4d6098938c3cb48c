"""The command's tree: one module for each command."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from framegate import __version__
from framegate.cli import creators, doctor, models, policy, process, review, statement, steps
from framegate.cli.answer import answering
from framegate.cli.exits import Exit
from framegate.cli.grouped import grouped
from framegate.cli.streams import outlive_readers
from framegate.cli.usage import Command, help_when_alone, usage_error, wants_json
from framegate.observability import logs

app = typer.Typer(
    name="framegate",
    help="""A self-hosted gate for video: check, watch, decide, encode, publish.

    Begin with `framegate process VIDEO`, then open the report that it names.
    """,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: the same in a terminal, a pipe and a page of docs
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - the signature of an option's callback
    if wanted:
        typer.echo(f"framegate {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Framegate, a self-hosted gate for video."""
    del version  # acted on by its callback
    help_when_alone(context)


app.command("process", cls=Command)(grouped(process.process))
app.command("probe", cls=Command)(steps.probe)
app.command("screen", cls=Command)(grouped(steps.screen))
app.command("encode", cls=Command)(grouped(steps.encode))
app.command("review", cls=Command)(review.review)
app.command("statement-of-reasons", cls=Command)(statement.statement_of_reasons)
app.add_typer(creators.app, name="creators")
app.add_typer(models.app, name="models")
app.add_typer(policy.app, name="policy")
app.command("doctor", cls=Command)(doctor.doctor)


def main() -> None:
    """Entry point of the ``framegate`` script."""
    outlive_readers()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8: no fault
    logs.configure()  # on stderr from the start; a command's settings may say more
    with answering(as_json=wants_json(sys.argv[1:])):
        try:
            status = app(prog_name="framegate", standalone_mode=False)
        except typer.TyperException as error:
            context = getattr(error, "ctx", None)
            path = context.command_path if context is not None else "framegate"
            raise usage_error(error, path) from error
    raise SystemExit(status or int(Exit.OK))
