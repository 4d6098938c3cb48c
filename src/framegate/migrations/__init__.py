"""Alembic migrations of the catalog; run at every start by `framegate.database`."""
