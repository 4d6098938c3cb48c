"""Durable steps: the one door to DBOS.

A flow is a function of `Steps` and a JSON request. Each step's JSON result is committed before the
next step begins; a flow that was cut short, by kill -9, by Ctrl-C or by an error, stays PENDING in
the database, and the next `Jobs.run` of the same id goes on after its last finished step.

Why errors leave a flow PENDING: DBOS would record a raised `Exception` as the step's result and
raise it again on every replay, but a full disk or a missing model is not a result. `_Halt` is no
`Exception`, so DBOS records nothing, exactly as when the process is killed.

Why no DBOS queue: every process polls a queue, so two commands on one machine would take each
other's work. A flow runs in the process that was asked for it; `takeover` claims an abandoned one.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, cast

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import DBOSPortableJSONSerializer as PortableJson

from framegate.database import Engine
from framegate.errors import FramegateError, Internal
from framegate.jobs import takeover

type Answer = dict[str, Any]
type Flow = Callable[[Steps, Answer], Answer]

# Checkpoints of one contract are only read by code of the same contract. Raise it when a flow's
# steps change in number, order, name or meaning; unfinished flows of an older one start afresh.
CONTRACT = 4

ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
FORGOTTEN_AT_ONCE = 500  # rows of one transaction: others wait for it


class JobState(StrEnum):
    """What the database says about a flow."""

    NONE = "none"
    UNFINISHED = "unfinished"  # running, or cut short; who runs it is a matter of leases
    DONE = "done"
    STALE = "stale"  # of another contract, or ended in a way that can't go on


class Steps(Protocol):
    """What a flow may do. Calls must come in the same order on every run."""

    def run(self, name: str, work: Callable[[], Answer]) -> Answer:
        """The recorded result of this step, or do it now and record it."""

    def parallel(
        self, name: str, works: Sequence[Callable[[], Answer]], *, at_once: int
    ) -> list[Answer]:
        """Several steps at a time, results in the order given.

        When one raises, those already begun are let finish (and are recorded), no other begins,
        and the first error is raised.
        """


class _Halt(BaseException):
    """Carries an error through DBOS without it being recorded."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Interrupted(Exception):
    """The process is stopping: whatever a step returns or raises now is not its result."""


class _DurableSteps:
    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping

    def _guarded[T](self, work: Callable[[], T]) -> Callable[[], T]:
        def attempt() -> T:
            if self._stopping.is_set():
                raise _Halt(Interrupted())
            try:
                result = work()
            except Exception as error:
                raise _Halt(error) from error
            if self._stopping.is_set():
                # its children may have been killed under it: what it says cannot be trusted
                raise _Halt(Interrupted())
            return result

        return attempt

    def run(self, name: str, work: Callable[[], Answer]) -> Answer:
        return DBOS.run_step({"name": name}, self._guarded(work))

    def parallel(
        self, name: str, works: Sequence[Callable[[], Answer]], *, at_once: int
    ) -> list[Answer]:
        # Step numbers are drawn here, in order; the threads only use them.
        drawn = [(DBOS.reserve_step(), work) for work in works]
        stop = threading.Event()

        def one(index: int) -> Answer:
            if stop.is_set():
                raise _Stopped
            reservation, work = drawn[index]
            try:
                return reservation.run({"name": name}, self._guarded(work))
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(max(1, at_once), thread_name_prefix=name) as pool:
            futures = [
                pool.submit(contextvars.copy_context().run, one, index)
                for index in range(len(drawn))
            ]
            wait(futures)
        errors = [error for future in futures if (error := future.exception()) is not None]
        for error in errors:
            if not isinstance(error, _Stopped):
                raise error
        return [future.result() for future in futures]


class _Stopped(BaseException):
    """A parallel step that was not begun because another one failed."""


class Jobs:
    """The engine of one process. DBOS allows one at a time in a process."""

    def __init__(
        self, engine: Engine, flows: Mapping[str, Flow], *, executor: str, contract: int = CONTRACT
    ) -> None:
        """``executor`` must be new for every process start."""
        self._contract = str(contract)
        self._executor = executor
        self._stopping = threading.Event()
        _quiet()
        config: DBOSConfig = {
            "name": "framegate",
            "system_database_engine": engine,
            "serializer": PortableJson(),
            "application_version": self._contract,
            "executor_id": executor,
            "enable_otlp": False,
            "log_level": "ERROR",
            # nothing here waits for messages; this only bounds how long closing takes
            "notification_listener_polling_interval_sec": 0.2,
        }
        self._dbos = DBOS(config=config)
        self._flows = {name: self._register(name, flow) for name, flow in flows.items()}
        DBOS.launch()

    def _register(self, name: str, flow: Flow) -> Callable[[Answer], Answer]:
        steps = _DurableSteps(self._stopping)

        def durable(request: Answer) -> Answer:
            try:
                return flow(steps, request)
            except Exception as error:
                raise _Halt(error) from error

        return cast(
            "Callable[[Answer], Answer]",
            # attempts are not counted: each one was asked for by a person or a supervisor
            DBOS.workflow(name=name, max_recovery_attempts=None)(durable),
        )

    def state(self, job_id: str) -> JobState:
        """Where a flow stands."""
        row = takeover.look(self._dbos, job_id)
        if row is None:
            return JobState.NONE
        if row.status == "SUCCESS":
            return JobState.DONE
        if row.status == "PENDING" and row.contract == self._contract:
            return JobState.UNFINISHED
        return JobState.STALE

    def run(self, flow: str, job_id: str, request: Answer) -> Answer:
        """Begin a flow, go on with an unfinished one, or return the result of a finished one.

        The caller holds the lease of this work: an unfinished flow is then nobody's. Blocks; what
        the flow raises is raised here, and the flow stays unfinished.
        """
        try:
            with _engine_faults():
                if self.state(job_id) is JobState.UNFINISHED:
                    return takeover.resume(self._dbos, job_id, self._executor)
                with SetWorkflowID(job_id):
                    return self._flows[flow](request)
        except _Halt as halt:
            if self._stopping.is_set():
                raise Interrupted from halt.error
            raise halt.error from halt.error.__cause__

    def forget(self, *, before: datetime) -> int:
        """Delete the records of flows that ended before then, checkpoints included; returns how
        many. What has not ended is kept, however old: somebody may go on with it.
        """
        forgotten = 0
        with _engine_faults():
            while ended := DBOS.list_workflows(
                status=ENDED,
                completed_before=before.isoformat(),
                limit=FORGOTTEN_AT_ONCE,
                load_input=False,
                load_output=False,
            ):
                DBOS.delete_workflows([each.workflow_id for each in ended])
                forgotten += len(ended)
        return forgotten

    def stop(self) -> None:
        """From now on no step is recorded: what runs ends as if the process had been killed.
        Called before children are killed, so that their deaths are not taken for results.
        """
        self._stopping.set()

    def close(self) -> None:
        """Stop the engine's threads; unfinished flows stay unfinished."""
        DBOS.destroy(destroy_registry=True)


@contextmanager
def _engine_faults() -> Iterator[None]:
    """What DBOS raises of its own is `Internal`."""
    try:
        yield
    except FramegateError:
        raise
    except Exception as error:
        raise Internal("the job engine failed", f"{type(error).__name__}: {error}") from error


def _quiet() -> None:
    """DBOS installs a handler of its own unless there is one; its records go to ours instead."""
    log = logging.getLogger("dbos")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    log.propagate = True
    log.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """What DBOS logs with a traceback and then raises all the same is told once, by who catches."""
    return not record.getMessage().startswith("DBOS failed to launch")
