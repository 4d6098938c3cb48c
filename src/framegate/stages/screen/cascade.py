"""The cascade: hashes first, then whoever wants a sample, in batches.

samples ──► hash ──► PDQ ──► every=SAMPLE  ──► batch ──► analyse
                        ├──► every=NOVEL: unlike (PDQ) the last one shown in this shot
                        └──► every=SHOT: the first of each shot
                        then judges: with what was found in each sample
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from framegate.domain.captions import CaptionTrack, Cue
from framegate.domain.creator import Verification
from framegate.domain.findings import EXACT_LEVEL, AnalyserRun, Finding, Status, Tag
from framegate.domain.frames import Sample
from framegate.domain.hashlist import distance
from framegate.stages.screen.coverage import Looks
from framegate.stages.screen.protocol import (
    Analyser,
    AudioAnalyser,
    CaptionAnalyser,
    Described,
    Every,
    Judge,
    Looked,
    PdqHash,
    Sound,
    Unavailable,
)

NOVEL_BITS = 16  # of 256 PDQ bits: neighbours of one take differ by under 10
SURE = 50  # PDQ quality under which a hash is no proof of likeness
GROUP = 8  # samples hashed together before the others are asked


class _Shown(NamedTuple):
    shot: int
    pdq: PdqHash | None


@dataclass(slots=True)
class _Account:
    """What one analyser brought, and what it cost."""

    of: Described
    findings: list[Finding] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    faces_most: int = 0
    language: str | None = None
    identity: Verification | None = None
    reasons: list[str] = field(default_factory=list)
    unavailable: bool = False
    retryable: bool = False
    times: list[Fraction] = field(default_factory=list)
    cpu_s: float = 0.0
    counts: tuple[tuple[str, int], ...] = ()
    description: str = ""
    told: int = 0  # findings that judges know of

    def add(self, looked: Looked) -> None:
        self.findings += looked.findings
        self.tags += looked.tags
        self.faces_most = max([self.faces_most, *(count.faces for count in looked.faces)])
        self.language = looked.spoken_language or self.language
        self.identity = looked.identity or self.identity
        self.unavailable |= looked.unavailable
        self.retryable |= looked.unavailable and looked.retryable
        self.times += looked.looked_at
        self.counts += looked.counts
        self.description = self.description or looked.description
        if looked.reason and looked.reason not in self.reasons:
            self.reasons.append(looked.reason)

    def new_findings(self) -> Sequence[Finding]:
        """Since the last call."""
        new = self.findings[self.told :]
        self.told = len(self.findings)
        return new

    def run(self, status: Status | None = None, reason: str = "") -> AnalyserRun:
        ended = Status.UNAVAILABLE if self.unavailable else Status.OK
        return AnalyserRun(
            analyser=self.of.name,
            version=self.of.version,
            level=self.of.level,
            status=status or ended,
            reason=reason or "; ".join(self.reasons),
            labels=self.of.labels,
            model=self.of.model,
            model_sha256=self.of.model_sha256,
            samples_seen=len(self.times),
            cpu_s=round(self.cpu_s, 3),
            counts=self.counts,
            retryable=self.retryable,
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What the whole cascade brought."""

    findings: tuple[Finding, ...] = ()
    tags: tuple[Tag, ...] = ()
    faces_most: int = 0
    spoken_language: str | None = None
    identity: Verification | None = None
    runs: tuple[AnalyserRun, ...] = ()
    pdq: dict[int, PdqHash] = field(default_factory=dict)  # by sample
    looks: dict[str, list[Looks]] = field(default_factory=dict)  # by level
    description: str = ""


class Cascade:
    """Shows samples to analysers; used by one thread."""

    def __init__(
        self,
        analysers: Sequence[Analyser],
        judges: Sequence[Judge] = (),
        *,
        every_sample: bool = False,
        before: Iterable[Finding] = (),
    ) -> None:
        """``every_sample``: whatever an analyser wants, it is shown all. ``before``: what others
        found in these samples earlier, for judges to know.
        """
        self._before: dict[int, list[Finding]] = defaultdict(list)
        for finding in before:
            if finding.sample is not None:
                self._before[finding.sample].append(finding)
        self._judges = [(each, _Account(each)) for each in judges]
        self._hashers = [(each, _Account(each)) for each in analysers if each.level == EXACT_LEVEL]
        self._others = [
            _Queue(each, _Account(each), every_sample=every_sample)
            for each in analysers
            if each.level != EXACT_LEVEL
        ]
        self._group: list[Sample] = []
        self._pdq: dict[int, PdqHash] = {}

    def show(self, sample: Sample) -> None:
        """One sample, ascending in time; it may wait for its batch."""
        self._group.append(sample)
        if len(self._group) >= GROUP:
            self._look()

    def finish(self) -> Seen:
        """Everything that waits, then the analysers' last words."""
        self._look()
        for queue in self._others:
            queue.flush()
        accounts = [*(account for _each, account in self._hashers)]
        for hasher, account in self._hashers:
            _timed(account, hasher.finish)
        for queue in self._others:
            _timed(queue.account, queue.analyser.finish)
            accounts.append(queue.account)
        for judge, account in self._judges:
            _timed(account, judge.finish)
            accounts.append(account)
        return _total(accounts, self._pdq)

    def _look(self) -> None:
        group, self._group = self._group, []
        for hasher, account in self._hashers:
            for first in range(0, len(group), hasher.batch):
                part = group[first : first + hasher.batch]
                looked = _timed(account, partial(hasher.analyse, part))
                account.times += [sample.info.time for sample in part]
                self._pdq |= {found.sample: found for found in looked.pdq}
        for sample in group:
            for queue in self._others:
                queue.offer(sample, self._pdq.get(sample.info.index))
        if self._judges:
            self._judge(group)

    def _judge(self, group: Sequence[Sample]) -> None:
        """What is cheaper has its say first, about every sample of the group."""
        for queue in self._others:
            queue.flush()
        found: dict[int, list[Finding]] = defaultdict(list)
        accounts = [account for _each, account in self._hashers]
        for account in (*accounts, *(queue.account for queue in self._others)):
            for finding in account.new_findings():
                if finding.sample is not None:
                    found[finding.sample].append(finding)
        for sample in group:
            index = sample.info.index
            for judge, account in self._judges:
                started = time.process_time()
                judge.consider(
                    sample, self._pdq.get(index), (*self._before.get(index, ()), *found[index])
                )
                account.cpu_s += time.process_time() - started


class _Queue:
    """One analyser's samples until a batch is full."""

    def __init__(self, analyser: Analyser, account: _Account, *, every_sample: bool) -> None:
        self.analyser = analyser
        self.account = account
        self._every = Every.SAMPLE if every_sample else analyser.every
        self._waiting: list[Sample] = []
        self._shown: _Shown | None = None

    def offer(self, sample: Sample, pdq: PdqHash | None) -> None:
        if not self._wanted(sample, pdq):
            return
        self._shown = _Shown(sample.info.shot, pdq)
        self._waiting.append(sample)
        if len(self._waiting) >= self.analyser.batch:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            batch, self._waiting = self._waiting, []
            _timed(self.account, partial(self.analyser.analyse, batch))
            self.account.times += [sample.info.time for sample in batch]

    def _wanted(self, sample: Sample, pdq: PdqHash | None) -> bool:
        shown = self._shown
        if self._every is Every.SAMPLE or shown is None or shown.shot != sample.info.shot:
            return True
        return self._every is Every.NOVEL and is_novel(shown.pdq, pdq)


class _Panel[A: (AudioAnalyser, CaptionAnalyser)]:
    """Analysers that are given a track, and what becomes of each."""

    def __init__(self, analysers: Sequence[A]) -> None:
        self._analysers: list[tuple[A, _Account]] = [(each, _Account(each)) for each in analysers]

    @property
    def wanted(self) -> bool:
        """Whether anybody is there."""
        return bool(self._analysers)

    def finish(self) -> Seen:
        """The analysers' last words."""
        for analyser, account in self._analysers:
            _timed(account, analyser.finish)
        return _total([account for _each, account in self._analysers], {})

    def skipped(self, reason: str) -> tuple[AnalyserRun, ...]:
        """The runs when there was nothing to give them."""
        return tuple(account.run(Status.SKIPPED, reason) for _each, account in self._analysers)


class Listening(_Panel[AudioAnalyser]):
    """Plays the sound of one track to the audio analysers."""

    def hear(self, start: Fraction, sound: Sound) -> None:
        """One block, ascending."""
        for analyser, account in self._analysers:
            _timed(account, partial(analyser.listen, start, sound))


class Reading(_Panel[CaptionAnalyser]):
    """Shows caption tracks to the analysers of captions."""

    def read(self, track: CaptionTrack, cues: Sequence[Cue]) -> None:
        """One track, whole."""
        for analyser, account in self._analysers:
            _timed(account, partial(analyser.read, track, cues))


def is_novel(shown: PdqHash | None, now: PdqHash | None) -> bool:
    """Whether a sample looks unlike the one shown before; without good hashes it does."""
    if shown is None or now is None or min(shown.quality, now.quality) < SURE:
        return True
    return distance(shown.pdq, now.pdq) > NOVEL_BITS


def not_run(missing: Sequence[Unavailable]) -> tuple[AnalyserRun, ...]:
    """The runs of analysers that are not here or switched off."""
    return tuple(
        AnalyserRun(
            analyser=each.name,
            version="",
            level=each.level,
            status=Status.NOT_RUN if each.off else Status.UNAVAILABLE,
            reason=each.reason,
            labels=each.labels,
            retryable=each.retryable and not each.off,
        )
        for each in missing
    )


def _timed(account: _Account, look: Callable[[], Looked]) -> Looked:
    """CPU is that of this process while it looked: decoding runs in another one."""
    started = time.process_time()
    looked = look()
    account.cpu_s += time.process_time() - started
    account.add(looked)
    return looked


def _total(accounts: Sequence[_Account], pdq: dict[int, PdqHash]) -> Seen:
    looks: dict[str, list[Looks]] = {}
    for account in accounts:
        if account.times:
            level = looks.setdefault(account.of.level, [])
            level.append(Looks(len(account.times), tuple(account.times)))
    return Seen(
        findings=tuple(finding for account in accounts for finding in account.findings),
        tags=tuple(tag for account in accounts for tag in account.tags),
        faces_most=max((account.faces_most for account in accounts), default=0),
        spoken_language=next((each.language for each in accounts if each.language), None),
        identity=next((each.identity for each in accounts if each.identity), None),
        runs=tuple(account.run() for account in accounts),
        pdq=pdq,
        looks=looks,
        description=next((each.description for each in accounts if each.description), ""),
    )
