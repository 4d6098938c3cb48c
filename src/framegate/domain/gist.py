"""What a summary tells of a screening: small enough to be kept with the result. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from framegate.domain.creator import Verification
from framegate.domain.findings import Status
from framegate.domain.screening import Screening

VISION_LEVEL = "vlm"
QUESTIONS = ("triage", "yes-no", "detail")
REMEMBERED = "remembered"


@dataclass(frozen=True, slots=True)
class Missed:
    """What an analyser, or nobody at all, could judge of it, and why."""

    what: str  # an analyser, or a track: "audio track 2"
    why: str


@dataclass(frozen=True, slots=True)
class Asking:
    """What a vision model was asked. ``remembered``: frames that were answered from the cache."""

    analyser: str
    frames: int  # that it judged, the remembered ones among them
    questions: tuple[tuple[str, int], ...] = ()  # sent, by kind
    remembered: int = 0

    @property
    def sent(self) -> int:
        """Questions in all."""
        return sum(count for _kind, count in self.questions)


@dataclass(frozen=True, slots=True)
class Gist:
    """``unjudged``: analysers that were wanted and did not look, or not at all of it; ``unheard``:
    audio tracks that nobody heard, so that they are not published.
    """

    identity: Verification | None = None
    unjudged: tuple[Missed, ...] = ()
    unheard: tuple[Missed, ...] = ()
    vision: tuple[Asking, ...] = ()


def gist_of(screening: Screening) -> Gist:
    """The gist of a screening."""
    missed = (
        Missed(run.analyser, run.reason)
        for run in screening.runs
        if run.status is Status.UNAVAILABLE
    )
    return Gist(
        identity=screening.identity,
        unjudged=tuple(dict.fromkeys(missed)),
        unheard=tuple(
            Missed(f"audio track {track.index}", track.why)
            for track in screening.sound
            if not track.screened
        ),
        vision=tuple(
            Asking(
                run.analyser,
                run.samples_seen,
                tuple((kind, count) for kind, count in run.counts if kind in QUESTIONS),
                Counter(dict(run.counts))[REMEMBERED],
            )
            for run in screening.runs
            if run.level == VISION_LEVEL
        ),
    )
