"""``framegate probe``, ``screen``, ``encode``: single steps, for looking into one thing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from framegate import wiring
from framegate.cli import options
from framegate.cli.answer import answering, print_json, say, settings, table
from framegate.cli.exits import of_verdict
from framegate.cli.progress import ProgressMode, display
from framegate.cli.show import facts_line, promise, reasons
from framegate.domain.counted import counted
from framegate.domain.layout import REPORT_PAGE
from framegate.domain.media import MediaFacts
from framegate.domain.serial import dump
from framegate.errors import printable
from framegate.services.single import ScreenResult

Video = Annotated[Path, typer.Argument(metavar="FILE", hidden=True, help="The video file.")]


def probe(
    path: Video, *, progress: options.Progress = ProgressMode.AUTO, as_json: options.Json = False
) -> None:
    """Say what a file is: what it claims, and what was measured."""
    with answering(as_json=as_json):
        found = settings()
        with display(progress) as shown, wiring.opened(found) as services:
            probed = services.single.probe(path, wiring.process_options(found), shown)
        if as_json:
            print_json({"asset": dump(probed.asset), "facts": dump(probed.facts)})
            return
        say(f"{printable(str(path))}: {facts_line(probed.facts)}")
        say(_facts_table(probed.facts))
        for warning in (*probed.facts.warnings, *probed.facts.dropped):
            say(f"  note: {printable(warning)}")


def screen(
    path: Video,
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for a report; none without it."),
    ] = None,
    looking: options.Looking,
    progress: options.Progress = ProgressMode.AUTO,
    as_json: options.Json = False,
) -> None:
    """Look at a file and say what the policy would decide. Nothing is recorded or encoded."""
    with answering(as_json=as_json):
        found = settings(vlm=looking.vision())
        chosen = options.chosen(found, output=output, looking=looking)
        with display(progress) as shown, wiring.opened(found) as services:
            looked = services.single.screen(path, chosen, shown, report=output is not None)
        if as_json:
            print_json(
                {
                    "asset": dump(looked.asset),
                    "verdict": dump(looked.verdict),
                    "screening": _without_frames(dump(looked.screening)),
                    "output": str(looked.output) if looked.output else None,
                }
            )
        else:
            _print_looked(path, looked, asked_gap_s=chosen.screen.max_gap_s)
        raise SystemExit(of_verdict(looked.verdict.action))


def encode(
    path: Video,
    *,
    output: options.Output = None,
    encoding: options.Encoding,
    progress: options.Progress = ProgressMode.AUTO,
    as_json: options.Json = False,
) -> None:
    """Encode and package a file without looking at it.

    For tests of the ladder; what was not looked at is not for publication.
    """
    with answering(as_json=as_json):
        found = settings()
        chosen = options.chosen(found, output=output, encoding=encoding)
        with display(progress) as shown, wiring.opened(found) as services:
            made = services.single.encode(path, chosen, shown)
        if as_json:
            print_json(
                {
                    "asset": dump(made.asset),
                    "plan": dump(made.encoded.plan),
                    "renditions": [dump(track) for track in made.encoded.video],
                    "audio": [dump(track) for track in made.encoded.audio],
                    "output": str(made.output),
                }
            )
            return
        ladder = table("rendition", "size", "mean", "peak", "VMAF")
        for track in made.encoded.video:
            rung = track.rendition
            vmaf_text = ", ".join(f"{window.vmaf_mean:.1f}" for window in track.windows)
            ladder.add_row(
                f"{rung.name} {rung.codec.value}",
                f"{rung.width}x{rung.height}",
                f"{track.bitrate_mean / 1e6:.2f} Mbit/s",
                f"{track.bitrate_peak / 1e6:.2f} Mbit/s",
                vmaf_text or "not measured",
            )
        say(ladder)
        where = printable(str(made.output))
        say(f"not screened, compared with nothing, not for publication: {where}")


def _facts_table(facts: MediaFacts) -> Table:
    video = facts.video
    rate = video.frame_rate
    rows = [
        ("container", facts.container_claimed or "-", facts.container),
        ("duration", _seconds(facts.duration_claimed), _seconds(facts.duration_measured)),
        ("frame rate", str(rate.claimed or "-"), f"{rate.measured}" + " variable" * rate.variable),
        ("frames", str(video.frames_claimed or "-"), str(video.frames_measured)),
        (
            "picture",
            f"{video.width}x{video.height}",
            f"{video.display_width}x{video.display_height}",
        ),
        ("matrix", video.colour.matrix_claimed or "-", video.colour.matrix),
        (
            "range",
            video.colour.range_claimed or "-",
            "full" if video.colour.full_range else "limited",
        ),
        (
            "scan",
            video.field_order_claimed.value,
            f"{video.field_order_measured.value}, {video.interlaced_measured:.0%} interlaced",
        ),
        ("dynamic range", "", video.hdr.value),
        ("start", "", _seconds(video.start)),
    ]
    rows += [
        (
            "audio",
            f"{track.codec}, {track.layout}",
            f"{track.sample_rate} Hz, {track.language or 'language not said'}",
        )
        for track in facts.audio
    ]
    sides = table("", "claimed", "measured or used")
    for row in rows:
        sides.add_row(*map(printable, row))  # some of it is the file's own words
    return sides


def _seconds(value: Fraction | None) -> str:
    return "-" if value is None else f"{float(value):.3f} s"


def _without_frames(screening: dict[str, Any]) -> dict[str, Any]:
    """Per-frame columns are for the report; an answer of megabytes serves nobody."""
    return screening | {"signals": None}


def _print_looked(path: Path, looked: ScreenResult, *, asked_gap_s: float) -> None:
    screening = looked.screening
    coverage, shots = screening.coverage, len(screening.shots)
    say(f"{looked.verdict.action.value}: {printable(str(path))}", style="bold")
    for words in reasons(looked.verdict):
        say(f"  because {printable(words)}")
    say(
        f"  {counted(shots, 'shot')}, {counted(coverage.frames_sampled, 'sample')}, "
        f"largest gap {coverage.largest_gap_s:.2f} s, quality {screening.quality.score:.0f}/100"
    )
    say(f"  promise: {promise(coverage, asked_gap_s)}")
    runs = table("analyser", "status", "samples", "note")
    for run in screening.runs:
        runs.add_row(run.analyser, run.status.value, str(run.samples_seen), printable(run.reason))
    say(runs)
    best: dict[str, float] = {}
    for finding in screening.findings:
        if finding.raw_score is not None:
            best[finding.label] = max(best.get(finding.label, 0.0), finding.raw_score)
    for label, score in sorted(best.items(), key=lambda item: -item[1]):
        say(f"  {label}: highest raw score {score:.2f}")
    if looked.output:
        say(f"  report: {printable(str(looked.output / REPORT_PAGE))}")
