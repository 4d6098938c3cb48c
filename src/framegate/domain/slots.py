"""Source timestamps onto the output grid, exactly.

A source frame at time t belongs to slot round-half-up((t - start) x fps). Output frame n shows the
last source frame whose slot is at most n. That depends on the source alone, so output frame n is
the same picture whichever chunk computes it; late frames are dropped and gaps repeat the picture
before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class SlotRule:
    """``slot(pts)`` in integers: (pts x a + b) // d."""

    a: int
    b: int
    d: int

    @classmethod
    def of(cls, *, time_base: Fraction, start: Fraction, frame_rate: Fraction) -> SlotRule:
        """For PTS in ``time_base`` whose first frame is at ``start`` seconds."""
        d = 2 * time_base.denominator * start.denominator * frame_rate.denominator
        a = d * time_base * frame_rate
        b = Fraction(d, 2) - d * start * frame_rate
        assert a.denominator == b.denominator == 1
        return cls(a=a.numerator, b=b.numerator, d=d)

    def slot(self, pts: int) -> int:
        """The grid slot of a source timestamp; negative before the first frame."""
        return (pts * self.a + self.b) // self.d


def on_grid[T](
    timed: Iterable[tuple[int, T]], *, first: int, frames: int
) -> Iterator[tuple[int, T]]:
    """(n, picture) for n in [first, first + frames), from (slot, picture) in presentation order.

    Stops reading as soon as the last one is known. The first picture also stands for any output
    before it; the last one is repeated to the end. Yields nothing from nothing.
    """
    n, end = first, first + frames
    shown: T | None = None
    for slot, picture in timed:
        if shown is not None:
            while n < min(slot, end):
                yield n, shown
                n += 1
        if n >= end:
            return
        shown = picture
    if shown is not None:
        for rest in range(n, end):
            yield rest, shown
