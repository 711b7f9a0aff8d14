"""The schema: brought up to date at every start, on both engines the same as the tables in the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, text

from gateway.errors import StoreError
from gateway.store.database import Database
from gateway.store.migrate import configuration
from gateway.store.schema import metadata
from tests.integration.store.scene import LANE, QUOTA, Scene, transition

if TYPE_CHECKING:
    from sqlalchemy import Connection


async def test_the_migrations_lead_to_the_tables_in_the_code(scene: Scene) -> None:
    """Nothing that Alembic can compare differs: tables, columns, types, defaults, indexes."""
    with scene.writing() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )

        assert compare_metadata(context, metadata) == []


async def test_partial_indexes_are_partial_and_ids_are_never_reused(scene: Scene) -> None:
    """What Alembic cannot compare: the migrated definitions are those that the code would create."""
    with scene.writing() as connection:
        migrated = definitions(connection)
        command.downgrade(configuration(connection), "base")
        metadata.create_all(connection)

        assert migrated == definitions(connection)
        assert sum("WHERE" in definition.upper() for definition in migrated.values()) == 2


def definitions(connection: Connection) -> dict[str, str]:
    """Return how the engine itself would write the indexes, and in SQLite which ids only grow."""
    if connection.dialect.name == "sqlite":
        query = (
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
            "UNION SELECT name, 'AUTOINCREMENT' FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"
        )
    else:
        query = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename <> 'alembic_version'"
    rows = connection.execute(text(query + " ORDER BY 1"))
    return {name: " ".join(sql.replace('"', "").split()) for name, sql in rows if "schemaname" not in name}


async def test_opening_again_changes_nothing(scene: Scene) -> None:
    """A store that is up to date keeps what it holds."""
    committed = await scene.tell(transition("a"))
    await scene.restart()

    assert (await scene.tell()).sizes == committed.sizes


async def test_the_way_back_leaves_an_empty_database(scene: Scene) -> None:
    """Downgrading drops everything, and the next start builds it again."""
    await scene.tell(transition("a"))
    await scene.store.close()
    with scene.writing() as connection:
        command.downgrade(configuration(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]

    scene.store = await Database.open(scene.url, lane_quota=QUOTA)
    assert (await scene.store.load()).messages == {}
    assert (await scene.tell(transition("a"))).messages == {LANE: 1}


async def test_a_migration_that_fails_leaves_the_store_as_it_was(url: str) -> None:
    """All of it is one transaction: a table that is in the way stays, and no other is made."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE queues (mine INTEGER)"))

    with pytest.raises(StoreError, match="queues"):
        await Database.open(url, lane_quota=QUOTA)

    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == ["queues"]
    engine.dispose()


async def test_a_store_of_a_newer_gateway_is_refused(scene: Scene) -> None:
    """It is neither touched nor set aside: a person installs the newer gateway."""
    await scene.tell(transition("a"))
    with scene.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await scene.store.close()
    with pytest.raises(StoreError, match="newer gateway"):
        await Database.open(scene.url, lane_quota=QUOTA)

    assert scene.rows(select(text("version_num")).select_from(text("alembic_version"))) == [("9999",)]
