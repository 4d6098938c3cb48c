"""Which frame stands for the whole video."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from framegate.domain.frames import SampleInfo
from framegate.domain.screening import Screening
from framegate.domain.span import Span

EDGE = Fraction(1, 20)  # titles fade in and out there
DARK, BRIGHT = 0.12, 0.9  # mean luma of a frame that shows little


def poster_time(screening: Screening, blurred: Sequence[Span] = ()) -> Fraction:
    """Seconds from the first frame of the sample that shows most: sharp, with contrast, neither
    dark nor blown out, not at the ends, no finding's evidence, and not in a blurred span where
    there is another. 0 without samples.
    """
    evidence = {finding.sample for finding in screening.findings if finding.sample is not None}
    clear = [
        sample
        for sample in screening.samples
        if not any(span.start <= sample.time <= span.end for span in blurred)
    ]
    candidates = [sample for sample in clear if sample.index not in evidence]
    best = max(
        candidates or clear or screening.samples, key=_Merit(screening.samples), default=None
    )
    return Fraction(0) if best is None else best.time


class _Merit:
    """Orders samples; equal merit goes to the earlier one, so that runs repeat."""

    def __init__(self, samples: tuple[SampleInfo, ...]) -> None:
        last = samples[-1].time if samples else Fraction(0)
        self._from, self._to = last * EDGE, last * (1 - EDGE)

    def __call__(self, sample: SampleInfo) -> tuple[bool, bool, float, int]:
        seen = sample.signals
        inside = self._from <= sample.time <= self._to
        if seen is None:
            return inside, False, 0.0, -sample.index
        lit = DARK <= seen.exposure <= BRIGHT
        return inside, lit, seen.sharpness * seen.contrast, -sample.index
