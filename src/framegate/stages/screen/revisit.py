"""Look again: frames that the encode showed and that no look accounts for, by every analyser.

What comes out of the decoder this time must be what the encode saw, by its imprint: else the frame
stays unseen, and decide hears of it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framegate.domain.counted import counted
from framegate.domain.decoding import RevisitWork
from framegate.domain.frames import PictureSignals, Sample, SampleInfo, SampleReason
from framegate.domain.imprint import Imprints, distance
from framegate.domain.layout import SAMPLES
from framegate.domain.media import MediaFacts
from framegate.domain.screening import Screening, Supplement
from framegate.domain.serial import dump, load
from framegate.domain.unseen import ALIKE, Look
from framegate.security.sandbox import FrameHeader
from framegate.stages.base import StageContext
from framegate.stages.screen.cascade import Cascade
from framegate.stages.screen.crop import BarFinder
from framegate.stages.screen.protocol import Panel
from framegate.stages.screen.sample import (
    RING,
    decode_limits,
    nonsense,
    read_imprint,
    save_preview,
    with_hashes,
)
from framegate.storage.atomic import make_folder, writing
from framegate.storage.source import reopened

STAGE = "look-again"
TASK = "framegate.media.revisit:decode"


@dataclass(frozen=True, slots=True)
class _Meta:
    pts: int
    signals: PictureSignals
    imprint: str


def look_again(
    context: StageContext,
    fd: int,
    facts: MediaFacts,
    panel: Panel,
    screening: Screening,
    *,
    looks: Sequence[Look],
    encoded: Imprints,
) -> Supplement:
    """Show frames to the panel's stills analysers. ``encoded`` holds the looks' imprints as the
    encode took them. Adds previews to ``samples/``.

    Raises `Undecodable`, `MediaLimit`, `MediaCrash`, and what analysers raise.
    """
    context.progress.start(STAGE, float(len(looks)), "frames")
    revisit = _Revisit(context, facts, panel, screening, encoded=encoded)
    with writing(SAMPLES):
        make_folder(context.work / SAMPLES, mode=0o700)
    with reopened(fd) as source:
        context.sandbox.run(
            TASK,
            dump(RevisitWork(facts.video, tuple(look.pts for look in looks))),
            fds={"source": source},
            limits=decode_limits(facts.video),
            ring=RING,
            on_frame=revisit.show,
        )
    unseen = sum(look.frames for look in looks if look.pts not in revisit.matched)
    supplement = revisit.finish(unseen)
    context.progress.end(STAGE, counted(len(supplement.samples), "frame"))
    return supplement


class _Revisit:
    """Takes the frames as they come."""

    def __init__(
        self,
        context: StageContext,
        facts: MediaFacts,
        panel: Panel,
        screening: Screening,
        *,
        encoded: Imprints,
    ) -> None:
        self._context = context
        self._video = facts.video
        self._cascade = Cascade(panel.stills, panel.judges, every_sample=True)
        self._first = 1 + max((sample.index for sample in screening.samples), default=-1)
        self._shots = [shot.start for shot in screening.shots]
        self._encoded = dict(zip(encoded.pts.tolist(), encoded.codes, strict=True))
        self._samples: list[SampleInfo] = []
        self.matched: set[int] = set()

    def show(self, header: FrameHeader, pixels: NDArray[np.uint8]) -> None:
        """One frame from the child."""
        meta = load(_Meta, header.meta)
        before = self._samples[-1].pts if self._samples else -math.inf
        if meta.pts not in self._encoded or meta.pts <= before or pixels.shape[2] != 3:  # noqa: PLR2004 - RGB
            raise nonsense("a frame")
        if distance(read_imprint(meta.imprint), self._encoded[meta.pts]) <= ALIKE:
            self.matched.add(meta.pts)
        time = meta.pts * self._video.time_base - self._video.start
        info = SampleInfo(
            index=self._first + len(self._samples),
            pts=meta.pts,
            time=time,
            shot=max(0, bisect_right(self._shots, time) - 1),
            reason=SampleReason.UNSEEN,
            width=pixels.shape[1],
            height=pixels.shape[0],
            signals=meta.signals,
        )
        # each is a picture of its own: what its neighbours' bars are says nothing about it
        sample = Sample(info, pixels, BarFinder().active(0, pixels).of(pixels))
        save_preview(self._context.work / SAMPLES, sample)
        self._cascade.show(sample)
        self._samples.append(info)
        self._context.progress.advance(STAGE, float(len(self._samples)))

    def finish(self, unseen_frames: int) -> Supplement:
        """All that was found."""
        seen = self._cascade.finish()
        return Supplement(
            samples=with_hashes(self._samples, seen.pdq),
            findings=seen.findings,
            runs=seen.runs,
            tags=seen.tags,
            faces_most=seen.faces_most,
            unseen_frames=unseen_frames,
        )
