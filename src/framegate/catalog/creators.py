"""Creators: enrolments and what became of them. Holds nothing biometric."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from framegate.database import Engine, creators
from framegate.domain.creator import Enrolment
from framegate.domain.serial import dump, load
from framegate.errors import CreatorExists


class Creators:
    """The table of creators. Records stay when the enrolment has ended: the tombstone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, enrolment: Enrolment) -> None:
        """Remember a new one; raises `CreatorExists` while one of that name is open."""
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.insert(creators).values(
                        id=enrolment.id,
                        tenant=enrolment.tenant,
                        name=enrolment.name,
                        enrolled_at=enrolment.enrolled_at.isoformat(),
                        ended_at=None,
                        record=dump(enrolment),
                    )
                )
        except sa.exc.IntegrityError as error:
            raise CreatorExists(f"{enrolment.name} is enrolled already") from error

    def end(self, enrolment: Enrolment, *, at: datetime, by: str, why: str) -> Enrolment:
        """Close one for good; what had ended already stays as it is."""
        ended = replace(enrolment, ended_at=at, ended_by=by, ended_why=why)
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(creators)
                .where(creators.c.id == enrolment.id, creators.c.ended_at.is_(None))
                .values(ended_at=at.isoformat(), record=dump(ended))
            )
        return ended

    def last(self, tenant: str, name: str) -> Enrolment | None:
        """The open enrolment of a name, else the one that ended last, else None."""
        found = self._where((creators.c.tenant == tenant) & (creators.c.name == name))
        return next((each for each in found if each.ended_at is None), found[-1] if found else None)

    def of(self, tenant: str) -> tuple[Enrolment, ...]:
        """All of a tenant, oldest first."""
        return self._where(creators.c.tenant == tenant)

    def open(self) -> tuple[Enrolment, ...]:
        """Every tenant's that have not ended."""
        return self._where(creators.c.ended_at.is_(None))

    def any(self, tenant: str) -> bool:
        """Whether the tenant has ever enrolled anybody."""
        query = sa.select(creators.c.id).where(creators.c.tenant == tenant).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def _where(self, condition: sa.ColumnElement[bool]) -> tuple[Enrolment, ...]:
        query = sa.select(creators.c.record).where(condition).order_by(creators.c.enrolled_at)
        with self._engine.connect() as connection:
            return tuple(load(Enrolment, record) for record in connection.execute(query).scalars())
