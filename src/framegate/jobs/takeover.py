"""Going on with a flow whose process is gone: the only use of what DBOS keeps to itself.

DBOS recovers all flows of one executor at once and through a queue that every process polls. Here
exactly one flow is claimed, by the process that was asked for it: one UPDATE gives the row a new
owner token (a process that only seemed dead is then refused by DBOS's own fencing at its next
checkpoint), and the claimed row is handed to what DBOS's queue runner calls for a row it claimed.
tests/contract/test_jobs.py breaks when a release changes any of it; the pin is ``~=3.4.0``.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from dbos import DBOS
from dbos._core import execute_dequeued_workflow  # the queue runner's own entry, see above

from framegate.errors import AlreadyRunning


@dataclass(frozen=True, slots=True)
class JobRow:
    """What the takeover needs of ``workflow_status``."""

    status: str
    contract: str


def look(dbos: DBOS, job_id: str) -> JobRow | None:
    """Read a flow's row; None when there is none."""
    status: Any = dbos._sys_db.get_workflow_status(job_id)  # noqa: SLF001 - contract-tested
    if status is None:
        return None
    return JobRow(
        status=status["status"],
        contract=status["app_version"] or "",
    )


def resume(dbos: DBOS, job_id: str, executor: str) -> dict[str, Any]:
    """Claim a PENDING flow and run it to its end on a thread of DBOS; returns its result.

    Raises `AlreadyRunning` when it is no longer PENDING.
    """
    database: Any = dbos._sys_db  # noqa: SLF001 - contract-tested
    table = database.tables.workflow_status
    token = str(uuid.uuid4())
    with database.engine.begin() as connection:
        claimed = connection.execute(
            table.update()
            .where(table.c.workflow_uuid == job_id, table.c.status == "PENDING")
            .values(owner_xid=token, executor_id=executor)
        ).rowcount
    if not claimed:
        raise AlreadyRunning("the unfinished work was taken by another process")
    handle = execute_dequeued_workflow(dbos, database.get_workflow_status(job_id), token)
    result: dict[str, Any] = handle.get_result()
    return result
