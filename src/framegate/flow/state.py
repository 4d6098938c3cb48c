"""What goes from step to step: small values that are checkpointed, and the live run around them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from framegate.cache.protocol import VerdictCache
from framegate.domain.agreement import Agreement
from framegate.domain.asset import Asset, SourceFile
from framegate.domain.captions import Captions
from framegate.domain.encoding import ChunkReceipt, SourceRead
from framegate.domain.frames import Coverage, Quality
from framegate.domain.gist import Gist
from framegate.domain.hashlist import HashList
from framegate.domain.ladder import EncodedAudio, EncodedRendition, EncodePlan
from framegate.domain.layout import SCREENING
from framegate.domain.media import MediaFacts
from framegate.domain.options import ProcessOptions
from framegate.domain.package import Packaged, Stills
from framegate.domain.policy import Decision, Policy
from framegate.domain.report import StageTiming
from framegate.domain.serial import dump, load
from framegate.domain.span import Span
from framegate.domain.unseen import Comparison
from framegate.errors import InputVanished
from framegate.flow.claim import Claim
from framegate.jobs import Steps
from framegate.models.vision.protocol import Vision
from framegate.stages.base import StageContext
from framegate.storage.source import SourceTouched, Watch


class Step(StrEnum):
    """Names of the steps, as recorded."""

    PROBE = "probe"
    CAPTIONS = "captions"
    SCREEN = "screen"
    DECIDE = "decide"
    PLAN = "plan"
    AUDIO = "audio"
    CHUNK = "encode"
    COMPARE = "compare"
    LOOK = "look-again"
    LOOK_ANEW = "look-anew"
    TAKE_BACK = "take-back"
    DECIDE_AGAIN = "decide-again"
    BLUR = "encode-again"
    JOIN = "join"
    PROOF = "proof"
    PACKAGE = "package"
    STILLS = "stills"
    PUBLISH = "publish"


FROM_WORK = frozenset(
    {
        Step.DECIDE,
        Step.COMPARE,
        Step.DECIDE_AGAIN,
        Step.JOIN,
        Step.PACKAGE,
        Step.STILLS,
        Step.TAKE_BACK,
        Step.PUBLISH,
    }
)
"""Steps that go on from what others made; all others read the source."""


class Ending(StrEnum):
    """How a flow ended; the same words as in the catalog's `WorkStatus`."""

    PUBLISHED = "published"
    BLOCKED = "blocked"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Screened:
    """The checkpoint of screen; the whole `Screening` is the ``file`` of this hash, and what a
    second look added (a `Supplement`) that of ``supplement_sha256``.

    ``awaited`` names the analysers that could not look, and may be able to another time.
    """

    sha256: str
    samples: int
    coverage: Coverage
    quality: Quality
    imprints_sha256: str = ""
    supplement_sha256: str = ""
    file: str = SCREENING
    awaited: tuple[str, ...] = ()
    gist: Gist = field(default_factory=Gist)


@dataclass(frozen=True, slots=True)
class Taken:
    """The checkpoint of taking a package back from where it was published."""

    files: int


@dataclass(frozen=True, slots=True)
class Compared:
    """The checkpoint of the comparison of what was encoded with what was looked at."""

    read: SourceRead
    pictures: Comparison


@dataclass(frozen=True, slots=True)
class AudioTracks:
    """The checkpoint of the audio encodes; a track that cannot be decoded is left out."""

    tracks: tuple[EncodedAudio, ...]


@dataclass(frozen=True, slots=True)
class VideoTracks:
    """The checkpoint of the joins, and of the proof."""

    tracks: tuple[EncodedRendition, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Everything that encode left in the work folder."""

    plan: EncodePlan
    audio: tuple[EncodedAudio, ...]
    video: tuple[EncodedRendition, ...]
    packaged: Packaged
    stills: Stills
    blurred: tuple[Span, ...] = ()  # in every picture of it


@dataclass(frozen=True, slots=True)
class Replaced:
    """What lay at the output before: the same video's, made with other options (or by another
    policy's or hash list's content, when no option differs).
    """

    status: Ending
    at: datetime
    options: tuple[tuple[str, str], ...]  # each that differs, and what it was


@dataclass(frozen=True, slots=True)
class Published:
    """The checkpoint of publish. ``report_sha256`` tells its output from a later one's at the same
    place (``report.json`` is different every time).
    """

    size_bytes: int
    report_sha256: str = ""
    replaced: Replaced | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a flow: enough to answer the person, and to go on after a review."""

    status: Ending
    asset: Asset
    facts: MediaFacts
    screened: Screened
    decision: Decision
    encoded: Encoded | None
    output: str
    size_bytes: int
    timings: tuple[StageTiming, ...]
    report_sha256: str = ""  # of the published report.json
    replaced: Replaced | None = None
    agreement: Agreement | None = None  # None when nothing was encoded
    captions: Captions = field(default_factory=Captions)


@dataclass(slots=True)
class Run:
    """One asset being worked on by this process. ``source`` is open for as long as the run, so
    the same bytes are read in every step whatever happens to the path.
    """

    asset: Asset
    source: int  # descriptor; -1 when it is not read any more
    origin: SourceFile | None  # what was hashed; None with it
    context: StageContext
    options: ProcessOptions
    policy: Policy
    lists: tuple[HashList, ...]
    output: Path
    job_id: str
    chunks_at_once: int = 1
    claim: Claim | None = None  # None where nobody asks who is in the video
    vision: Vision | None = None
    remembered: VerdictCache | None = None
    timings: list[StageTiming] = field(default_factory=list)
    _watch: Watch | None = field(init=False)

    def __post_init__(self) -> None:
        """Begin to watch the source."""
        origin = self.origin
        self._watch = None if origin is None else Watch(self.source, origin, self.asset.sha256)

    def step[T](self, steps: Steps, name: Step, kind: type[T], work: Callable[[], T]) -> T:
        """Do one step, or take its recorded answer; either way note how long it took."""
        fresh = False

        def record() -> dict[str, object]:
            nonlocal fresh
            fresh = True
            return dump(work() if name in FROM_WORK else self.reading(work))

        began = time.perf_counter()
        answer = load(kind, steps.run(name, record))
        self.note(name, time.perf_counter() - began, resumed=not fresh)
        return answer

    def reading[T](self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises, with the source the same from its beginning to its end.

        A source that is another now is `InputVanished`, whatever ``work`` said: a file cut short is
        neither broken nor a result. One that may have been another for a while (also one that was
        only renamed) is read once more. What is published is what was screened.
        """
        if self._watch is None:
            return work()
        with suppress(SourceTouched):
            return self._read(work, self._watch)
        try:
            return self._read(work, self._watch)
        except SourceTouched as error:
            raise InputVanished(
                f"{error} was touched twice while it was read",
                "a reading counts only if nothing happens to the file meanwhile",
                "Run again when it is left alone: finished steps and chunks are kept",
            ) from error

    @staticmethod
    def _read[T](work: Callable[[], T], watch: Watch) -> T:
        since = watch.begin()
        try:
            return work()
        finally:
            watch.end(since)

    def note(self, name: Step, wall_s: float, *, resumed: bool) -> None:
        """Remember what a step took, for the report."""
        self.timings.append(StageTiming(name.value, wall_s, resumed=resumed))

    def was_resumed(self, name: Step) -> bool:
        """Whether a step's answer was taken from an earlier run."""
        return any(each.stage == name and each.resumed for each in self.timings)

    def identity(self, what: str) -> str:
        """32 hex digits, the same whenever this step of this job runs again."""
        return hashlib.sha256(f"{self.job_id}/{what}".encode()).hexdigest()[:32]


type Receipts = list[ChunkReceipt]
