"""Statements written in Core and compiled once, whose rows then go to the driver as they are.

For a batch of rows SQLAlchemy spends more time on preparing parameters than SQLite on storing them, and holds the
interpreter meanwhile. The rows given here hold only what both drivers take: str, bytes, int, float, bool, None.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.expression import ClauseElement


def execute(connection: Connection, statement: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute the statement for each row; the keys of a row name the statement's parameters, all of them."""
    if rows:
        sql = _compiled(connection.dialect, statement, tuple(rows[0]))
        connection.exec_driver_sql(sql, list(rows))


@lru_cache(maxsize=256)
def _compiled(dialect: Dialect, statement: ClauseElement, keys: tuple[str, ...]) -> str:
    compiled = statement.compile(dialect=dialect, column_keys=list(keys), for_executemany=True)
    if set(compiled.params) != set(keys):
        raise TypeError(f"the rows have {sorted(keys)}; the statement takes {sorted(compiled.params)}")
    return str(compiled)
