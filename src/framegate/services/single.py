"""Single steps of the main job, for looking into one thing: nothing is remembered or published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framegate.domain.asset import Asset
from framegate.domain.layout import PACKAGE, SAMPLES
from framegate.domain.media import MediaFacts
from framegate.domain.options import ProcessOptions
from framegate.domain.policy import Verdict
from framegate.domain.report import ReportInput
from framegate.domain.screening import Screening
from framegate.flow.encoding import encode_tracks, package_tracks
from framegate.flow.looking import probe_source, read_source_captions, screen_source
from framegate.flow.state import Encoded, Run
from framegate.flow.workshop import Workshop
from framegate.jobs.direct import DirectSteps
from framegate.services.wish import read_wish
from framegate.stages.base import Progress
from framegate.stages.decide import decide
from framegate.stages.publish import publish
from framegate.stages.report.write import write_report
from framegate.storage import output_name
from framegate.storage.source import opened


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What probe says."""

    asset: Asset
    facts: MediaFacts


@dataclass(frozen=True, slots=True)
class ScreenResult:
    """What screen and the policy say; ``output`` is the report's folder when one was wanted."""

    asset: Asset
    facts: MediaFacts
    screening: Screening
    verdict: Verdict
    output: Path | None


@dataclass(frozen=True, slots=True)
class EncodeResult:
    """What encode made, unscreened."""

    asset: Asset
    facts: MediaFacts
    encoded: Encoded
    output: Path


class SingleSteps:
    """Use cases: probe, screen, encode one file."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def probe(self, path: Path, options: ProcessOptions, progress: Progress) -> ProbeResult:
        """Ingest's checks and the facts; raises what those stages raise."""
        with self._run(path, options, progress) as run:
            return ProbeResult(
                run.asset, run.reading(lambda: probe_source(run, self._workshop.limits))
            )

    def screen(
        self, path: Path, options: ProcessOptions, progress: Progress, *, report: bool
    ) -> ScreenResult:
        """Look and decide, as the main job would; ``report`` writes one into the output folder."""
        with self._run(path, options, progress) as run:
            facts = run.reading(lambda: probe_source(run, self._workshop.limits))
            captions = run.reading(lambda: read_source_captions(run, facts))
            screening = run.reading(
                lambda: screen_source(run, facts, self._workshop.models, captions)
            )
            verdict = decide(screening, facts, run.policy)
            if not report:
                return ScreenResult(run.asset, facts, screening, verdict, None)

            def write(folder: Path) -> None:
                write_report(
                    folder,
                    ReportInput(
                        asset=run.asset,
                        facts=facts,
                        screening=screening,
                        verdict=verdict,
                        decisions=(),
                        created=self._workshop.clock(),
                        captions=captions,
                        timings=tuple(run.timings),
                        sandbox=self._workshop.protections(),
                        versions=self._workshop.versions,
                        samples=run.context.work / SAMPLES,
                    ),
                )

            output = run.output.with_name(f"{run.output.name}-screen")
            publish(run.context, None, output, write)
            return ScreenResult(run.asset, facts, screening, verdict, output)

    def encode(self, path: Path, options: ProcessOptions, progress: Progress) -> EncodeResult:
        """Make the package without looking: for tests of the ladder, never for publication. With
        nothing screened, there is nothing to compare what is encoded with.
        """
        with self._run(path, options, progress) as run:
            facts = run.reading(lambda: probe_source(run, self._workshop.limits))
            steps = DirectSteps()
            tracks = encode_tracks(run, steps, facts, self._workshop.encoders())
            poster_at = facts.video.duration_measured * Fraction(1, 3)
            captions = run.reading(lambda: read_source_captions(run, facts))
            encoded = package_tracks(
                run, steps, facts, tracks, captions=captions.tracks, poster_at=poster_at
            )
            output = run.output.with_name(f"{run.output.name}-encode")
            publish(run.context, run.context.work / PACKAGE, output, lambda _folder: None)
            return EncodeResult(run.asset, facts, encoded, output)

    @contextmanager
    def _run(self, path: Path, options: ProcessOptions, progress: Progress) -> Iterator[Run]:
        workshop = self._workshop
        wish = read_wish(options, workshop.default_policy)
        taken = workshop.take_in(path, options.details, progress)
        with workshop.data.scratch() as work, opened(taken.source) as fd:
            yield Run(
                asset=taken.asset,
                source=fd,
                origin=taken.source,
                context=workshop.context(work, progress),
                options=options,
                policy=wish.policy,
                lists=wish.lists,
                output=Path(options.output) / output_name(taken.asset.name, taken.asset.id),
                job_id="single",
                chunks_at_once=workshop.chunks_at_once,
                claim=workshop.claims.of(taken.asset, wish.policy),
                vision=workshop.vision,
                remembered=workshop.remembered,
            )
