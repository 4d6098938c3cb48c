"""Alembic's entry: the connection always comes from `framegate.database`."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    # DBOS keeps its tables in the same file and migrates them itself
    version_table="framegate_migrations",
    transactional_ddl=True,  # the caller has begun one
)
with context.begin_transaction():
    context.run_migrations()
