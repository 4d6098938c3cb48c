"""How a command answers: JSON or words on stdout, one error line on stderr."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from rich.console import Console, RenderableType
from rich.table import Table

from framegate.cli.exits import Exit
from framegate.errors import FramegateError, Internal
from framegate.observability import logs
from framegate.settings import Settings, load

UNBROKEN = 1_000_000  # columns: no name, path or reason is as long


def settings(**said: dict[str, Any]) -> Settings:
    """Read the settings, with what the command line ``said`` of a group over them, and log as they
    say from here on.
    """
    found = load(**said)
    logs.configure(found.log.level, found.log.format)
    return found


def say(*words: RenderableType, style: str | None = None) -> None:
    """Words on stdout: fitted to a terminal; in a pipe no line is broken or ends in spaces.

    Brackets are brackets: names, tags and reasons come from outside, so nothing is markup.
    """
    if sys.stdout.isatty():
        _console(None, None).print(*words, style=style)
        return
    drawn = io.StringIO()
    _console(drawn, UNBROKEN).print(*words, style=style)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.getvalue().splitlines()))
    sys.stdout.flush()


def _console(file: io.StringIO | None, width: int | None) -> Console:
    return Console(file=file, width=width, highlight=False, emoji=False, markup=False)


def table(*headers: str) -> Table:
    """Columns without lines, in which a value that is too long goes on below: none is cut."""
    drawn = Table(box=None, pad_edge=False)
    for header in headers:
        drawn.add_column(header, overflow="fold")
    return drawn


def print_json(value: object) -> None:
    """One document on stdout."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # bytes of a path that are no UTF-8 are lone surrogates: as JSON escapes they stay JSON
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


def error_object(error: FramegateError) -> dict[str, object]:
    """An error as ``--json`` shows it."""
    return {
        "code": error.code,
        "what": error.what,
        "why": error.why,
        "todo": error.todo,
        "retryable": error.retryable,
        "exit_code": error.exit_code,
    }


def print_error(error: FramegateError) -> None:
    """The one line, on stderr."""
    sys.stderr.write(error.line() + "\n")
    sys.stderr.flush()


def fail(error: FramegateError) -> NoReturn:
    """End with an error after the answer itself is out: on stdout stays one document."""
    print_error(error)
    raise SystemExit(error.exit_code)


@contextmanager
def answering(*, as_json: bool) -> Iterator[None]:
    """Turn every error into its line (and object) and its exit status."""
    try:
        yield
    except FramegateError as error:
        _end(error, as_json=as_json)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on where it stopped\n")
        raise SystemExit(int(Exit.INTERRUPTED)) from None
    except Exception as error:  # noqa: BLE001 - a fault of ours has its line and its exit code too
        logs.logger("cli").exception("unexpected fault")
        _end(Internal("unexpected fault", f"{type(error).__name__}: {error}"), as_json=as_json)


def _end(error: FramegateError, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"error": error_object(error)})
    fail(error)
