"""How loud each audio rendition becomes. Pure.

EBU R 128: one gain for the whole track brings its integrated loudness to -23 LUFS, so the dynamics
stay the mixer's. Where that would lift true peaks over `CEILING_DBTP`, a true-peak limiter holds
them there. A lossy codec moves peaks, so what was encoded is decoded and measured, and encoded once
more, a little lower or louder, until it keeps what is promised.
"""

from __future__ import annotations

from framegate.domain.sound import MOST_DBTP, Level, Levelling

CEILING_DBTP = -2.0
"""Where the limiter works at first: AAC and Opus lift limited peaks by up to about a decibel."""

MOST_GAIN_DB = 20.0
"""More would turn the noise of a silent room into a programme."""

LEAST_GAIN_DB = 0.05  # nobody hears less
TOLERANCE_LU = 0.5
MOST_TRIES = 4
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


def again(done: Levelling, after: Level, target_lufs: float | None) -> Levelling | None:
    """What to try next, when ``done`` gave ``after``; None when that is good enough.

    A track without a target is left as it came, peaks included.
    """
    if target_lufs is None or after.true_peak_dbtp is None:
        return None
    gain, ceiling = done.gain_db, done.ceiling_dbtp
    over = after.true_peak_dbtp - MOST_DBTP
    if over > 0:
        before = CEILING_DBTP if ceiling is None else ceiling
        ceiling = before - over - STEP_SPARE_DB
    if after.integrated_lufs is not None:
        off = target_lufs - after.integrated_lufs
        if abs(off) > TOLERANCE_LU:
            gain = min(MOST_GAIN_DB, gain + off)
            ceiling = CEILING_DBTP if ceiling is None and off > 0 else ceiling
    following = Levelling(gain, ceiling)
    return None if following == done else following
