"""The quality score: a technical heuristic, 0..100, from named parts. Pure.

Not fitted to opinions of viewers: it orders gross faults (soft, blocky, noisy, dark, frozen, badly
levelled), and says which. Formulas and their reasons: docs/reference/quality.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from statistics import fmean, median

from framegate.domain.frames import PictureSignals, Quality, QualityPart
from framegate.domain.span import Span

BEST_SIDE, WORST_SIDE = 1080, 144  # px, the display's short side
SHARP, SOFT = 0.20, 0.004  # Laplacian variance over luma variance
BLOCKY = 0.5  # excess of 8-px borders at which nothing is left
CLEAN, NOISY = 1.0, 10.0  # sigma in levels
CLIPPED_FREE, CLIPPED_ALL = 0.02, 0.40  # share of pixels at the ends of the range
DARK, BRIGHT = 0.15, 0.85  # mean luma beyond which the picture loses
LOUD, QUIET, LU_TO_ZERO = -12.0, -25.0, 15.0  # LUFS; streaming targets are -14 to -24


def score_quality(
    *,
    short_side: int,
    samples: Sequence[PictureSignals],
    duration: Fraction,
    still: Sequence[Span],
    loudness_lufs: float | None,
) -> Quality:
    """``still`` are the black and frozen stretches. A part that cannot be measured (no sample, no
    audio) is left out, and the weights of the others share its place.
    """
    parts = [_resolution(short_side)]
    if samples:
        parts += [
            _sharpness(samples),
            _blockiness(samples),
            _noise(samples),
            _exposure(samples),
        ]
    if duration > 0:
        parts.append(_stability(still, duration))
    if loudness_lufs is not None:
        parts.append(_loudness(loudness_lufs))
    weight = sum(part.weight for part in parts)
    score = sum(part.score * part.weight for part in parts) / weight
    return Quality(round(score, 1), tuple(parts))


def _part(name: str, share: float, weight: float, measured: str) -> QualityPart:
    return QualityPart(name, round(100 * min(max(share, 0.0), 1.0), 1), weight, measured)


def _between(value: float, worst: float, best: float) -> float:
    """0 at ``worst``, 1 at ``best``, linear, unclipped."""
    return (value - worst) / (best - worst)


def _resolution(short_side: int) -> QualityPart:
    share = _between(math.log(max(short_side, 1)), math.log(WORST_SIDE), math.log(BEST_SIDE))
    return _part("resolution", share, 0.20, f"{short_side} px on the short side")


def _sharpness(samples: Sequence[PictureSignals]) -> QualityPart:
    value = median(sample.sharpness for sample in samples)
    share = _between(math.log(max(value, 1e-6)), math.log(SOFT), math.log(SHARP))
    return _part("sharpness", share, 0.20, f"{value:.3f} detail over contrast (median)")


def _blockiness(samples: Sequence[PictureSignals]) -> QualityPart:
    value = median(sample.blockiness for sample in samples)
    return _part("blockiness", 1 - value / BLOCKY, 0.20, f"{value:.2f} excess at 8-px borders")


def _noise(samples: Sequence[PictureSignals]) -> QualityPart:
    value = median(sample.noise for sample in samples)
    return _part("noise", _between(value, NOISY, CLEAN), 0.10, f"{value:.1f} levels of noise")


def _exposure(samples: Sequence[PictureSignals]) -> QualityPart:
    clipped = fmean(sample.clipped_low + sample.clipped_high for sample in samples)
    mean = fmean(sample.exposure for sample in samples)
    kept = _between(clipped, CLIPPED_ALL, CLIPPED_FREE)
    lit = min(mean / DARK, (1 - mean) / (1 - BRIGHT), 1.0)
    return _part(
        "exposure",
        min(kept, 1.0) * lit,
        0.10,
        f"mean luma {mean:.0%}, {clipped:.1%} of pixels clipped",
    )


def _stability(still: Sequence[Span], duration: Fraction) -> QualityPart:
    """Black stretches are frozen too: they count once."""
    covered, until = Fraction(0), Fraction(0)
    for interval in sorted(still, key=lambda each: each.start):
        covered += max(Fraction(0), interval.end - max(until, interval.start))
        until = max(until, interval.end)
    share = float(covered / duration)
    return _part("stability", 1 - share, 0.10, f"{share:.0%} of the time black or frozen")


def _loudness(lufs: float) -> QualityPart:
    beyond = max(lufs - LOUD, QUIET - lufs, 0.0)
    return _part("loudness", 1 - beyond / LU_TO_ZERO, 0.10, f"{lufs:.1f} LUFS integrated")
