"""``framegate process``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from framegate import wiring
from framegate.cli import options
from framegate.cli.answer import answering, print_error, print_json, say, settings
from framegate.cli.exits import Exit, of_verdict
from framegate.cli.progress import ProgressMode, display
from framegate.cli.show import result_object, summary, tally
from framegate.domain.policy import Action
from framegate.errors import printable
from framegate.services.processing import ProcessResult
from framegate.stages.base import Progress

NO_VIDEO = (
    "No video was found there: folders are searched for names with a video's extension, without "
    "hidden ones and framegate's own output. A file that is named outright is always taken."
)


def process(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", hidden=True, help="Video files, or folders of them."),
    ],
    *,
    output: options.Output = None,
    looking: options.Looking,
    encoding: options.Encoding,
    details: options.Details,
    progress: options.Progress = ProgressMode.AUTO,
    as_json: options.Json = False,
) -> None:
    """Check, watch, decide, encode and publish videos.

    PATH is a video or a folder of them. What --tenant, --creator, --title, --description,
    --language and --region say holds for every file of the run; a sidecar of a file wins over it.

    Each video gets a folder with report.html, verdict.json and, when it is published, HLS and DASH.
    Stopped at any point, the same command goes on after the last finished step.
    """
    with answering(as_json=as_json):
        found = settings(vlm=looking.vision())
        chosen = options.chosen(
            found, output=output, looking=looking, encoding=encoding, details=details
        )
        single = len(paths) == 1 and not paths[0].is_dir()
        with display(progress) as shown, wiring.opened(found) as services:

            def begin(path: Path, number: int, total: int) -> Progress:
                shown.file(str(path), number, total)
                return shown

            def tell(result: ProcessResult) -> None:
                if result.error is not None:
                    shown.failed()
                    if not single:
                        shown.say(f"{printable(str(result.path))}: {result.error.line()}")

            results = services.processing.process(paths, chosen, begin, tell)
        if as_json:
            print_json({"results": [result_object(result) for result in results]})
        else:
            _tell(results, single=single, asked_gap_s=chosen.screen.max_gap_s)
        if single and results[0].error is not None:
            print_error(results[0].error)
        raise SystemExit(exit_code(results))


def _tell(results: tuple[ProcessResult, ...], *, single: bool, asked_gap_s: float) -> None:
    for result in results:
        if not (single and result.error):  # its error line says it all
            say(summary(result, asked_gap_s=asked_gap_s))
    if not results:
        say(NO_VIDEO)
    elif len(results) > 1:
        say(tally(results), style="bold")


def exit_code(results: tuple[ProcessResult, ...]) -> int:
    """One file: its own outcome. Several: 1 when any failed, else the strictest verdict."""
    errors = [result.error for result in results if result.error is not None]
    if errors:
        return errors[0].exit_code if len(results) == 1 else int(Exit.SOME_FAILED)
    actions = {result.outcome.decision.verdict.action for result in results if result.outcome}
    strictest = next((action for action in reversed(Action) if action in actions), Action.ALLOW)
    return of_verdict(strictest)
