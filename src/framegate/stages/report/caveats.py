"""What a verdict does not cover: missing or damaged parts, frames that nobody saw. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from framegate.domain.counted import noun
from framegate.domain.findings import Status
from framegate.domain.policy import Action, Reason
from framegate.domain.report import ReportInput
from framegate.stages.report.words import duration, number, percent

TRUNCATED, UNDECODABLE = "framegate.truncated", "framegate.undecodable"


@dataclass(frozen=True, slots=True)
class Caveat:
    """Stands under the verdict, before its reasons."""

    title: str
    words: str


def caveats(report: ReportInput) -> tuple[Caveat, ...]:
    """The gravest first; none for a whole file of which the same was seen and encoded."""
    return (*_unlike(report), *_cut_short(report), *_damaged(report), *_unjudged(report))


def reasons(report: ReportInput) -> tuple[Reason, ...]:
    """The verdict's reasons without the notes that the caveats tell at more length."""
    told = {TRUNCATED} if report.facts.truncated else set()
    if report.screening.coverage.undecodable_frames:
        told.add(UNDECODABLE)
    return tuple(
        reason
        for reason in report.verdict.reasons
        if reason.action is not Action.ALLOW or reason.rule not in told
    )


def _unlike(report: ReportInput) -> Iterable[Caveat]:
    found = report.agreement
    if found is None or found.agrees:
        return
    if found.left_unseen:
        yield Caveat(
            "Parts of what was encoded were not looked at",
            f"{number(found.left_unseen)} of {number(found.frames_compared)} frames look unlike "
            "anything that was looked at around them, and could not be looked at when that was "
            "found.",
        )
    else:
        yield Caveat(
            "What was encoded may not be what was screened",
            f"Screening decoded {number(found.frames_screened)} frames of the source, the encode"
            f" {number(found.frames_encoded)}. Compare the renditions with the pictures below.",
        )


def _cut_short(report: ReportInput) -> Iterable[Caveat]:
    facts = report.facts
    if not facts.truncated:
        return
    share, claimed = percent(facts.readable_share), facts.duration_claimed
    if claimed is None:
        words = f"{share} of it could be read."
    else:
        read = duration(facts.duration_measured)
        words = f"{read} of the {duration(claimed)} that it claims could be read ({share})."
    rest = "screened nor published" if report.package else "screened nor encoded"
    rest = f"The rest was neither {rest}: the verdict is about that part alone."
    yield Caveat("Only part of this file was there", " ".join((words, rest, *_broken(report))))


def _damaged(report: ReportInput) -> Iterable[Caveat]:
    words = " ".join(_broken(report))
    if words and not report.facts.truncated:  # the last frame before a cut is broken by the cut
        yield Caveat("Parts of this file are damaged", words)


def _unjudged(report: ReportInput) -> Iterable[Caveat]:
    if report.package is None or not report.captions.tracks:
        return
    for run in report.screening.runs:
        if run.level == "captions" and run.status is Status.UNAVAILABLE:
            title = "Captions were published that no model judged"
            yield Caveat(title, f"{run.reason[:1].upper()}{run.reason[1:]}.")


def _broken(report: ReportInput) -> Iterable[str]:
    broken, packets = report.screening.coverage.undecodable_frames, report.facts.corrupt_packets
    if broken:
        frames = report.facts.video.frames_measured
        share = f"{number(broken)} of {number(frames)} {noun(frames, 'frame')}"
        yield f"{share} could not be decoded: nobody saw {'them' if broken > 1 else 'it'}."
    if packets:
        yield f"{number(packets)} damaged {noun(packets, 'packet')} of data in the file."
