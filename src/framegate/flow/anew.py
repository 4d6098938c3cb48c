"""Who could not look at a video and can now, and what they find; all else stays as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from framegate.domain.captions import Captions
from framegate.domain.gist import gist_of
from framegate.domain.policy import Action
from framegate.domain.screening import Screening, awaited, renewed
from framegate.domain.serial import dump
from framegate.domain.vision import LETTERS
from framegate.errors import VisionUnavailable
from framegate.flow.looking import panel_of, read_source_captions
from framegate.flow.state import Outcome, Run, Screened
from framegate.flow.workshop import Workshop
from framegate.models.store import Models
from framegate.stages.decide import decide
from framegate.stages.screen import anew
from framegate.stages.screen.analysers import catalogue
from framegate.stages.screen.analysers.vlm.prompt import NO, YES
from framegate.storage.local import WorkLost, write_hashed
from framegate.storage.source import reopened

HASHES = "hash.pdq"


def back(workshop: Workshop, names: Sequence[str]) -> tuple[str, ...]:
    """Which of the analysers ``names`` could look now: the vision model's server answers, the
    others' parts are installed.

    Raises `ModelMismatch`.
    """
    found = []
    if (vision := workshop.vision) is not None and f"vlm.{vision.profile.name}" in names:
        with suppress(VisionUnavailable):
            vision.describe((*LETTERS, YES, NO))
            found.append(f"vlm.{vision.profile.name}")
    if own := [name for name in names if name in catalogue.NAMES]:
        panel = catalogue.build(workshop.models, names=own)
        missing = {each.name for each in panel.unavailable}
        found += [name for name in own if name not in missing]
    return tuple(found)


def look_anew(
    run: Run, held: Outcome, screening: Screening, names: Sequence[str], models: Models
) -> Screened:
    """Have the analysers ``names`` look at what was screened without them.

    Raises `WorkLost` also when other stretches are to be blurred now: that is another encode.
    """
    wanted = [name for name in catalogue.NAMES if name in names]
    panel = panel_of(run, models, [HASHES, *wanted])
    if not any(judge.name in names for judge in panel.judges):
        panel = replace(panel, judges=())
    captions = _captions(run, held) if panel.captions else Captions()
    with reopened(run.source) as fd:
        found = anew.look_anew(
            run.context, fd, held.facts, panel, screening, names=names, captions=captions
        )
    models.rest()
    whole = renewed(screening, found)
    verdict = decide(whole, held.facts, run.policy)
    blurred = held.encoded.blurred if held.encoded else ()
    if verdict.action is not Action.BLOCK and verdict.blur != blurred:
        raise WorkLost("what is blurred where the policy wants it now")
    content = json.dumps(dump(whole), separators=(",", ":")).encode()
    # beside the old one, which the decisions before rest on
    digest = hashlib.sha256(content).hexdigest()
    path = run.context.work / f"screening-{digest[:8]}.json"
    return replace(
        held.screened,
        sha256=write_hashed(path, content),
        file=path.name,
        supplement_sha256="",
        samples=len(whole.samples),
        coverage=whole.coverage,
        awaited=awaited(whole),
        gist=gist_of(whole),
    )


def _captions(run: Run, held: Outcome) -> Captions:
    """What was read of them, read once more: a published work keeps no copies."""
    captions = read_source_captions(run, held.facts)
    if captions != held.captions:
        raise WorkLost("what was read of the captions")
    return captions
