"""How a flow ends: reports, and what the verdict lets out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from framegate.domain.agreement import Agreement
from framegate.domain.captions import Captions
from framegate.domain.layout import PACKAGE, REPORT, SAMPLES
from framegate.domain.media import MediaFacts
from framegate.domain.options import ProcessOptions, differences
from framegate.domain.policy import Action, Decision
from framegate.domain.report import PackageInfo, ReportInput
from framegate.domain.screening import Screening
from framegate.domain.serial import load
from framegate.errors import Internal
from framegate.flow.encoding import require_package
from framegate.flow.state import (
    Encoded,
    Ending,
    Outcome,
    Published,
    Replaced,
    Run,
    Screened,
    Step,
)
from framegate.flow.workshop import Workshop
from framegate.jobs import Steps
from framegate.stages.publish import publish
from framegate.stages.report.write import write_report
from framegate.storage.local import sha256_of

AFTER = {
    Action.ALLOW: Ending.PUBLISHED,
    Action.RESTRICT: Ending.PUBLISHED,
    Action.REVIEW: Ending.REVIEW,
    Action.BLOCK: Ending.BLOCKED,
}


@dataclass(frozen=True, slots=True)
class Known:
    """All that the steps before publish brought; ``held`` when an earlier flow brought it."""

    facts: MediaFacts
    screened: Screened
    screening: Screening
    decision: Decision
    captions: Captions
    encoded: Encoded | None = None
    agreement: Agreement | None = None
    looked_again: int = 0
    held: Outcome | None = None


def finish(
    workshop: Workshop, run: Run, steps: Steps, known: Known, *, package: Path | None = None
) -> Outcome:
    """Report, and publish where the verdict says so: one atomic step. ``package`` is where
    the package lies, if not in the work folder.
    """
    decision, encoded = known.decision, known.encoded
    status = AFTER[decision.verdict.action]
    released = encoded if status is Ending.PUBLISHED else None
    timings = tuple(run.timings)
    package = package or run.context.work / PACKAGE
    samples = run.context.work / SAMPLES
    if released is not None:
        require_package(package, released)
        if decision.actor == "policy" and released.blurred != decision.verdict.blur:
            raise Internal("What was encoded is not blurred as the verdict says")

    def report(folder: Path) -> None:
        write_report(
            folder,
            ReportInput(
                asset=run.asset,
                facts=known.facts,
                screening=known.screening,
                verdict=decision.verdict,
                decisions=workshop.decisions.of(run.asset.id),
                created=workshop.clock(),
                plan=encoded.plan if encoded else None,
                renditions=encoded.video if encoded else (),
                audio=encoded.audio if encoded else (),
                captions=known.captions,
                package=_package_info(released) if released else None,
                agreement=known.agreement,
                timings=timings,
                sandbox=workshop.protections(),
                versions=workshop.versions,
                samples=samples if samples.is_dir() else None,
            ),
        )

    def put() -> Published:
        marks: list[str] = []

        def write(folder: Path) -> None:
            report(folder)
            marks.append(sha256_of(folder / REPORT))

        replaced = _replaced(workshop, run, known.held)
        size = publish(run.context, package if released else None, run.output, write)
        return Published(size, marks[0], replaced)

    published = run.step(steps, Step.PUBLISH, Published, put)
    return Outcome(
        status=status,
        asset=run.asset,
        facts=known.facts,
        screened=known.screened,
        decision=decision,
        encoded=encoded,
        output=str(run.output),
        size_bytes=published.size_bytes,
        timings=tuple(run.timings),
        report_sha256=published.report_sha256,
        replaced=published.replaced,
        agreement=known.agreement,
        captions=known.captions,
    )


def _replaced(workshop: Workshop, run: Run, held: Outcome | None) -> Replaced | None:
    """The other work on this asset whose result lies at the output now."""
    try:
        lies = sha256_of(run.output / REPORT)
    except OSError:
        return None
    if held is not None and held.report_sha256 == lies:
        return None
    for work in workshop.works.of(run.asset.id):
        if work.outcome is None or work.output != str(run.output):
            continue
        before = load(Outcome, work.outcome)
        if before.report_sha256 == lies:
            changed = differences(load(ProcessOptions, work.options), run.options)
            return Replaced(before.status, work.updated_at, changed)
    return None


def _package_info(encoded: Encoded) -> PackageInfo:
    tracks = encoded.packaged.tracks
    return PackageInfo(
        poster=encoded.stills.poster,
        thumbnails=encoded.stills.thumbnails,
        preview=encoded.stills.preview,
        segments=sum(track.segments for track in tracks),
        size_bytes=sum(track.size_bytes for track in tracks),
    )
