"""Decisions: appended, never changed. The database itself refuses UPDATE and DELETE."""

from __future__ import annotations

import sqlalchemy as sa

from framegate.database import Engine, decisions, insert
from framegate.domain.policy import Decision
from framegate.domain.serial import dump, load


class Decisions:
    """The append-only table of decisions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, decision: Decision) -> None:
        """Add one; the same id again is the same decision (a step that is run again)."""
        with self._engine.begin() as connection:
            connection.execute(
                insert(decisions)
                .values(
                    id=decision.id,
                    asset_id=decision.asset_id,
                    actor=decision.actor,
                    at=decision.at.isoformat(),
                    action=decision.verdict.action.value,
                    record=dump(decision),
                )
                .on_conflict_do_nothing(index_elements=["id"])
            )

    def of(self, asset_id: str) -> tuple[Decision, ...]:
        """All decisions on an asset, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(decisions.c.record)
                .where(decisions.c.asset_id == asset_id)
                .order_by(decisions.c.number)
            ).scalars()
            return tuple(load(Decision, record) for record in rows)
