"""When what was said of a frame may stand for another one.

    near in the cache ──► said to be risky ──► it is said again: risk may rise freely
                     └──► said to be clean ──► only if the detectors, which looked at this very
                                               frame, see nothing either; else the model is asked

A picture too plain for its hash to prove likeness is never looked up and never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from framegate.cache.protocol import VerdictCache
from framegate.domain import labels
from framegate.domain.findings import Finding, Status
from framegate.domain.hashlist import DEFAULT_DISTANCE
from framegate.domain.remembered import Remembered
from framegate.errors import CacheUnavailable
from framegate.stages.screen.analysers.vlm.said import Said, dumped, loaded
from framegate.stages.screen.cascade import SURE
from framegate.stages.screen.protocol import PdqHash

NEAR = DEFAULT_DISTANCE
"""Bits within which two frames are taken for one picture: what PDQ's authors say, and what real
edits and frames of other shots measured here (docs/explanation/judgement.md)."""

DETECTED = 0.50
"""Raw score of a detector from which it does not agree that a frame is clean."""

WHO = ("person", "creator")
"""Labels that say who is there: no doubt about what is shown, and most videos have faces. Text is
informative too, but text laid over a picture is what a hash sees least: it stays a doubt.
"""


class Memory:
    """One asset's use of the verdict cache. A cache that fails is told once and not asked again."""

    def __init__(
        self, cache: VerdictCache | None, scope: str, clock: Callable[[], datetime]
    ) -> None:
        self._cache = cache
        self._scope = scope
        self._clock = clock
        self.trouble = ""  # why it is not used any more

    def recall(self, pdq: PdqHash | None, seen: Sequence[Finding]) -> Said | None:
        """What holds for a frame of this hash, of which the analysers before said ``seen``."""
        if self._cache is None or pdq is None or pdq.quality < SURE:
            return None
        try:
            hits = self._cache.near(self._scope, pdq.pdq, NEAR)
        except CacheUnavailable as error:
            self._give_up(error)
            return None
        known = [said for hit in hits if (said := loaded(hit.remembered.value)) is not None]
        risky = [said for said in known if not said.clean]
        if risky:
            return max(risky, key=lambda said: max(said.yes.values()))
        return known[0] if known and not suspected(seen) else None

    def keep(self, pdq: PdqHash | None, said: Said) -> None:
        """For the next frame that looks like this one."""
        if self._cache is None or pdq is None or pdq.quality < SURE:
            return
        try:
            self._cache.put(self._scope, Remembered(pdq.pdq, dumped(said), self._clock()))
        except CacheUnavailable as error:
            self._give_up(error)

    def _give_up(self, error: CacheUnavailable) -> None:
        self._cache = None
        self.trouble = str(error)


def suspected(seen: Sequence[Finding]) -> bool:
    """Whether a cheaper analyser saw something in the frame that may be wrong with it."""
    return any(
        finding.status is Status.OK
        and (finding.number is None or finding.number >= DETECTED)
        and not any(labels.covers(known, finding.label) for known in WHO)
        for finding in seen
    )
