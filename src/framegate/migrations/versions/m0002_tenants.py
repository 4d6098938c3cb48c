"""Assets are looked up within their tenant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Lift the tenant out of the details into a column of its own."""
    op.add_column("assets", sa.Column("tenant", sa.Text, nullable=False, server_default=""))
    assets = sa.table("assets", sa.column("tenant"), sa.column("details", sa.JSON))
    op.execute(sa.update(assets).values(tenant=assets.c.details["tenant"].as_string()))
    op.create_index("ix_assets_tenant_id", "assets", ["tenant", "id"])
