"""The one database file: engine, transactions, schema.

Catalog tables and DBOS's tables share ``framegate.sqlite``, so that one file is backed up, moved
and erased. WAL lets readers go on while one writes; ``synchronous=FULL`` makes a commit survive a
power cut, which a checkpoint is for. WAL needs shared memory between processes, so the data folder
must lie on a local disk, not on a network file system.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.dialects.sqlite import insert

from framegate.errors import DiskFull, OutputNotWritable

DATABASE_NAME = "framegate.sqlite"
_BUSY_MS = 30_000

# the dialect's own, for `on_conflict_*`: named here alone, beside the engine that it belongs to
__all__ = ["Connection", "Engine", "assets", "connect", "creators", "decisions", "insert", "works"]

type Engine = sa.Engine
type Connection = sa.Connection

metadata = sa.MetaData()

assets = sa.Table(
    "assets",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("md5", sa.String(32), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("first_seen", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Index("ix_assets_tenant_id", "tenant", "id"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    sa.Column("asset_id", sa.String(32), sa.ForeignKey("assets.id"), nullable=False, index=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
)

creators = sa.Table(
    "creators",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("enrolled_at", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Text, nullable=True),
    sa.Column("record", sa.JSON, nullable=False),
    sa.Index(
        "ix_creators_open",
        "tenant",
        "name",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)

works = sa.Table(
    "works",
    metadata,
    sa.Column("asset_id", sa.String(32), sa.ForeignKey("assets.id"), primary_key=True),
    sa.Column("options_key", sa.String(16), primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("workflow_id", sa.Text, nullable=False),
    sa.Column("output", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("outcome", sa.JSON, nullable=True),
    sa.Column("error_code", sa.Text, nullable=True),
    sa.Column("error_message", sa.Text, nullable=True),
    sa.Column("updated_at", sa.Text, nullable=False),
)


def connect(home: Path) -> sa.Engine:
    """Open (and create or migrate) the database of a data folder.

    Raises `OutputNotWritable` or `DiskFull` when the folder cannot hold it.
    """
    path = home / DATABASE_NAME
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # made by us first: SQLite would create it with the umask's mode
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise OutputNotWritable(f"the data folder {home}", error.strerror or "") from error
    engine = sa.create_engine(f"sqlite:///{path}", pool_size=8, max_overflow=24)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "handle_error", _explain)
    try:
        _migrate(engine)
    except sa.exc.DatabaseError as error:  # also of a file that is no database, or a broken one
        engine.dispose()
        # "file is not a database", "disk image is malformed": not a matter of the moment
        broken = not isinstance(error, sa.exc.OperationalError)
        begin = "Restore it, or move it away to begin anew" if broken else "Run again"
        raise OutputNotWritable(
            f"the database {path} cannot be used",
            str(error.orig),
            f"{begin}, or set FRAMEGATE_HOME to another folder",
        ) from error
    return engine


def _explain(context: sa.ExceptionContext) -> None:
    """The one failure of SQLite that a person can mend: said in framegate's words."""
    if "database or disk is full" in str(context.original_exception):
        raise DiskFull("no space left where the database lies") from context.original_exception


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection
    """Same transaction rules as DBOS sets on an engine of its own (contract-tested)."""
    connection.isolation_level = "IMMEDIATE"  # writers queue instead of failing half-way
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    if connection.execute("SELECT unixepoch('subsec')").fetchone()[0] is None:
        # SQLite before 3.42 (Debian 12 has 3.40) lacks 'subsec', which DBOS takes for granted
        # from Python 3.12 on; the database file itself is the same either way.
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(mode: str) -> float | None:
    """What newer SQLite answers to ``unixepoch('subsec')``: seconds with milliseconds."""
    return time.time_ns() // 1_000_000 / 1000 if mode == "subsec" else None


def _migrate(engine: sa.Engine) -> None:
    """One transaction: a second process waits for it, and a kill in its middle leaves nothing."""
    config = Config()
    config.set_main_option("script_location", "framegate:migrations")
    with engine.begin() as connection:
        # sqlite3 opens no transaction for DDL by itself
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes.update(connection=connection, metadata=metadata)
        command.upgrade(config, "head")
