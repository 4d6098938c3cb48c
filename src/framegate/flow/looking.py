"""Looking at a source: probe, screen and look again, as every flow and single step does them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from framegate.domain.captions import Captions
from framegate.domain.imprint import Imprints
from framegate.domain.limits import SourceLimits
from framegate.domain.media import MediaFacts
from framegate.domain.screening import Screening, Supplement
from framegate.domain.unseen import Comparison
from framegate.flow.state import Run
from framegate.models.store import Models
from framegate.stages.encode.captions import read_captions
from framegate.stages.probe import probe
from framegate.stages.screen.analysers import catalogue
from framegate.stages.screen.analysers.vlm.build import vision_judge
from framegate.stages.screen.protocol import Judge, Panel
from framegate.stages.screen.revisit import look_again
from framegate.stages.screen.screen import screen
from framegate.storage.source import reopened


def probe_source(run: Run, limits: SourceLimits) -> MediaFacts:
    """What the source is; raises what probe raises."""
    with reopened(run.source) as fd:
        return probe(
            run.context, fd, name=run.asset.name, size_bytes=run.asset.size_bytes, limits=limits
        )


def read_source_captions(run: Run, facts: MediaFacts) -> Captions:
    """What may be published of its text tracks and of the captions in its picture."""
    with reopened(run.source) as fd:
        return read_captions(run.context, fd, facts, run.options.captions)


def screen_source(
    run: Run, facts: MediaFacts, models: Models, captions: Captions | None = None
) -> Screening:
    """Look at it with every analyser that the run's options want."""
    wanted = run.options.screen
    panel = panel_of(run, models, _names(run))
    if run.claim is not None:
        panel = run.claim.join(panel, models)
    with reopened(run.source) as fd:
        screening = screen(
            run.context,
            fd,
            facts,
            panel,
            captions=captions,
            max_gap_s=min(wanted.max_gap_s, run.policy.max_gap_s or float("inf")),
            mode=wanted.mode,
            rest=models.rest,
        )
    models.rest()  # the encoders need the memory next
    return screening


def revisit_source(
    run: Run,
    facts: MediaFacts,
    models: Models,
    screening: Screening,
    *,
    pictures: Comparison,
    encoded: Imprints,
) -> Supplement:
    """Look at frames that the encode found unseen, with the same analysers of pictures."""
    names = [name for name in _names(run) if not name.startswith(("speech.", "text.captions"))]
    # without the file's own hash: what that is on was found the first time
    panel = catalogue.build(models, lists=run.lists, names=names, judges=_judges(run))
    with reopened(run.source) as fd:
        found = look_again(
            run.context,
            fd,
            facts,
            panel,
            screening,
            looks=pictures.looks,
            encoded=encoded,
        )
    models.rest()
    return replace(found, unseen_frames=found.unseen_frames + pictures.beyond)


def panel_of(run: Run, models: Models, names: Collection[str]) -> Panel:
    """Analysers of these names, and the vision model where one is asked."""
    return catalogue.build(
        models,
        lists=run.lists,
        source_sha256=run.asset.sha256,
        names=names,
        judges=_judges(run),
    )


def _judges(run: Run) -> list[Judge]:
    """The vision model, where one is asked."""
    if run.vision is None:
        return []
    return [
        vision_judge(
            run.vision,
            remembered=run.remembered,
            clock=run.context.clock,
            lists=run.lists,
            source_sha256=run.asset.sha256,
        )
    ]


def _names(run: Run) -> list[str]:
    """Of the analysers that the run's options want."""
    wanted = run.options.screen
    return [
        name
        for name in catalogue.NAMES
        if (wanted.text or not name.startswith("text."))
        and (wanted.speech or not name.startswith("speech."))
    ]
