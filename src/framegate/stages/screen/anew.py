"""Look anew: analysers that could not look when the video was screened, and can now.

They are shown the samples of that screening, decoded once more, and nothing else is done again. A
frame that does not come out as it did (a damaged source, another decoder) is `WorkLost`: then only
a screening from the beginning is one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framegate.domain.captions import Captions
from framegate.domain.counted import counted
from framegate.domain.decoding import RevisitWork
from framegate.domain.findings import EXACT_LEVEL
from framegate.domain.frames import Sample
from framegate.domain.media import MediaFacts
from framegate.domain.screening import Anew, Screening
from framegate.domain.serial import dump, load
from framegate.security.sandbox import FrameHeader
from framegate.stages.base import StageContext
from framegate.stages.screen.behind import Behind
from framegate.stages.screen.cascade import Cascade, Seen, not_run
from framegate.stages.screen.coverage import level_of
from framegate.stages.screen.crop import BarFinder
from framegate.stages.screen.protocol import Panel
from framegate.stages.screen.reading import read
from framegate.stages.screen.sample import RING, decode_limits, nonsense
from framegate.stages.screen.sound import Heard, listen
from framegate.storage.local import WorkLost
from framegate.storage.source import reopened

STAGE = "look-anew"
TASK = "framegate.media.revisit:decode"
WAITING = 16  # samples between decoder and models


@dataclass(frozen=True, slots=True)
class _Meta:
    pts: int


def look_anew(
    context: StageContext,
    fd: int,
    facts: MediaFacts,
    panel: Panel,
    screening: Screening,
    *,
    names: Collection[str],
    captions: Captions,
) -> Anew:
    """Show a screening's samples, sound and captions to the analysers ``names`` of the panel, which
    also has the one that hashes pictures.

    Raises `WorkLost` when a sample is not what it was, `Undecodable`, `MediaLimit`, `MediaCrash`,
    and what analysers raise.
    """
    context.progress.start(STAGE, float(len(screening.samples)), "frames")
    seen, heard, said = Seen(), Heard(), Seen()
    if panel.judges or any(each.level != EXACT_LEVEL for each in panel.stills):
        seen = _look(context, fd, facts, panel, screening)
    if panel.audio:
        heard = listen(context, fd, facts, panel.audio)
    if panel.captions:
        said = read(context, captions, panel.captions)
    missing = not_run([each for each in panel.unavailable if each.name in names])
    runs = [run for run in (*seen.runs, *heard.runs, *said.runs) if run.analyser in names]
    levels = {run.level for run in runs}
    end = screening.shots[-1].end if screening.shots else facts.video.duration_measured
    context.progress.end(STAGE, ", ".join(dict.fromkeys(run.analyser for run in runs)))
    return Anew(
        findings=tuple(
            finding
            for finding in (*seen.findings, *heard.findings, *said.findings)
            if finding.analyser in names
        ),
        runs=(*runs, *missing),
        tags=(*seen.tags, *heard.tags),
        faces_most=seen.faces_most,
        levels=tuple(
            level_of(level, looks, end) for level, looks in seen.looks.items() if level in levels
        ),
        spoken_language=heard.spoken_language,
        description=seen.description,
    )


def _look(
    context: StageContext, fd: int, facts: MediaFacts, panel: Panel, screening: Screening
) -> Seen:
    cascade = Cascade(panel.stills, panel.judges, before=screening.findings)
    waiting = list(reversed(screening.samples))
    bars = BarFinder()

    with Behind(cascade.show, waiting=WAITING) as behind:

        def show(header: FrameHeader, pixels: NDArray[np.uint8]) -> None:
            pts = load(_Meta, {"pts": header.meta.get("pts")}).pts
            if pixels.shape[2] != 3:  # noqa: PLR2004 - RGB
                raise nonsense("a frame")
            if not waiting or waiting[-1].pts != pts:
                raise WorkLost(f"the frame at {pts}")
            info = waiting.pop()
            behind.give(Sample(info, pixels, bars.active(info.shot, pixels).of(pixels)))
            context.progress.advance(STAGE, float(len(screening.samples) - len(waiting)))

        with reopened(fd) as source:
            context.sandbox.run(
                TASK,
                dump(RevisitWork(facts.video, tuple(one.pts for one in screening.samples))),
                fds={"source": source},
                limits=decode_limits(facts.video),
                ring=RING,
                on_frame=show,
            )
    seen = cascade.finish()
    if waiting:
        raise WorkLost(counted(len(waiting), "sample"))
    changed = [one for one in screening.samples if seen.pdq[one.index].pdq != one.pdq]
    if changed:
        raise WorkLost(f"what {counted(len(changed), 'sample')} showed")
    return seen
