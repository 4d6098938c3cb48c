"""A result in words and as JSON."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from framegate.cli.answer import error_object
from framegate.cli.gist import gist_object, gist_rows
from framegate.domain.agreement import Agreement
from framegate.domain.asset import Asset
from framegate.domain.blurring import in_words
from framegate.domain.counted import counted
from framegate.domain.frames import Coverage
from framegate.domain.layout import REPORT_PAGE
from framegate.domain.media import MediaFacts
from framegate.domain.policy import Action, Verdict
from framegate.domain.serial import dump
from framegate.domain.span import Span
from framegate.errors import printable
from framegate.flow.state import Ending, Outcome, Replaced
from framegate.services.processing import ProcessResult

_HEAD: dict[Action, tuple[str, str]] = {
    Action.ALLOW: ("✓ allowed", "bold green"),
    Action.RESTRICT: ("✓ restricted", "bold yellow"),
    Action.REVIEW: ("? review", "bold yellow"),
    Action.BLOCK: ("✗ blocked", "bold red"),
}
_LABEL_WIDTH = 10


def facts_line(facts: MediaFacts) -> str:
    """``H.264 1280x720, 24 fps, 5.3 s, 1 audio track``."""
    video = facts.video
    rate = video.frame_rate
    fps = f"{float(rate.measured):.5g} fps" + (" (variable)" if rate.variable else "")
    parts = [
        f"{video.codec} {video.display_width}x{video.display_height}",
        fps,
        f"{float(facts.duration_measured):.1f} s",
    ]
    if video.hdr.value != "sdr":
        parts.append(video.hdr.value)
    tracks = len(facts.audio)
    parts.append(counted(tracks, "audio track") if tracks else "no audio")
    if facts.truncated:
        parts.append(f"truncated: {facts.readable_share:.0%} readable")
    return ", ".join(parts)


def lines_below(head: Text, rows: Sequence[tuple[str, str]]) -> RenderableType:
    """A heading and labelled lines below it; what is long goes on in its own column."""
    lines = Table.grid(padding=(0, 1))
    lines.add_column(width=_LABEL_WIDTH, style="dim")
    lines.add_column(overflow="fold")
    for label, text in rows:
        lines.add_row(label, Text(printable(text)))
    return Group(head, Padding(lines, (0, 0, 1, 2), expand=False))


def summary(result: ProcessResult, *, asked_gap_s: float) -> RenderableType:
    """What became of one file; ``asked_gap_s`` is the gap of the options or settings."""
    path = printable(str(result.path))
    if result.error is not None:
        head = Text.assemble((f"{'✗ failed':<13}", "bold red"), (path, "bold"))
        what = f"{result.error.what}: {result.error.why}" if result.error.why else result.error.what
        return lines_below(head, [("because", f"{what} [{result.error.code}]")])
    assert result.outcome is not None
    outcome = result.outcome
    verdict = outcome.decision.verdict
    words, style = _HEAD[verdict.action]
    head = Text.assemble((f"{words:<13}", style), (path, "bold"))
    if verdict.audience:
        head.append(f"  for {verdict.audience}")
    if blurred := in_words(verdict.blur, outcome.facts.duration_measured):
        head.append(f"  {blurred}")
    if result.looked_anew:
        head.append(f"  (done before; looked now: {', '.join(result.looked_anew)})", style="dim")
    elif result.renewed:
        head.append("  (already done; reports written anew)", style="dim")
    elif result.already_done:
        head.append("  (already done)", style="dim")
    elif result.resumed:
        head.append("  (went on after an interruption)", style="dim")
    return lines_below(head, _rows(result, outcome, asked_gap_s))


def promise(coverage: Coverage, asked_gap_s: float) -> str:
    """The gap that was in force, and whose it was: the smaller one of the policy's and ours."""
    text = f"a look at least every {coverage.max_gap_wanted_s:g} s"
    if coverage.max_gap_wanted_s < asked_gap_s:
        text += f" (the policy's; it wins over the {asked_gap_s:g} s of the settings)"
    return f"{text}, {'kept' if coverage.met else 'not kept'}"


def comparison(found: Agreement) -> str:
    """What the encode showed that nobody had looked at, and what became of it."""
    text = (
        f"{counted(found.frames_compared, 'frame')} encoded, "
        f"{found.frames_unlike} unlike what was looked at; "
        f"{counted(found.looked_again, 'more look')}"
    )
    return f"{text}, {found.left_unseen or 'none'} left unseen"


def tally(results: Sequence[ProcessResult]) -> str:
    """``3 files: 1 allow, 2 failed``."""
    counts = Counter(
        result.outcome.decision.verdict.action.value if result.outcome else "failed"
        for result in results
    )
    each = ", ".join(f"{n} {name}" for name, n in counts.items())
    return f"{counted(len(results), 'file')}: {each}"


def _rows(result: ProcessResult, outcome: Outcome, asked_gap_s: float) -> list[tuple[str, str]]:
    screened = outcome.screened
    coverage = screened.coverage
    rows = [("video", facts_line(outcome.facts))]
    rows += [("note", note) for note in (*outcome.facts.warnings, *outcome.facts.dropped)]
    if outcome.encoded is not None:
        rows += [("note", note) for note in outcome.encoded.plan.notes]
    if outcome.asset.duplicate_of not in {None, outcome.asset.name}:
        rows.append(("duplicate", f"the same bytes came before as {outcome.asset.duplicate_of}"))
    rows.append(
        (
            "looked at",
            (
                f"{counted(coverage.frames_sampled, 'sample')}, {coverage.frames_decoded} of "
                f"{counted(coverage.frames_in_source, 'frame')} decoded, "
                f"largest gap {coverage.largest_gap_s:.2f} s"
            ),
        )
    )
    rows.append(("promise", promise(coverage, asked_gap_s)))
    if outcome.agreement is not None and outcome.agreement.frames_unlike:
        rows.append(("compared", comparison(outcome.agreement)))
    rows.append(("quality", f"{screened.quality.score:.0f}/100"))
    rows += gist_rows(outcome)
    rows += [
        ("because" if reason.action is not Action.ALLOW else "note", words)
        for reason, words in zip(
            outcome.decision.verdict.reasons, reasons(outcome.decision.verdict), strict=True
        )
    ]
    if outcome.encoded is not None:
        rows.append(("ladder", ", ".join(_ladder(outcome))))
    wall = sum(timing.wall_s for timing in outcome.timings)
    stages = ", ".join(
        f"{timing.stage} {timing.wall_s:.1f}"
        for timing in outcome.timings
        if timing.wall_s >= 0.1  # noqa: PLR2004 - what rounds to nothing is not shown
    )
    if not result.already_done:
        rows.append(("took", f"{wall:.1f} s ({stages})" if stages else f"{wall:.1f} s"))
    if outcome.replaced is not None and not result.already_done:
        rows.append(("replaced", replaced_line(outcome.replaced)))
    rows.append(("report", str(Path(outcome.output) / REPORT_PAGE)))
    if outcome.status is Ending.REVIEW:
        rows.append(("next", how_to_decide(outcome.asset)))
    return rows


def replaced_line(replaced: Replaced) -> str:
    """``the published package of 2026-11-23 14:40 UTC (encode.codec was h264)``."""
    what = "published package" if replaced.status is Ending.PUBLISHED else "report"
    was = ", ".join(f"{name} was {value}" for name, value in replaced.options)
    when = f"{replaced.at:%Y-%m-%d %H:%M} UTC"
    return f"the {what} of {when} ({was or 'another policy, hash list or enrolment'})"


def how_to_decide(asset: Asset) -> str:
    """The command that ends a person's review."""
    tenant = asset.details.tenant
    whose = f" --tenant {shlex.quote(tenant)}" if tenant else ""
    return f'framegate review {asset.id}{whose} --allow|--block --reason "…"'


def reasons(verdict: Verdict) -> list[str]:
    """Each reason's words and rule."""
    return [f"{reason.words} [{reason.rule}]" for reason in verdict.reasons]


def _ladder(outcome: Outcome) -> list[str]:
    assert outcome.encoded is not None
    rungs = []
    for track in outcome.encoded.video:
        text = f"{track.rendition.name} {track.bitrate_mean / 1e6:.2f} Mbit/s"
        if track.windows:
            frames = sum(window.frames for window in track.windows)
            mean = sum(window.vmaf_mean * window.frames for window in track.windows) / frames
            text += f" VMAF {mean:.1f}"
        rungs.append(text)
    return rungs


def spans_object(spans: Sequence[Span]) -> list[dict[str, float]]:
    """Spans in seconds."""
    return [{"start_s": float(span.start), "end_s": float(span.end)} for span in spans]


def result_object(result: ProcessResult) -> dict[str, Any]:
    """A result as ``--json`` shows it (docs/reference/json.md)."""
    outcome = result.outcome
    answer: dict[str, Any] = {
        "path": str(result.path),
        "asset_id": result.asset.id if result.asset else None,
        "status": outcome.status.value if outcome else "failed",
        "already_done": result.already_done,
        "renewed": result.renewed,
        "resumed": result.resumed,
        "looked_anew": list(result.looked_anew),
        "error": error_object(result.error) if result.error else None,
    }
    if outcome is not None:
        verdict = outcome.decision.verdict
        answer |= {
            "action": verdict.action.value,
            "audience": verdict.audience,
            "blur": spans_object(verdict.blur),
            "guarantee": verdict.guarantee,
            "reasons": [
                {"rule": reason.rule, "action": reason.action.value, "words": reason.words}
                for reason in verdict.reasons
            ],
            "duplicate_of": outcome.asset.duplicate_of,
            "output": outcome.output,
            "replaced": dump(outcome.replaced) if outcome.replaced else None,
            "duration_s": float(outcome.facts.duration_measured),
            "quality": outcome.screened.quality.score,
            **gist_object(outcome),
            "coverage": dump(outcome.screened.coverage),
            "agreement": dump(outcome.agreement) if outcome.agreement else None,
            "renditions": [
                {
                    "name": track.rendition.name,
                    "codec": track.rendition.codec.value,
                    "width": track.rendition.width,
                    "height": track.rendition.height,
                    "bitrate_mean": track.bitrate_mean,
                    "bitrate_peak": track.bitrate_peak,
                    "vmaf_windows": [dump(window) for window in track.windows],
                }
                for track in (outcome.encoded.video if outcome.encoded else ())
            ],
            "timings": [dump(timing) for timing in outcome.timings],
        }
    return answer
