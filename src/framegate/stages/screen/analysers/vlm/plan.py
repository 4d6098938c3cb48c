"""Which samples a vision-language model is asked about, and how many go together. Pure.

Asked is one sample of every shot, and every one that the sampler took because the picture had
changed and that looks unlike all that were asked about before in this video. A minute of video has
a number of questions that the profile allows; where it has more samples than that, neighbours share
a first question, and whoever shared one that did not come out clear is asked alone. What is said of
a sample holds for those that look like it and are not asked about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from framegate.domain.frames import SampleInfo, SampleReason
from framegate.domain.hashlist import DEFAULT_DISTANCE, PDQ_BITS, distance
from framegate.stages.screen.cascade import SURE
from framegate.stages.screen.protocol import PdqHash

WINDOW_S = 60  # of video: what the allowance is counted over
MOST_WAITING = 64  # samples of one window that wait for their question
ALIKE = DEFAULT_DISTANCE  # bits: up to here two frames are one picture
OTHER = 90  # bits from which a frame is another picture though nothing moved on the way to it
_NEW = frozenset({SampleReason.SHOT, SampleReason.NOVELTY, SampleReason.UNSEEN})
PLAIN_EVERY_S = 5  # between two questions about pictures without much in them


@dataclass(slots=True)
class Novelty:
    """Remembers what was asked about in one video."""

    _known: list[tuple[str, int]] = field(default_factory=list)  # hash, sample
    _last: dict[int, int] = field(default_factory=dict)  # shot -> sample last asked about
    _plain: Fraction | None = None  # when a plain picture was last asked about

    def like(self, info: SampleInfo, pdq: PdqHash | None) -> int | None:
        """The sample asked about before that this one looks like; None when it must be asked about:
        a shot's first, or unlike all before.
        """
        last = self._last.get(info.shot)
        if pdq is None or pdq.quality < SURE:
            # too plain to know again (black, a title card): now and then is enough
            again = self._plain is None or info.time - self._plain >= PLAIN_EVERY_S
            if last is not None and not again:
                return last
            self._plain = info.time
        else:
            known = ((distance(pdq.pdq, other), sample) for other, sample in self._known)
            apart, nearest = min(known, default=(PDQ_BITS, info.index))
            if last is not None and apart <= (ALIKE if info.reason in _NEW else OTHER):
                return nearest if apart <= ALIKE else last
            self._known.append((pdq.pdq, info.index))
        self._last[info.shot] = info.index
        return None


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
