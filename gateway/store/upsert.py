"""INSERT … ON CONFLICT, which SQLite and PostgreSQL spell alike and SQLAlchemy keeps in two places."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

#: Says, from the row that came, what the columns of the row that is there become.
Merge = Callable[[Any], Mapping[str, Any]]


def insert_missing(connection: Connection, table: Table) -> Any:
    """Return an insert that leaves alone the rows that are there."""
    return _insert_missing(connection.dialect.name, table)


def upsert(connection: Connection, table: Table, *keys: str, merge: Merge | None = None) -> Any:
    """Return an insert that merges into the row with the same keys; without a merge it replaces the others."""
    return _upsert(connection.dialect.name, table, keys, merge)


def _insert(dialect: str, table: Table) -> Any:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def _insert_missing(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _upsert(dialect: str, table: Table, keys: tuple[str, ...], merge: Merge | None) -> Any:
    insert = _insert(dialect, table)
    new = insert.excluded
    others = merge(new) if merge else {c.name: new[c.name] for c in table.columns if c.name not in keys}
    return insert.on_conflict_do_update(index_elements=list(keys), set_=dict(others))
