"""The store's URL: prints without its password, gives it only to who asks with `reveal`."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote

from pydantic import BeforeValidator, PlainSerializer
from pydantic_core import PydanticCustomError

_SQLITE = re.compile(r"sqlite:///(?P<path>[^?#:]+)")
_POSTGRESQL = re.compile(
    r"(?P<head>postgresql\+psycopg://)"
    r"(?:(?P<user>[^/@:?]*)(?::(?P<password>[^/@]*))?@)?"
    r"(?P<tail>[^@/]*/[^@/?]+(?:\?[^@]*)?)"
)
_RULE = 'it must be "sqlite:///FILE" (relative to data_dir) or "postgresql+psycopg://USER@HOST/DATABASE"'


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """Where the store is."""

    _text: str = field(repr=False)

    @property
    def is_sqlite(self) -> bool:
        """True for the embedded store."""
        return self._text.startswith("sqlite")

    @property
    def has_password(self) -> bool:
        """True when the URL itself carries a password."""
        return bool(self.password)

    @property
    def password(self) -> str:
        """The password that the URL itself carries, in clear; "" when there is none."""
        found = _POSTGRESQL.fullmatch(self._text)
        return unquote((found and found["password"]) or "")

    @property
    def sqlite_path(self) -> Path:
        """The database file, as written; only for SQLite."""
        return Path(self._text.removeprefix("sqlite:///"))

    def reveal(self, data_dir: Path, password: str | None = None) -> str:
        """Return the URL to connect with, password included and the database file absolute."""
        if self.is_sqlite:
            return f"sqlite:///{data_dir / self.sqlite_path}"
        found = _POSTGRESQL.fullmatch(self._text)
        if found is None or password is None:
            return self._text
        return f"{found['head']}{found['user'] or ''}:{quote(password, safe='')}@{found['tail']}"

    def __str__(self) -> str:
        return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", self._text)

    def __repr__(self) -> str:
        return f"StoreUrl({str(self)!r})"


def _parse(value: Any) -> StoreUrl:
    if isinstance(value, StoreUrl):
        return value
    if isinstance(value, str) and (_SQLITE.fullmatch(value) or _POSTGRESQL.fullmatch(value)):
        return StoreUrl(value)
    raise PydanticCustomError("store_url", _RULE)


StoreUrlField = Annotated[StoreUrl, BeforeValidator(_parse), PlainSerializer(str)]
