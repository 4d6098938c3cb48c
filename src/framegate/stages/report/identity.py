"""Whether the named creator is in the video, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from framegate.domain.counted import counted
from framegate.domain.creator import Outcome, Verification
from framegate.domain.report import ReportInput
from framegate.stages.report.words import duration, percent

LIVENESS = (
    "This is no proof of liveness: a picture of the creator held into the camera matches as well."
)


@dataclass(frozen=True, slots=True)
class Told:
    """A headline and sentences."""

    title: str
    words: tuple[str, ...] = ()


_TITLES = {
    Outcome.MATCH: "“{}” is in the video",
    Outcome.SOMEONE_ELSE: "Somebody else is in the video: no face matches “{}”",
    Outcome.NO_FACE: "No face was found, so nobody was compared with “{}”",
    Outcome.TOO_SMALL: "The faces are too small to be compared with “{}”",
    Outcome.UNCLEAR: "The faces look away or are blurred: none could be compared with “{}”",
    Outcome.NOT_ENROLLED: "“{}” is not enrolled: nobody was compared",
    Outcome.CONSENT_EXPIRED: "The consent of “{}” has expired: nobody was compared",
    Outcome.REVOKED: "The enrolment of “{}” was revoked: nobody was compared",
    Outcome.NO_TEMPLATE: "“{}” must be enrolled again: there is no template of this model",
}


def identity(report: ReportInput) -> Told | None:
    """Of the creator that the asset names; None where nobody asked."""
    found = report.screening.identity
    return in_words(found, report.asset.details.creator) if found is not None else None


def in_words(found: Verification, name: str) -> Told:
    """What a comparison with ``name`` says."""
    return Told(_TITLES[found.outcome].format(name), tuple(_words(found)))


def _words(found: Verification) -> Iterable[str]:
    if found.matched_share is not None and found.best is not None and found.median is not None:
        looks = f"{found.looks_matched} of {counted(found.looks_compared, 'look')}"
        seconds = f" of {duration(found.face_time)}" if found.face_time else ""
        yield (
            f"A face that could be compared was seen in {found.looks_compared} of "
            f"{counted(found.looks, 'look')}; {percent(found.matched_share)} of that time"
            f"{seconds} is the creator's ({looks})."
        )
        yield (
            f"Likeness: best {found.best:.2f}, median {found.median:.2f}; from "
            f"{found.threshold:.2f} on it is a match, which at most 1 in "
            f"{round(1 / found.false_accept_rate):,} comparisons of different people reached when "
            "that was measured."
        )
    elif found.looks:
        seen = found.looks_with_faces
        yield f"Faces were seen in {seen} of {counted(found.looks, 'look')}."
    if found.others_most and found.matched_share is not None:
        yield (
            f"Other faces were seen in {counted(found.others_looks, 'look')}, at most "
            f"{found.others_most} at once: counted, and nobody asked whose they are."
        )
    if found.outcome is Outcome.MATCH:
        yield LIVENESS
