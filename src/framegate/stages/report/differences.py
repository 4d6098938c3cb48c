"""What was changed or left out on the way from the source to the renditions. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from framegate.domain.captions import Captions
from framegate.domain.counted import counted
from framegate.domain.ladder import Change
from framegate.domain.media import MediaFacts
from framegate.domain.report import ReportInput
from framegate.stages.report import sound
from framegate.stages.report.sound import NOT_PUBLISHED


def differences(report: ReportInput) -> tuple[Change, ...]:
    """As rows for a table; nothing where nothing was encoded."""
    plan = report.plan
    if plan is None:
        return ()
    return (
        *_length(report.facts),
        *plan.changes,
        *sound.levels(report),
        *sound.unheard(report),
        *_captions(report.captions),
        *_left_out(report.facts),
    )


def _length(facts: MediaFacts) -> Iterable[Change]:
    claimed = facts.duration_claimed
    if facts.truncated and claimed is not None:
        yield Change(
            "Length",
            f"{float(claimed):.2f} s claimed",
            f"{float(facts.duration_measured):.2f} s, as far as the file goes",
        )


_INSIDE = {"eia_608": "CEA-608", "eia_708": "CEA-708"}


def _captions(captions: Captions) -> Iterable[Change]:
    for track in captions.tracks:
        inside = _INSIDE.get(track.codec, track.codec)
        yield Change(
            f"Captions, {track.label}",
            f"{inside} ({track.source})",
            f"WebVTT without styles and positions, {counted(track.cues, 'cue')}",
        )
    for note in captions.dropped:
        yield Change("Captions", note, NOT_PUBLISHED)


def _left_out(facts: MediaFacts) -> Iterable[Change]:
    for track in facts.dropped:
        yield Change("Other tracks", track, NOT_PUBLISHED)
