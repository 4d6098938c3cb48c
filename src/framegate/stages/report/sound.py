"""What was done to the sound, and which tracks are not published. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from framegate.domain.ladder import Change, EncodedAudio
from framegate.domain.report import ReportInput
from framegate.domain.sound import Level, Levelled
from framegate.stages.report.facts import language

NOT_PUBLISHED = "left out"
SILENT = "no loudness (silence, or less than 0.4 s)"
OFF_TARGET_LU = 0.5


def levels(report: ReportInput) -> Iterable[Change]:
    """Every track whose level was changed, in LUFS and dBTP; what was mixed down is told mixed."""
    for made in report.audio:
        level = made.level
        if level is not None and (level.done.gain_db or level.done.ceiling_dbtp is not None):
            name = made.audio.label or made.audio.name
            what = f"Loudness, {name}{' in 5.1' if made.audio.is_surround else ''}"
            after = f"{_level(level.after)} ({_done(made, level)})"
            yield Change(what, _level(level.before), after)


def unheard(report: ReportInput) -> Iterable[Change]:
    """Tracks that were not screened, or of which nothing could be encoded."""
    tracks = {track.index: track for track in report.facts.audio}
    for heard in report.screening.sound:
        if not heard.screened:
            track = tracks.get(heard.index)
            what = f"Sound, track {heard.index}"
            what += f" ({language(track.language)})" if track is not None else ""
            yield Change(what, f"not screened: {heard.why}", NOT_PUBLISHED)
    made = {done.audio.name for done in report.audio}
    if report.plan is not None and report.renditions:
        for planned in report.plan.audio:
            if planned.name not in made:
                what = f"Sound, {planned.label or planned.name}"
                what += " in 5.1" if planned.is_surround else ""
                yield Change(what, "cannot be decoded", NOT_PUBLISHED)


def _level(level: Level) -> str:
    if level.integrated_lufs is None:
        return SILENT
    peak = level.true_peak_dbtp
    return f"{level.integrated_lufs:.1f} LUFS" + (
        "" if peak is None else f", true peak {peak:+.1f} dBTP"
    )


def _done(made: EncodedAudio, level: Levelled) -> str:
    said = f"gain {level.done.gain_db:+.1f} dB"
    if level.done.ceiling_dbtp is not None:
        said += f", peaks limited to {level.done.ceiling_dbtp:.1f} dBTP"
    target, now = made.audio.target_lufs, level.after.integrated_lufs
    if target is not None and now is not None and abs(now - target) > OFF_TARGET_LU:
        said += f"; {target:g} LUFS would take too much"
    return said
