"""A command line that cannot be used, told like every other error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, override

import typer
from typer.core import TyperArgument, TyperCommand, TyperOption

from framegate.cli.exits import Exit
from framegate.errors import UsageInvalid


class Command(TyperCommand):
    """A command that takes each option once: of two policies one would silently not count."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises `UsageInvalid`."""
        try:
            if not ctx.resilient_parsing:  # the shell completes a line that is not finished
                _, _, given = self.make_parser(ctx).parse_args(args=list(args))
                _require_once(given)
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            raise usage_error(error, ctx.command_path) from error

    @override
    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """As manuals write it: ``[OPTIONS] PATH…``, ``[OPTIONS] [ID]``."""
        arguments = (each for each in self.params if isinstance(each, TyperArgument))
        return [self.options_metavar or "", *map(metavar, arguments)]


def metavar(argument: TyperArgument) -> str:
    """An argument as the usage line and the reference name it."""
    name = (argument.metavar or argument.name or "").upper()
    name = f"{name}…" if argument.nargs == -1 else name
    return name if argument.required else f"[{name}]"


def _require_once(given: Iterable[object]) -> None:
    for option, times in Counter(given).items():
        if (
            isinstance(option, TyperOption)
            and times > 1
            and not (option.multiple or option.is_flag)
        ):
            name = option.opts[-1]
            raise UsageInvalid(
                f"{name} is given {times} times", "only one could count", f"Give {name} once"
            )


def help_when_alone(context: typer.Context) -> None:
    """A group without a command cannot do anything: show what it has."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(int(Exit.USAGE))


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line that was not understood asked for JSON."""
    words = list(arguments)
    return "--json" in words[: words.index("--") if "--" in words else None]


def usage_error(error: typer.TyperException, path: str) -> UsageInvalid:
    """What Typer says of the command line of ``path`` (``framegate process``), in our parts."""
    todo = f"See `{path} --help`"
    if isinstance(error, typer.BadParameter) and error.param is not None:
        return _bad_value(error, error.param, todo)
    unknown, near = getattr(error, "option_name", ""), getattr(error, "possibilities", ())
    if unknown and error.format_message().startswith("No such option"):
        words = ", ".join(sorted(near or ()))
        why = f"did you mean {words}?" if words else ""
        return UsageInvalid(f"{path} has no option {unknown}", why, todo)
    what, _, why = error.format_message().rstrip(".").partition(". ")
    return UsageInvalid(_lower(what), _lower(why), todo)


def _bad_value(error: typer.BadParameter, given: object, todo: str) -> UsageInvalid:
    # values are checked by pydantic, whose messages begin with its own name for the fault
    why = _lower(error.message.removeprefix("Value error, ").rstrip("."))
    why = why.replace("%Y-%m-%d", "YYYY-MM-DD")  # what a person writes, not what a program reads
    if isinstance(given, TyperOption):
        if not why:  # Typer's way to say that it was not given
            about = _lower((given.help or "").rstrip("."))
            return UsageInvalid(f"{given.opts[-1]} is missing", about, todo)
        return UsageInvalid(f"{given.opts[-1]} cannot be used", why, todo)
    assert isinstance(given, TyperArgument)
    if why:
        return UsageInvalid(f"{metavar(given)} cannot be used", why, todo)
    return UsageInvalid(
        f"{metavar(given)} is missing", _lower((given.help or "").rstrip(".")), todo
    )


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
