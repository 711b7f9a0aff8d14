"""Bring the schema of an opened store up to date with Alembic."""

from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def configuration(connection: Connection) -> Config:
    """Return what Alembic's commands need to work inside the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def migrate(connection: Connection) -> None:
    """Run the migrations that the store has not seen; raises CommandError when it is from a newer gateway."""
    command.upgrade(configuration(connection), "head")


class Standing(StrEnum):
    """How a store's schema stands to this gateway's."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    #: It has none: it is empty, or no store of a gateway.
    NONE = "none"


def standing(connection: Connection) -> Standing:
    """Look which schema the store has, and change nothing."""
    found = revision(connection)
    known = ScriptDirectory.from_config(configuration(connection))
    if found is None:
        return Standing.NONE
    if found == known.get_current_head():
        return Standing.CURRENT
    return Standing.OLDER if found in {each.revision for each in known.walk_revisions()} else Standing.NEWER


def revision(connection: Connection) -> str | None:
    """Return the name of the store's schema; None where it has none."""
    return MigrationContext.configure(connection).get_current_revision()
