"""``framegate process``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from framegate import wiring
from framegate.cli import options
from framegate.cli.answer import answering, console, print_error, print_json, settings
from framegate.cli.exits import Exit, of_verdict
from framegate.cli.progress import ProgressMode, display
from framegate.cli.show import print_result, result_object, tally
from framegate.domain.asset import AssetDetails
from framegate.domain.policy import Action
from framegate.errors import printable
from framegate.services.processing import ProcessResult
from framegate.stages.base import Progress


def process(
    paths: Annotated[list[Path], typer.Argument(help="Video files, or folders of them.")],
    *,
    output: options.Output = None,
    codec: options.Codec = None,
    preset: options.Preset = None,
    max_short_side: options.MaxHeight = None,
    vmaf: options.Vmaf = None,
    policy: options.Policy = None,
    hash_list: options.HashLists = None,
    max_gap: options.MaxGap = None,
    screen_mode: options.Mode = None,
    tenant: Annotated[str, typer.Option(help="Whose asset it is.")] = "",
    creator: Annotated[str, typer.Option(help="Who made or sent it.")] = "",
    title: Annotated[str, typer.Option(help="Title, as the sender gives it.")] = "",
    description: Annotated[str, typer.Option(help="Description.")] = "",
    language: Annotated[str, typer.Option(help="BCP 47 tag, for example pt-BR.")] = "",
    region: Annotated[str, typer.Option(help="ISO 3166-1 alpha-2, for example BR.")] = "",
    progress: options.Progress = ProgressMode.AUTO,
    as_json: options.Json = False,
) -> None:
    """Check, watch, decide, encode and publish videos.

    Each video gets a folder with report.html, verdict.json and, when it is published, HLS and DASH.
    Stopped at any point, the same command goes on after the last finished step.
    """
    with answering(as_json=as_json):
        found = settings()
        chosen = wiring.process_options(
            found,
            output=output,
            codec=codec,
            preset=preset,
            max_short_side=max_short_side,
            vmaf=vmaf,
            policy=policy,
            hashlists=hash_list,
            max_gap_s=max_gap,
            mode=screen_mode,
            details=AssetDetails(
                tenant=tenant,
                creator=creator,
                title=title,
                description=description,
                language=language,
                region=region,
            ),
        )
        with display(progress) as shown, wiring.opened(found) as services:

            def begin(path: Path, number: int, total: int) -> Progress:
                shown.file(str(path), number, total)
                return shown

            def tell(result: ProcessResult) -> None:
                if result.error is not None:
                    shown.failed()
                    if len(paths) > 1 or paths[0].is_dir():
                        shown.say(f"{printable(str(result.path))}: {result.error.line()}")

            results = services.processing.process(paths, chosen, begin, tell)
        if as_json:
            print_json({"results": [result_object(result) for result in results]})
        else:
            out = console()
            for result in results:
                print_result(out, result)
            if len(results) > 1:
                out.print(tally(results), style="bold")
        single = len(paths) == 1 and not paths[0].is_dir()
        if single and results and results[0].error is not None:
            print_error(results[0].error)
        raise SystemExit(exit_code(results))


def exit_code(results: tuple[ProcessResult, ...]) -> int:
    """One file: its own outcome. Several: 1 when any failed, else the strictest verdict."""
    errors = [result.error for result in results if result.error is not None]
    if errors:
        return errors[0].exit_code if len(results) == 1 else int(Exit.SOME_FAILED)
    actions = {result.outcome.decision.verdict.action for result in results if result.outcome}
    strictest = next((action for action in reversed(Action) if action in actions), Action.ALLOW)
    return of_verdict(strictest)
