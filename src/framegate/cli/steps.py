"""``framegate probe``, ``screen``, ``encode``: single steps, for looking into one thing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from framegate import wiring
from framegate.cli import options
from framegate.cli.answer import answering, console, print_json, settings
from framegate.cli.exits import of_verdict
from framegate.cli.progress import ProgressMode, display
from framegate.cli.show import facts_line, reasons
from framegate.domain.codec import dump
from framegate.domain.layout import REPORT_PAGE
from framegate.domain.media import MediaFacts
from framegate.errors import printable
from framegate.services.single import ScreenResult

Video = Annotated[Path, typer.Argument(help="The video file.")]


def probe(
    path: Video, *, progress: options.Progress = ProgressMode.AUTO, as_json: options.Json = False
) -> None:
    """Say what a file is: what its headers claim beside what was measured."""
    with answering(as_json=as_json):
        found = settings()
        with display(progress) as shown, wiring.opened(found) as services:
            probed = services.single.probe(path, wiring.process_options(found), shown)
        if as_json:
            print_json({"asset": dump(probed.asset), "facts": dump(probed.facts)})
            return
        out = console()
        out.print(f"{printable(str(path))}: {facts_line(probed.facts)}", markup=False)
        out.print(_facts_table(probed.facts))
        for warning in (*probed.facts.warnings, *probed.facts.dropped):
            out.print(f"  note: {printable(warning)}", markup=False)


def screen(
    path: Video,
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for a report; none without it.")
    ] = None,
    policy: options.Policy = None,
    hash_list: options.HashLists = None,
    max_gap: options.MaxGap = None,
    screen_mode: options.Mode = None,
    progress: options.Progress = ProgressMode.AUTO,
    as_json: options.Json = False,
) -> None:
    """Look at a file and say what the policy would decide. Nothing is recorded or encoded."""
    with answering(as_json=as_json):
        found = settings()
        chosen = wiring.process_options(
            found,
            output=output,
            policy=policy,
            hashlists=hash_list,
            max_gap_s=max_gap,
            mode=screen_mode,
        )
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
            _print_looked(path, looked)
        raise SystemExit(of_verdict(looked.verdict.action))


def encode(
    path: Video,
    *,
    output: options.Output = None,
    codec: options.Codec = None,
    preset: options.Preset = None,
    max_short_side: options.MaxHeight = None,
    vmaf: options.Vmaf = None,
    progress: options.Progress = ProgressMode.AUTO,
    as_json: options.Json = False,
) -> None:
    """Encode and package a file without looking at it: for tests of the ladder, not to publish."""
    with answering(as_json=as_json):
        found = settings()
        chosen = wiring.process_options(
            found,
            output=output,
            codec=codec,
            preset=preset,
            max_short_side=max_short_side,
            vmaf=vmaf,
        )
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
        table = Table("rendition", "size", "mean", "peak", "VMAF", box=None, pad_edge=False)
        for track in made.encoded.video:
            rung = track.rendition
            vmaf_text = ", ".join(f"{window.vmaf_mean:.1f}" for window in track.windows)
            table.add_row(
                f"{rung.name} {rung.codec.value}",
                f"{rung.width}x{rung.height}",
                f"{track.bitrate_mean / 1e6:.2f} Mbit/s",
                f"{track.bitrate_peak / 1e6:.2f} Mbit/s",
                vmaf_text or "not measured",
            )
        console().print(table)
        console().print(f"not screened; not for publication: {made.output}", markup=False)


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
        ("scan", video.field_order_claimed.value, f"{video.interlaced_measured:.0%} interlaced"),
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
    table = Table("", "claimed", "measured or used", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(printable, row))  # some of it is the file's own words
    return table


def _seconds(value: Fraction | None) -> str:
    return "-" if value is None else f"{float(value):.3f} s"


def _without_frames(screening: dict[str, Any]) -> dict[str, Any]:
    """Per-frame columns are for the report; an answer of megabytes serves nobody."""
    return screening | {"signals": None}


def _print_looked(path: Path, looked: ScreenResult) -> None:
    out = console()
    coverage = looked.screening.coverage
    out.print(f"{looked.verdict.action.value}: {printable(str(path))}", markup=False, style="bold")
    for words in reasons(looked.verdict):
        out.print(f"  because {words}", markup=False)
    out.print(
        f"  {len(looked.screening.shots)} shots, {coverage.frames_sampled} samples, largest gap "
        f"{coverage.largest_gap_s:.2f} s, quality {looked.screening.quality.score:.0f}/100"
    )
    table = Table("analyser", "status", "samples", "note", box=None, pad_edge=False)
    for run in looked.screening.runs:
        table.add_row(run.analyser, run.status.value, str(run.samples_seen), printable(run.reason))
    out.print(table)
    best: dict[str, float] = {}
    for finding in looked.screening.findings:
        if finding.raw_score is not None:
            best[finding.label] = max(best.get(finding.label, 0.0), finding.raw_score)
    for label, score in sorted(best.items(), key=lambda item: -item[1]):
        out.print(f"  {label}: highest raw score {score:.2f}", markup=False)
    if looked.output:
        out.print(str(looked.output / REPORT_PAGE), markup=False)
