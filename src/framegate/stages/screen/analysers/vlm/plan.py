"""Which samples a vision-language model is asked about, and how many go together. Pure.

Asked is every sample that looks unlike all that were asked about before in this video, and one of
every shot. A minute of video has a number of questions that the profile allows; where it has more
samples than that, neighbours share a first question, and whoever shared one that did not come out
clear is asked alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from framegate.domain.hashlist import distance
from framegate.stages.screen.cascade import NOVEL_BITS, SURE
from framegate.stages.screen.protocol import PdqHash

WINDOW_S = 60  # of video: what the allowance is counted over
MOST_WAITING = 64  # samples of one window that wait for their question
PLAIN_EVERY_S = 5  # between two questions about pictures without much in them


@dataclass(slots=True)
class Novelty:
    """Remembers what was asked about in one video."""

    _known: list[str] = field(default_factory=list)
    _shots: set[int] = field(default_factory=set)
    _plain: Fraction | None = None  # when a plain picture was last asked about

    def wants(self, shot: int, at: Fraction, pdq: PdqHash | None) -> bool:
        """Whether this sample must be asked about: a shot's first, or unlike all before."""
        first = shot not in self._shots
        self._shots.add(shot)
        if pdq is None or pdq.quality < SURE:
            # too plain to know again (black, a title card): now and then is enough
            again = self._plain is None or at - self._plain >= PLAIN_EVERY_S
            if first or again:
                self._plain = at
            return first or again
        new = all(distance(pdq.pdq, known) > NOVEL_BITS for known in self._known)
        if new:
            self._known.append(pdq.pdq)
        return first or new


def groups[T](waiting: Sequence[T], *, allowed: int, together: int) -> list[list[T]]:
    """Neighbours that share a question: as few in one as keep to ``allowed`` questions, and never
    more than ``together``.
    """
    if not waiting:
        return []
    size = min(max(1, math.ceil(len(waiting) / max(1, allowed))), max(1, together))
    return [list(waiting[at : at + size]) for at in range(0, len(waiting), size)]


@dataclass(slots=True)
class Allowance:
    """Questions that a video has used, against what its length allows."""

    per_minute: float
    used: int = 0

    def of_window(self, length_s: Fraction | float) -> int:
        """Questions for so many seconds of video, at least one."""
        return max(1, math.floor(self.per_minute * float(length_s) / 60))

    def over(self, seconds: float) -> int:
        """Questions beyond what ``seconds`` of video allow."""
        return max(0, self.used - max(1, math.floor(self.per_minute * seconds / 60)))
