"""Assets: what was sent, as it was first seen, with what its sender last said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from framegate.database import Connection, Engine, assets, insert
from framegate.domain.asset import Asset, AssetDetails
from framegate.domain.serial import dump, load
from framegate.errors import AssetUnknown

_SHORTEST_PREFIX = 4


class Assets:
    """The table of assets."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def remember(self, asset: Asset) -> Asset:
        """Add an asset; when its bytes came before, only its details are written anew.

        ``duplicate_of`` then holds the name under which they came first.
        """
        details = dump(asset.details)
        with self._engine.begin() as connection:
            connection.execute(
                insert(assets)
                .values(
                    id=asset.id,
                    name=asset.name,
                    sha256=asset.sha256,
                    md5=asset.md5,
                    size_bytes=asset.size_bytes,
                    media_type=asset.media_type,
                    details=details,
                    first_seen=asset.first_seen.isoformat(),
                    tenant=asset.details.tenant,
                )
                .on_conflict_do_update(index_elements=["id"], set_={"details": details})
            )
            first = _asset(_row(connection, asset.id))
        if first.first_seen == asset.first_seen and first.name == asset.name:
            return asset
        return replace(asset, first_seen=first.first_seen, duplicate_of=first.name)

    def get(self, tenant: str, asset_id: str) -> Asset:
        """One of the tenant's, by its id or a beginning of at least 4 digits that is unique among
        them; raises `AssetUnknown`. Another tenant's asset is not there: it makes no difference.
        """
        if len(asset_id) < _SHORTEST_PREFIX or not asset_id.isalnum():
            raise AssetUnknown(f"no asset {asset_id!r}", "an id has 32 hex digits")
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(assets)
                .where(assets.c.tenant == tenant, assets.c.id.startswith(asset_id))
                .limit(2)
            ).all()
        if not rows:
            raise AssetUnknown(f"no asset {asset_id!r}")
        if len(rows) > 1:
            raise AssetUnknown(f"more than one asset begins with {asset_id!r}")
        return _asset(rows[0])


def _row(connection: Connection, asset_id: str) -> Any:  # noqa: ANN401 - a row's columns are not typed
    return connection.execute(sa.select(assets).where(assets.c.id == asset_id)).one()


def _asset(row: Any) -> Asset:  # noqa: ANN401 - a row's columns are not typed
    return Asset(
        id=row.id,
        name=row.name,
        sha256=row.sha256,
        md5=row.md5,
        size_bytes=row.size_bytes,
        media_type=row.media_type,
        details=load(AssetDetails, row.details),
        first_seen=datetime.fromisoformat(row.first_seen),
    )
