"""Works: what was asked for an asset, which flow does it, how far it is, where its output lies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from framegate.database import Engine, assets, insert, works


class WorkStatus(StrEnum):
    """Where a work stands."""

    RUNNING = "running"  # or cut short: whether somebody is at it is a matter of leases
    FAILED = "failed"  # the last run ended with an error; the next goes on from there
    PUBLISHED = "published"
    BLOCKED = "blocked"
    REVIEW = "review"  # waits for a person


@dataclass(frozen=True, slots=True)
class Work:
    """One asset processed with one set of options."""

    asset_id: str
    options_key: str
    attempt: int
    workflow_id: str
    output: str  # the output folder, absolute
    status: WorkStatus
    options: dict[str, Any]
    updated_at: datetime
    outcome: dict[str, Any] | None = None
    error_code: str | None = None
    error_message: str | None = None


class Works:
    """The table of works."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, work: Work) -> None:
        """Write a work's present state."""
        values = {
            "asset_id": work.asset_id,
            "options_key": work.options_key,
            "attempt": work.attempt,
            "workflow_id": work.workflow_id,
            "output": work.output,
            "status": work.status.value,
            "options": work.options,
            "outcome": work.outcome,
            "error_code": work.error_code,
            "error_message": work.error_message,
            "updated_at": work.updated_at.isoformat(),
        }
        with self._engine.begin() as connection:
            connection.execute(
                insert(works)
                .values(values)
                .on_conflict_do_update(index_elements=["asset_id", "options_key"], set_=values)
            )

    def get(self, asset_id: str, options_key: str) -> Work | None:
        """One work, or None."""
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(works).where(
                    works.c.asset_id == asset_id, works.c.options_key == options_key
                )
            ).first()
        return None if row is None else _work(row)

    def of(self, asset_id: str) -> tuple[Work, ...]:
        """All works on an asset, last changed first."""
        return self._where(works.c.asset_id == asset_id)

    def waiting(self, tenant: str) -> tuple[Work, ...]:
        """The tenant's works that wait for a person, last changed first."""
        theirs = sa.select(assets.c.id).where(assets.c.tenant == tenant)
        return self._where(
            (works.c.status == WorkStatus.REVIEW.value) & works.c.asset_id.in_(theirs)
        )

    def ended(self, tenant: str) -> tuple[Work, ...]:
        """The tenant's works that have a result, last changed first."""
        theirs = sa.select(assets.c.id).where(assets.c.tenant == tenant)
        found = self._where(works.c.asset_id.in_(theirs))
        return tuple(work for work in found if work.outcome is not None)

    def wanted(self, since: datetime, asset_id: str | None = None) -> frozenset[tuple[str, str]]:
        """Asset and options key of each work whose folder is still needed: a person is to decide
        on it, or it was begun or ended after ``since``. Of one asset, or of all.
        """
        fresh = works.c.updated_at >= since.isoformat()
        query = sa.select(works.c.asset_id, works.c.options_key).where(
            fresh | (works.c.status == WorkStatus.REVIEW.value),
            works.c.asset_id == asset_id if asset_id else sa.true(),
        )
        with self._engine.connect() as connection:
            return frozenset((row.asset_id, row.options_key) for row in connection.execute(query))

    def _where(self, condition: sa.ColumnElement[bool]) -> tuple[Work, ...]:
        query = sa.select(works).where(condition).order_by(works.c.updated_at.desc())
        with self._engine.connect() as connection:
            return tuple(_work(row) for row in connection.execute(query))


def _work(row: Any) -> Work:  # noqa: ANN401 - a row's columns are not typed
    return Work(
        asset_id=row.asset_id,
        options_key=row.options_key,
        attempt=row.attempt,
        workflow_id=row.workflow_id,
        output=row.output,
        status=WorkStatus(row.status),
        options=row.options,
        updated_at=datetime.fromisoformat(row.updated_at),
        outcome=row.outcome,
        error_code=row.error_code,
        error_message=row.error_message,
    )
