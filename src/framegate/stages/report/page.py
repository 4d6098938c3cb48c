"""The HTML page: what the template is given, and the policy that keeps the page harmless.

Titles and file names are hostile: everything goes through Jinja's autoescape, and the page's own
Content-Security-Policy allows exactly this style sheet and this script (by hash), pictures inside
the page, and media beside it. It never loads from a network of its own accord.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from framegate.domain.blurring import in_words
from framegate.domain.counted import noun
from framegate.domain.findings import Finding, Status
from framegate.domain.ladder import QualityWindow
from framegate.domain.policy import Action, Reason
from framegate.domain.report import ReportInput
from framegate.domain.screening import Screening
from framegate.stages.report import caveats as caveat
from framegate.stages.report import evidence, facts, timeline, words
from framegate.stages.report.differences import differences
from framegate.stages.report.identity import identity
from framegate.stages.report.terms import LEVELS, TERMS

TOP_FINDINGS = 40  # rows; report.json has all
BLUR_PLACES = 20  # blurred spans named; verdict.json has all
REASON_TIMES = 6  # places named for each reason
VMAF_FLOOR = 60.0  # the chart starts here: below it, every picture is bad

HEADLINES = {
    Action.ALLOW: ("Allowed", "No rule of the policy speaks against publishing this video."),
    Action.RESTRICT: ("Restricted", "The video may be published to a limited audience."),
    Action.REVIEW: ("Waiting for a person", "The policy leaves this decision to a person."),
    Action.BLOCK: ("Blocked", "The policy forbids publishing this video."),
}


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label's findings in short."""

    label: str
    analysers: str
    count: int
    peak: float
    peak_at: Fraction | None
    tone: str
    calibrated: bool


def render(report: ReportInput) -> str:
    """The whole page."""
    style, script = _asset("report.css"), _asset("report.js")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_asset),
    )
    environment.globals["terms"] = TERMS
    environment.filters.update(
        clock=words.clock,
        duration=words.duration,
        size=words.size,
        rate=words.rate,
        percent=words.percent,
        share=words.share,
        number=words.number,
        noun=noun,
        dsa=_dsa,
    )
    sheet = evidence.contact_sheet(
        report.screening, None if report.samples is None else Path(report.samples)
    )
    title, sentence = headline(report)
    return environment.get_template("report.html.j2").render(
        report=report,
        verdict=report.verdict,
        screening=report.screening,
        coverage=report.screening.coverage,
        csp=_csp(style, script),
        style=Markup(style),  # noqa: S704 -- a file of this package, no input in it
        script=Markup(script),  # noqa: S704 -- same
        title=report.asset.details.title or report.asset.name,
        verdict_title=title,
        verdict_sentence=sentence,
        headline=facts.headline(report.facts),
        rows=facts.rows(report.facts),
        caveats=caveat.caveats(report),
        identity=identity(report),
        reasons=[(reason, _strongest(reason), _times(reason)) for reason in caveat.reasons(report)],
        hard_to_watch=bool(evidence.sensitive_samples(report.screening)),
        timeline=timeline.build(report.screening, report.facts),
        sheet=sheet,
        blur_places=BLUR_PLACES,
        labels=list(label_rows(report.screening)),
        findings=top_findings(report.screening.findings),
        findings_total=len(report.screening.findings),
        changes=differences(report),
        levels=LEVELS,
        spoken=facts.language(report.screening.spoken_language),
        vmaf=_vmaf(report),
        joins=any(window.join for encoded in report.renditions for window in encoded.windows),
        stats=list(_stats(report)),
        peak_rate=max((r.bitrate_peak for r in report.renditions), default=1),
        slowest=max((t.wall_s for t in report.timings), default=1.0) or 1.0,
    )


def headline(report: ReportInput) -> tuple[str, str]:
    """The verdict in a word or two, and in a sentence."""
    verdict = report.verdict
    title, sentence = HEADLINES[verdict.action]
    if verdict.action is Action.RESTRICT and verdict.audience:
        title = f"Restricted to {verdict.audience}"
    blurred = in_words(verdict.blur, report.facts.duration_measured)
    if blurred and verdict.action in {Action.ALLOW, Action.RESTRICT}:
        title = f"{title}, {blurred}"
        if verdict.action is Action.ALLOW:
            sentence = "The policy allows this video with what it hides made unrecognisable."
    if report.facts.truncated:
        sentence = sentence.replace("this video", "the part of it that was there")
    last = report.decisions[-1] if report.decisions else None
    if last is not None and last.actor.startswith("person:") and last.verdict == verdict:
        sentence = f"Decided by {last.actor.removeprefix('person:')}: {last.note or 'no note'}."
    return title, sentence


@dataclass(frozen=True, slots=True)
class Stat:
    """One of the numbers under the verdict."""

    name: str
    value: str
    unit: str
    term: str = ""  # key of `TERMS` that explains the name


def _stats(report: ReportInput) -> Iterable[Stat]:
    """The four numbers that a reader asks for first."""
    screened = report.screening
    concerns = [row for row in label_rows(screened) if not timeline.neutral(row.label)]
    if concerns:
        yield Stat("Highest score", f"{concerns[0].peak:.2f}", concerns[0].label, "score")
    yield Stat("Largest gap", f"{screened.coverage.largest_gap_s:.2f} s", "without a look", "gap")
    yield Stat("Source quality", f"{screened.quality.score:.0f}", "of 100")
    measured = [(row.name, row.mean) for row in _vmaf(report).values() if row.mean is not None]
    if measured:
        top, mean = measured[-1]
        yield Stat("VMAF", f"{mean:.1f}", f"at {top}", "vmaf")


def label_rows(screening: Screening) -> Iterable[LabelRow]:
    """Labels by their peak, highest first."""
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in screening.findings:
        if finding.status is Status.OK and finding.number is not None:
            groups[finding.label].append(finding)
    for label, group in sorted(groups.items(), key=_concern):
        best = max(group, key=_value)
        yield LabelRow(
            label=label,
            analysers=", ".join(sorted({finding.analyser for finding in group})),
            count=len(group),
            peak=_value(best),
            peak_at=best.span.start if best.span else None,
            tone=timeline.tone(_value(best), label),
            calibrated=all(finding.score is not None for finding in group),
        )


def _concern(group: tuple[str, list[Finding]]) -> tuple[bool, float, str]:
    label, findings = group
    return (timeline.neutral(label), -max(map(_value, findings)), label)


def top_findings(findings: Sequence[Finding]) -> list[tuple[Finding, float]]:
    """The highest scores, at most `TOP_FINDINGS`, those that say something."""
    told = [
        (f, _value(f)) for f in findings if f.status is Status.OK and not timeline.neutral(f.label)
    ]
    told = [(f, value) for f, value in told if value >= evidence.BLUR_FROM]
    return sorted(told, key=lambda pair: (-pair[1], repr(pair[0])))[:TOP_FINDINGS]


def _value(finding: Finding) -> float:
    return -1.0 if finding.number is None else finding.number


def _strongest(reason: Reason) -> Finding | None:
    return max(reason.findings, key=_value, default=None)


def _times(reason: Reason) -> list[Fraction]:
    """Where to look first: the starts of the strongest findings, in order of time."""
    ranked = sorted(reason.findings, key=_value, reverse=True)[:REASON_TIMES]
    return sorted({finding.span.start for finding in ranked if finding.span})


@dataclass(frozen=True, slots=True)
class VmafRow:
    """VMAF of one rendition; None where no window was measured."""

    name: str
    mean: float | None
    worst: float | None
    windows: tuple[tuple[QualityWindow, float, float, float, float], ...]  # x, width, top, bottom


def _vmaf(report: ReportInput) -> dict[str, VmafRow]:
    table: dict[str, VmafRow] = {}
    for encoded in report.renditions:
        total = max(1, encoded.frames)
        found = encoded.windows
        weight = sum(w.frames for w in found)
        table[encoded.rendition.name] = VmafRow(
            name=encoded.rendition.name,
            mean=sum(w.vmaf_mean * w.frames for w in found) / weight if weight else None,
            worst=min((w.vmaf_min for w in found), default=None),
            windows=tuple(
                (
                    window,
                    window.first_frame / total * 100,
                    max(0.8, window.frames / total * 100),
                    _vmaf_y(window.vmaf_mean),
                    _vmaf_y(window.vmaf_min),
                )
                for window in found
            ),
        )
    return table


def _vmaf_y(value: float) -> float:
    """Percent from the top of a chart that spans `VMAF_FLOOR`..100."""
    return (100 - min(100.0, max(VMAF_FLOOR, value))) / (100 - VMAF_FLOOR) * 100


def _dsa(category: str) -> str:
    name = category.removeprefix("STATEMENT_CATEGORY_").replace("_", " ").capitalize()
    return name.replace("violation tc", "violation of the terms")


def _csp(style: str, script: str) -> str:
    """Nothing but what is in this page, and media beside it."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data: 'self'",
            "media-src 'self' blob:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    return (files("framegate.stages.report") / "templates" / name).read_text("utf-8")
