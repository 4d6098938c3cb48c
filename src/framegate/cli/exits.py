"""Exit codes of the command, in one table (docs/reference/exit-codes.md is made from it)."""

from __future__ import annotations

from enum import IntEnum

from framegate.domain.policy import Action
from framegate.errors import leaves


class Exit(IntEnum):
    """What the shell sees when nothing went wrong that an error code names."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    BLOCKED = 3
    REVIEW = 4
    NOT_VERIFIED = 5
    INTERRUPTED = 130


MEANINGS: dict[int, str] = {
    Exit.OK: "Every file was allowed (or restricted) and published.",
    Exit.SOME_FAILED: "Several files: at least one ended with an error; the others were handled. "
    "`framegate policy diff --exit-code`: a verdict would change.",
    Exit.USAGE: "The command line cannot be used.",
    Exit.BLOCKED: "The verdict is block: nothing was encoded or published.",
    Exit.REVIEW: "The verdict is review: encoded, nothing published; `framegate review` goes on.",
    Exit.NOT_VERIFIED: "`framegate creators verify`: it is not shown that the creator is in it.",
    Exit.INTERRUPTED: "Stopped with Ctrl-C; the same command goes on where it stopped.",
}


_OF_VERDICT = {
    Action.ALLOW: Exit.OK,
    Action.RESTRICT: Exit.OK,
    Action.REVIEW: Exit.REVIEW,
    Action.BLOCK: Exit.BLOCKED,
}


def of_verdict(action: Action) -> int:
    """What the shell sees of one verdict."""
    return int(_OF_VERDICT[action])


def table() -> list[tuple[int, str]]:
    """Every exit code with its meaning; error codes that share one are listed together."""
    by_exit: dict[int, list[str]] = {}
    for code, kind in sorted(leaves().items()):
        by_exit.setdefault(kind.exit_code, []).append(code)
    said = dict(MEANINGS)
    for number, names in by_exit.items():
        error = f"Error: {', '.join(names)}."
        said[number] = f"{said[number]} {error}" if number in said else error
    return sorted((int(exit_code), words) for exit_code, words in said.items())
