"""The analyser behind the others: asks a vision-language model about what they left open.

It is asked while decoding goes on: a minute of video is planned at a time (`plan`), its questions
are in flight together (`asking`), and what was said of a frame like it before costs nothing
(`memory`). It raises risk; nothing that another analyser found is ever lowered by it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction

from framegate.cache.protocol import VerdictCache
from framegate.domain import labels
from framegate.domain.counted import counted
from framegate.domain.findings import Finding, Status, Tag
from framegate.domain.frames import Sample, SampleInfo, SampleReason
from framegate.domain.remembered import scope_of
from framegate.domain.span import Span
from framegate.domain.vision import LETTERS, Answer, Urgency
from framegate.errors import VisionUnavailable
from framegate.models.vision.protocol import Vision
from framegate.stages.screen.analysers.scores import FLOOR, shorten
from framegate.stages.screen.analysers.vlm.asking import (
    Frame,
    Judged,
    Put,
    Reply,
    Round,
    describe,
    judge,
)
from framegate.stages.screen.analysers.vlm.memory import Memory
from framegate.stages.screen.analysers.vlm.picture import tile_of
from framegate.stages.screen.analysers.vlm.plan import (
    MOST_WAITING,
    WINDOW_S,
    Allowance,
    Novelty,
    groups,
)
from framegate.stages.screen.analysers.vlm.prompt import NO, YES, Prompt
from framegate.stages.screen.analysers.vlm.said import CLEAR, Said
from framegate.stages.screen.protocol import Looked, PdqHash

LOGIC = "1"  # of this analyser; raised when the same answers would mean something else
_TOLD = 3  # reasons for missing answers that a report names


@dataclass(slots=True)
class _Running:
    """Questions about one group that are in flight."""

    rounds: Round
    futures: list[Future[Answer]] = field(default_factory=list)


class VisionJudge:
    """One asset's questions to a shared server. Used by one thread."""

    level = "vlm"
    model_sha256: str | None = None  # the server knows

    def __init__(
        self,
        vision: Vision,
        prompt: Prompt,
        *,
        cache: VerdictCache | None,
        clock: Callable[[], datetime],
        withheld: str = "",
    ) -> None:
        """``withheld``: why nothing of this asset may be sent (a child-safety match)."""
        profile = vision.profile
        self.name = f"vlm.{profile.name}"
        self.version = f"{LOGIC}+{prompt.version}+{profile.fingerprint[:8]}+{prompt.digest[:8]}"
        self.labels = tuple(asked.label for asked in prompt.labels)
        self.model: str | None = profile.asked_as
        self._vision = vision
        self._prompt = prompt
        self._profile = profile
        scope = scope_of(LOGIC, profile.fingerprint, prompt.digest)
        self._memory = Memory(cache, scope, clock)
        self._novelty = Novelty()
        self._triage = Allowance(profile.triage_calls)
        self._detail = Allowance(profile.detail_calls)
        self._withheld = withheld
        self._waiting: list[Frame] = []
        self._since = Fraction(0)  # start of the window that is filled
        self._seconds = 0.0  # of video seen so far
        self._running: list[_Running] = []
        self._looked: list[Fraction] = []
        self._alike: dict[int, list[SampleInfo]] = defaultdict(list)  # by the sample asked about
        self._findings: list[Finding] = []
        self._tags: list[Tag] = []
        self._failures: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._face: Frame | None = None  # the frame with the most in it, for the description
        self._description = ""
        self._checked = False

    @property
    def looked(self) -> tuple[Fraction, ...]:
        """When frames lie that were judged, seconds, ascending."""
        return tuple(sorted(self._looked))

    def consider(self, sample: Sample, pdq: PdqHash | None, seen: Sequence[Finding]) -> None:
        """One sample, ascending, with what cheaper analysers found in it."""
        if any(labels.covers(labels.CHILD_SAFETY, finding.label) for finding in seen):
            self._withhold("a child-safety match: nothing of this video is sent to a model")
        if self._withheld:
            return
        time = sample.info.time
        self._seconds = max(self._seconds, float(time))
        if self._waiting and (time - self._since >= WINDOW_S or len(self._waiting) >= MOST_WAITING):
            self._send(time)
        like = self._novelty.like(sample.info, pdq)
        if like is not None and sample.info.reason is not SampleReason.UNSEEN:
            self._alike[like].append(sample.info)
            return
        said = self._memory.recall(pdq, seen)
        if said is not None:
            self._counts["remembered"] += 1
            self._take(sample.info, said, how="as a frame like it was judged before")
            return
        self._waiting.append(Frame(sample.info, tile_of(sample.active), pdq))
        self._pump(wait_for_all=False)

    def finish(self) -> Looked:
        """Wait for every answer."""
        if not self._withheld:
            self._send(Fraction(math.ceil(self._seconds + 1)))
            self._pump(wait_for_all=True)
            self._describe()
        over = self._triage.over(self._seconds) + self._detail.over(self._seconds)
        missing = sum(self._failures.values())
        told = [f"{words}" for words, _count in self._failures.most_common(_TOLD)]
        reasons = [
            self._withheld,
            f"no answer about {counted(missing, 'frame')}: {'; '.join(told)}" if missing else "",
            f"{counted(over, 'question')} more than the profile plans for" if over else "",
            f"without the verdict cache: {self._memory.trouble}" if self._memory.trouble else "",
        ]
        return Looked(
            findings=(*self._findings, *self._spread()),
            tags=tuple(self._tags),
            reason="; ".join(reason for reason in reasons if reason),
            unavailable=bool(missing or self._withheld),
            retryable=not self._withheld,
            looked_at=self.looked,
            counts=tuple(sorted(self._counts.items())),
            description=self._description,
        )

    def _withhold(self, why: str) -> None:
        self._withheld = self._withheld or why
        self._waiting.clear()
        self._face = None
        for running in self._running:
            running.rounds.close()
            for future in running.futures:
                future.cancel()
        self._running.clear()

    def _send(self, until: Fraction) -> None:
        """Ask about the window's frames: what its length allows, in groups where they are more."""
        waiting, self._waiting = self._waiting, []
        allowed = self._triage.of_window(min(until - self._since, Fraction(WINDOW_S)))
        self._since = until
        for group in groups(waiting, allowed=allowed, together=self._profile.frames_per_request):
            rounds = judge(self._prompt, group, detailed=self._wants_detail)
            running = _Running(rounds)
            self._running.append(running)
            self._ask(running, next(rounds))
            for frame in group:
                if self._face is None or _richness(frame) > _richness(self._face):
                    self._face = frame

    def _wants_detail(self) -> bool:
        """A doubtful frame gets its detail as long as the profile allows any."""
        if self._profile.detail_calls <= 0:
            return False
        self._detail.used += 1
        return True

    def _ask(self, running: _Running, puts: Iterable[Put]) -> None:
        running.futures = [self._put(put) for put in puts]

    def _put(self, put: Put) -> Future[Answer]:
        self._counts[put.kind] += 1
        if put.urgency is Urgency.TRIAGE:
            self._triage.used += 1
        try:
            if not self._checked:
                self._vision.describe((*LETTERS, YES, NO))
                self._checked = True
            return self._vision.ask(put.question, urgency=put.urgency)
        except VisionUnavailable as error:
            failed: Future[Answer] = Future()
            failed.set_exception(error)
            return failed

    def _pump(self, *, wait_for_all: bool) -> None:
        """Go on with every group whose answers are there."""
        while self._running:
            ready = [each for each in self._running if all(one.done() for one in each.futures)]
            for running in ready:
                self._go_on(running)
            if not ready:
                if not wait_for_all:
                    return
                wait(self._running[0].futures)  # each ends: the client has a deadline for it

    def _go_on(self, running: _Running) -> None:
        try:
            puts = running.rounds.send([_reply(future) for future in running.futures])
        except StopIteration as end:
            self._running.remove(running)
            for judged in end.value:
                self._judged(judged)
        else:
            self._ask(running, puts)

    def _judged(self, judged: Judged) -> None:
        frame, said = judged.frame, judged.said
        if judged.failed:
            self._failures[judged.failed] += 1
        if said is not None:
            self._take(frame.info, said)
            if not judged.failed:
                self._memory.keep(frame.pdq, said)
        if judged.detail is not None:
            self._tell(judged.detail)

    def _take(self, info: SampleInfo, said: Said, *, how: str = "") -> None:
        """What was said of a frame, as findings; only what was asked about alone is one."""
        self._looked.append(info.time)
        if said.risk >= CLEAR:
            self._counts["doubtful"] += 1
        self._findings += [
            Finding(
                analyser=self.name,
                analyser_version=self.version,
                label=label,
                status=Status.OK,
                raw_score=value,
                span=Span(info.time, info.time),
                sample=info.index,
                detail=shorten(how),
                variant=f"order-{said.order}",
            )
            for label, value in sorted(said.yes.items())
            if value >= FLOOR
        ]

    def _spread(self) -> Iterable[Finding]:
        """What was said of a frame, said of those that look like it too: a rule that wants two
        samples must not fail because the second was not worth a question.
        """
        for finding in self._findings:
            if finding.sample is not None:
                for info in self._alike.get(finding.sample, ()):
                    yield replace(
                        finding,
                        span=Span(info.time, info.time),
                        sample=info.index,
                        detail="as a frame like it in this video",
                    )

    def _describe(self) -> None:
        """One detailed answer a video, where the profile allows it and no doubt brought one: less
        than a whole one a minute is kept for doubt.
        """
        if self._profile.detail_calls < 1 or self._face is None or self._description:
            return
        future = self._put(describe(self._prompt, self._face))
        reply = _reply(future)
        if isinstance(reply, VisionUnavailable):
            self._counts["undescribed"] += 1  # words for people: nothing is decided by them
        else:
            self._tell(reply)

    def _tell(self, answer: Answer) -> None:
        """Words about the video: never a score, and nothing is decided by them."""
        data = answer.data
        if not self._description:
            self._description = shorten(str(data.get("description", "")))
        likely = answer.token_probabilities.get("/category", {})
        category = str(data.get("category", ""))
        if category in likely:
            self._tags.append(Tag(category, round(likely[category], 4), "iab"))


def _richness(frame: Frame) -> int:
    return frame.pdq.quality if frame.pdq else 0


def _reply(future: Future[Answer]) -> Reply:
    try:
        return future.result()
    except VisionUnavailable as error:
        return error
    except CancelledError:
        return VisionUnavailable("the question was taken back")
