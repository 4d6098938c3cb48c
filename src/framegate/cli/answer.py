"""How a command answers: JSON or words on stdout, one error line on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console

from framegate.cli.exits import Exit
from framegate.errors import FramegateError
from framegate.observability import logs
from framegate.settings import Settings, load

UNBROKEN = 5000  # columns: a path longer than Linux allows would be needed to break a line


def settings() -> Settings:
    """Read the settings, and log as they say from here on."""
    found = load()
    logs.configure(found.log.level, found.log.format)
    return found


def console() -> Console:
    """Stdout; wide when it is not a terminal, so that lines are not broken in a pipe."""
    return Console(
        width=None if sys.stdout.isatty() else UNBROKEN,
        highlight=False,
        emoji=False,
        markup=False,  # names, tags and reasons come from outside: brackets in them are brackets
    )


def print_json(value: object) -> None:
    """One document on stdout."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # bytes of a path that are no UTF-8 are lone surrogates: as JSON escapes they stay JSON
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


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
    """Turn a deliberate error into its line (and object) and its exit status."""
    try:
        yield
    except FramegateError as error:
        if as_json:
            print_json({"error": error_object(error)})
        print_error(error)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on where it stopped\n")
        raise SystemExit(int(Exit.INTERRUPTED)) from None
    except BrokenPipeError:
        # the reader of stdout went away (`| head`): nothing left to say
        sys.stderr.close()
        raise SystemExit(int(Exit.OK)) from None
