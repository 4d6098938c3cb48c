"""How loud each audio rendition becomes. Pure.

EBU R 128: one gain for the whole track brings its integrated loudness to -23 LUFS, so the dynamics
stay the mixer's. Where that would lift true peaks over `CEILING_DBTP`, a true-peak limiter holds
them there. A lossy codec moves peaks, so what was encoded is decoded and measured, and encoded once
more, a little lower or louder, until it keeps what is promised.
"""

from __future__ import annotations

from collections.abc import Sequence

from framegate.domain.sound import MOST_DBTP, Level, Levelling

CEILING_DBTP = -2.0
"""Where the limiter works at first: AAC and Opus lift limited peaks by up to about a decibel."""

MOST_GAIN_DB = 20.0
"""More would turn the noise of a silent room into a programme."""

LEAST_GAIN_DB = 0.05  # nobody hears less
TOLERANCE_LU = 0.5
MOST_TRIES = 5
LEAST_SLOPE = 0.25  # under it, loudness has next to nothing to do with gain any more
STEP_SPARE_DB = 0.1  # below what the last overshoot asks for


def first(level: Level, target_lufs: float | None, *, mixed: bool) -> Levelling:
    """What to do with a track that measures ``level``; ``mixed`` when channels were added up.

    Without a target the track stays as it is, but for a downmix that would clip, which is turned
    down as a whole. What has no loudness (silence) stays as it is too.
    """
    peak = level.true_peak_dbtp
    if target_lufs is None:
        return Levelling(min(0.0, CEILING_DBTP - peak) if mixed and peak is not None else 0.0)
    if level.integrated_lufs is None or peak is None:
        return Levelling()
    gain = min(MOST_GAIN_DB, target_lufs - level.integrated_lufs)
    if abs(gain) < LEAST_GAIN_DB:
        gain = 0.0
    return Levelling(gain, CEILING_DBTP if peak + gain > CEILING_DBTP else None)


def again(tries: Sequence[tuple[Levelling, Level]], target_lufs: float | None) -> Levelling | None:
    """What to try after ``tries``, each with what came of it; None when the last one will do.

    A track without a target is left as it came, peaks included.
    """
    done, after = tries[-1]
    if target_lufs is None or after.true_peak_dbtp is None or len(tries) == MOST_TRIES:
        return None
    gain, ceiling = done.gain_db, done.ceiling_dbtp
    if after.integrated_lufs is not None:
        off = target_lufs - after.integrated_lufs
        if abs(off) > TOLERANCE_LU:
            gain = min(MOST_GAIN_DB, gain + off / _slope(tries))
    over = after.true_peak_dbtp - MOST_DBTP
    if over > 0:
        ceiling = (CEILING_DBTP if ceiling is None else ceiling) - over - STEP_SPARE_DB
    elif ceiling is None and after.true_peak_dbtp + gain - done.gain_db > CEILING_DBTP:
        ceiling = CEILING_DBTP
    following = Levelling(gain, ceiling)
    return None if following == done else following


def _slope(tries: Sequence[tuple[Levelling, Level]]) -> float:
    """LU gained by a decibel of gain: less than one where the limiter takes part of it back."""
    if len(tries) < 2:  # noqa: PLR2004 - a slope has two ends
        return 1.0
    (first, before), (last, after) = tries[-2:]
    gained = last.gain_db - first.gain_db
    if not gained or before.integrated_lufs is None or after.integrated_lufs is None:
        return 1.0
    return min(1.0, max(LEAST_SLOPE, (after.integrated_lufs - before.integrated_lufs) / gained))
