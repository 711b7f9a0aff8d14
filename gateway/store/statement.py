"""Statements written in Core, compiled once, and handed to the driver as they are.

For a small commit SQLAlchemy would spend more time on preparing and reading than the database on its work, and hold
the interpreter meanwhile. Here go only what both drivers take and give: str, bytes, int, float, bool, None. Errors are
the driver's own.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Dialect, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from gateway.store.schema import Name
from gateway.store.text import storable


class among(ColumnElement[bool]):  # noqa: N801 - reads as a word of SQL
    """The column is one of `ids`, which `query` is given: the same statement however many there are."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[int]) -> None:
        self.column = column
        self.ids: BindParameter[Any] = bindparam("ids")


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = compiler.process(element.column, **options), compiler.process(element.ids, **options)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 - of what SQLAlchemy compiled


@compiles(among, "postgresql")
def _among_postgresql(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = compiler.process(element.column, **options), compiler.process(element.ids, **options)
    return f"{column} = ANY({ids})"


def execute(connection: Connection, statement: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute the statement for each row; the keys of a row name the statement's parameters, all of them.

    All that a commit writes goes through here, and what no database takes is replaced in every text but a name.
    """
    if rows:
        sql, words = _written(connection.dialect, statement, tuple(rows[0]))
        with _cursor(connection) as cursor:
            cursor.executemany(sql, storable(rows, words))


def query(connection: Connection, statement: ClauseElement, ids: Collection[int]) -> list[Any]:
    """Return the rows of a statement in which something is `among` the ids, as tuples."""
    if not ids:
        return []
    given = list(ids)
    sql, literals = _compiled(connection.dialect, statement)
    with _cursor(connection) as cursor:
        cursor.execute(sql, {**literals, "ids": str(given) if connection.dialect.name == "sqlite" else given})
        rows: list[Any] = cursor.fetchall()
    return rows


def _cursor(connection: Connection) -> Any:
    return closing(connection.connection.cursor())


@lru_cache(maxsize=64)
def _compiled(dialect: Dialect, statement: ClauseElement) -> tuple[str, Mapping[str, Any]]:
    compiled = statement.compile(dialect=dialect)
    return str(compiled), compiled.params


@lru_cache(maxsize=256)
def _written(dialect: Dialect, statement: ClauseElement, keys: tuple[str, ...]) -> tuple[str, Sequence[str]]:
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(keys), for_executemany=True)
    if set(compiled.params) != set(keys):
        raise TypeError(f"the rows have {sorted(keys)}; the statement takes {sorted(compiled.params)}")
    texts = {key: kind for key in keys if isinstance(kind := compiled.binds[key].type, String)}
    return str(compiled), [key for key, kind in texts.items() if not isinstance(kind, Name)]
