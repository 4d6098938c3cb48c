"""One work from its beginning, or from where it was left, to its end, under its asset's lease."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from framegate.catalog.works import Work, WorkStatus
from framegate.domain.asset import Asset, AssetDetails, SourceFile
from framegate.domain.layout import MASTER, MPD, POSTER, REPORT, REPORT_PAGE, VERDICT
from framegate.domain.policy import Action
from framegate.domain.serial import dump, load
from framegate.errors import CaseNotOpen, DiskFull, FramegateError
from framegate.flow.anew import back
from framegate.flow.process import ANEW, PROCESS, RELEASE, RENEW, Flows
from framegate.flow.state import Ending, Outcome, Run
from framegate.flow.workshop import Workshop
from framegate.jobs import Answer, Jobs, JobState
from framegate.services.wish import Wish
from framegate.stages.base import Progress
from framegate.stages.publish import is_intact
from framegate.storage import output_name
from framegate.storage.local import WorkLost, sha256_of
from framegate.storage.source import open_unchanged

type Opened = tuple[int, SourceFile | None]  # descriptor of a source, and what was hashed
NOT_READ: Opened = (-1, None)
FULL = (errno.ENOSPC, errno.EDQUOT)
REPORTS = (REPORT_PAGE, REPORT, VERDICT)
ENDED = frozenset({WorkStatus.PUBLISHED, WorkStatus.BLOCKED, WorkStatus.REVIEW})
MANIFESTS = (MASTER, MPD, POSTER)
BEGUN = frozenset({JobState.UNFINISHED, JobState.DONE})
LOST = frozenset({JobState.NONE, JobState.STALE})


@dataclass(frozen=True, slots=True)
class Done:
    """How a work ended: ``resumed`` from an earlier run, or ``already`` done before this one and
    only its reports ``renewed``; ``looked_anew`` names who could not look then and did now.
    """

    outcome: Outcome
    resumed: bool = False
    already: bool = False
    renewed: bool = False
    looked_anew: tuple[str, ...] = ()


class Runner:
    """Begins, resumes and records works."""

    def __init__(self, workshop: Workshop, flows: Flows, jobs: Jobs) -> None:
        self._workshop = workshop
        self._flows = flows
        self._jobs = jobs
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def process(self, asset: Asset, source: SourceFile, wish: Wish, progress: Progress) -> Done:
        """The whole job on one asset. Raises what its stages raise, and `AlreadyRunning`."""
        at = self._workshop
        if (claim := at.claims.of(asset, wish.policy)) is not None:
            wish = replace(wish, key=claim.key(wish.key))
        with self._alone(asset.id):
            known = at.works.get(asset.id, wish.key)
            # where files are gone or changed that a further look would rest on: anew
            with contextlib.suppress(WorkLost):
                if known is not None and (
                    done := self._looked_anew(known, asset, source, wish, progress)
                    or self._as_before(known, asset, wish, progress)
                ):
                    return done
            work = known or self._new(asset, wish)
            state = self._jobs.state(work.workflow_id)
            if known is not None and (known.outcome is not None or state in LOST):
                # done, but its output is gone; or its checkpoints are of no use: anew
                work = _next_attempt(work)
            resumed = state is JobState.UNFINISHED
            fd = open_unchanged(source)
            try:
                run = self._run(asset, (fd, source), wish, work, progress)
                try:
                    outcome = self._execute(PROCESS, work, run, {"job": work.workflow_id})
                except WorkLost:
                    # files that checkpoints vouch for are gone or changed: anew
                    work, resumed = _next_attempt(work), False
                    run = self._run(asset, (fd, source), wish, work, progress)
                    outcome = self._execute(PROCESS, work, run, {"job": work.workflow_id})
            finally:
                os.close(fd)
            return Done(outcome, resumed=resumed)

    def _looked_anew(
        self, work: Work, asset: Asset, source: SourceFile, wish: Wish, progress: Progress
    ) -> Done | None:
        """The result with what analysers say that could not look then, and can now; None where
        nobody is waited for or back, or a person or a block has ended it. Raises `WorkLost`.
        """
        if work.outcome is None or not (held := load(Outcome, work.outcome)).screened.awaited:
            return None
        if held.status is Ending.BLOCKED or held.decision.actor != "policy" or not held.encoded:
            return None
        job = f"{ANEW}-{work.asset_id}-{work.options_key}-{work.attempt}-{held.report_sha256[:16]}"
        begun = self._jobs.state(job) in BEGUN
        if not begun and not is_finished(work):
            return None
        names = held.screened.awaited if begun else back(self._workshop, held.screened.awaited)
        if not names:
            return None
        fd = open_unchanged(source)
        try:
            run = self._run(asset, (fd, source), wish, replace(work, workflow_id=job), progress)
            said = {"job": job, "held": work.outcome, "names": list(names)}
            outcome = self._execute(ANEW, work, run, said)
        finally:
            os.close(fd)
        return Done(outcome, looked_anew=tuple(names))

    def _as_before(self, work: Work, asset: Asset, wish: Wish, progress: Progress) -> Done | None:
        """The result that is there already, its reports told anew when the sender now says
        something else; None when it is not there.
        """
        if work.outcome is None:
            return None
        held, finished = load(Outcome, work.outcome), is_finished(work)
        if finished and held.asset.details == asset.details:
            self._put_away(work)
            return Done(held, already=True)
        job = _renewal_id(work, held, asset.details)
        if not finished and self._jobs.state(job) is not JobState.UNFINISHED:
            return None
        run = self._run(asset, NOT_READ, wish, replace(work, workflow_id=job), progress)
        said = {"job": job, "held": work.outcome}
        try:
            outcome = self._execute(RENEW, replace(work, options=dump(wish.options)), run, said)
        except WorkLost:
            return None
        return Done(outcome, already=True, renewed=True)

    def _put_away(self, work: Work) -> None:
        """Free the space; a case keeps its files until a person has decided."""
        if work.status is not WorkStatus.REVIEW:
            shown = work.status is WorkStatus.PUBLISHED
            self._workshop.data.put_away(work.asset_id, work.options_key, keep_samples=shown)

    def release(self, work: Work, wish: Wish, said: Answer, progress: Progress) -> Outcome:
        """Go on with a work that waits for a person; ``said``: action, reason, actor."""
        at = self._workshop
        with self._alone(work.asset_id):
            now = at.works.get(work.asset_id, work.options_key)
            if now is None or now.status is not WorkStatus.REVIEW or now.outcome is None:
                raise CaseNotOpen("the asset is not waiting for a decision")
            held = load(Outcome, now.outcome)
            action = Action(said["action"]).value
            job = f"{RELEASE}-{work.asset_id}-{work.options_key}-{work.attempt}-{action}"
            run = self._run(held.asset, NOT_READ, wish, replace(now, workflow_id=job), progress)
            request = {**said, "job": job, "held": now.outcome}
            try:
                return self._execute(RELEASE, now, run, request)
            except WorkLost as error:
                at.works.put(replace(now, status=WorkStatus.FAILED, updated_at=at.clock()))
                raise CaseNotOpen(
                    "what was kept for the decision is no longer complete",
                    f"{error} is missing or changed",
                    "Process the video again with the same options; it then waits anew",
                ) from error

    def _new(self, asset: Asset, wish: Wish) -> Work:
        folder = Path(wish.options.output).absolute() / output_name(asset.name, asset.id)
        return Work(
            asset_id=asset.id,
            options_key=wish.key,
            attempt=1,
            workflow_id=_job_id(asset.id, wish.key, 1),
            output=str(folder),
            status=WorkStatus.RUNNING,
            options=dump(wish.options),
            updated_at=self._workshop.clock(),
        )

    def _run(self, asset: Asset, opened: Opened, wish: Wish, work: Work, progress: Progress) -> Run:
        at = self._workshop
        fd, origin = opened
        return Run(
            asset=asset,
            source=fd,
            origin=origin,
            context=at.context(at.data.work(asset.id, work.options_key), progress),
            options=wish.options,
            policy=wish.policy,
            lists=wish.lists,
            output=Path(work.output),
            job_id=work.workflow_id,
            chunks_at_once=at.chunks_at_once,
            claim=at.claims.of(asset, wish.policy),
            vision=at.vision,
            remembered=at.remembered,
        )

    def _execute(self, flow: str, work: Work, run: Run, request: Answer) -> Outcome:
        at = self._workshop
        at.data.require_space(run.context.work)
        at.data.require_space(run.output)
        if flow == PROCESS:
            at.works.put(
                replace(work, status=WorkStatus.RUNNING, outcome=None, updated_at=at.clock())
            )
        try:
            with self._flows.at(run):
                answer = self._answer(flow, run, request)
        except FramegateError as error:
            if flow == PROCESS:
                failed = replace(
                    work,
                    status=WorkStatus.FAILED,
                    outcome=None,
                    error_code=error.code,
                    error_message=str(error),
                    updated_at=at.clock(),
                )
                with contextlib.suppress(DiskFull):  # then the error says so already
                    at.works.put(failed)
            raise
        outcome = load(Outcome, answer)
        done = replace(
            work,
            status=WorkStatus(outcome.status),
            outcome=answer,
            error_code=None,
            error_message=None,
            updated_at=at.clock(),
        )
        at.works.put(done)
        self._put_away(done)
        return outcome

    def _answer(self, flow: str, run: Run, request: Answer) -> Answer:
        """The flow's answer; a full disk has one name, whoever met it first."""
        try:
            return self._jobs.run(flow, run.job_id, request)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise DiskFull("no space left in the work area or the output") from error

    @contextmanager
    def _alone(self, asset_id: str) -> Iterator[None]:
        """Threads of this process wait for each other; another process is `AlreadyRunning`."""
        with self._guard:
            lock = self._locks.setdefault(asset_id, threading.Lock())
        with lock, self._workshop.leases.hold(asset_id):
            yield


def is_finished(work: Work) -> bool:
    """Whether a work is done and its own output is still there, not another work's in its place."""
    if work.outcome is None or work.status not in ENDED:
        return False
    output = Path(work.output)
    if not is_intact(output, REPORTS):
        return False
    if work.status is WorkStatus.PUBLISHED and not is_intact(output, MANIFESTS):
        return False
    try:
        return sha256_of(output / REPORT) == load(Outcome, work.outcome).report_sha256
    except OSError:
        return False


def _job_id(asset_id: str, key: str, attempt: int) -> str:
    return f"{PROCESS}-{asset_id}-{key}-{attempt}"


def _renewal_id(work: Work, held: Outcome, details: AssetDetails) -> str:
    """One for each change of what is said: the same on every run until it is told."""
    change = json.dumps([held.report_sha256, dump(details)], sort_keys=True)
    digest = hashlib.sha256(change.encode()).hexdigest()[:16]
    return f"{RENEW}-{work.asset_id}-{work.options_key}-{work.attempt}-{digest}"


def _next_attempt(work: Work) -> Work:
    attempt = work.attempt + 1
    return replace(
        work, attempt=attempt, workflow_id=_job_id(work.asset_id, work.options_key, attempt)
    )
