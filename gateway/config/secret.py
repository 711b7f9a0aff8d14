"""A secret knows where its value comes from and gives it only to who asks with `reveal`."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gateway.config.section import directory_of
from gateway.errors import Denied, Scope

Kind = Literal["literal", "file", "env"]
_FORM = 'it must be text, { file = "PATH" } or { env = "NAME" }'


#: Longer than any token.
_MOST_BYTES: Final = 65_536


class Secret:
    """A literal, the content of a file (read again when it changes) or an environment variable."""

    __slots__ = ("_cached", "_kind", "_on_value", "_source", "_stamp")

    def __init__(self, source: str, kind: Kind = "literal") -> None:
        self._source = source
        self._kind = kind
        self._cached = ""
        self._stamp: tuple[int, ...] | None = None
        self._on_value: Callable[[str], None] = _nobody

    def reveal(self) -> str:
        """Return the value without one trailing line break; raises Denied when it is missing or empty."""
        value = self._value().removesuffix("\n").removesuffix("\r")
        if not value:
            raise self._missing("is empty")
        return value

    def watch(self, on_value: Callable[[str], None]) -> None:
        """Pass on the value as it is now, and whenever the file turns out to hold another one."""
        self._on_value = on_value
        with suppress(Denied):  # who needs it will say so, and go on when it is there
            on_value(self.reveal())

    def describe(self) -> str:
        """Say where the value comes from."""
        match self._kind:
            case "literal":
                return "a literal in the configuration"
            case "file":
                return f"the file {self._source}"
            case "env":
                return f"the environment variable {self._source}"

    @property
    def file(self) -> Path | None:
        """Where it is read from, if that is a file."""
        return Path(self._source) if self._kind == "file" else None

    @property
    def is_literal(self) -> bool:
        """Whether the configuration itself has it."""
        return self._kind == "literal"

    def _value(self) -> str:
        match self._kind:
            case "literal":
                return self._source
            case "file":
                return self._content()
            case "env":
                value = os.environ.get(self._source)
                if value is None:
                    raise self._missing("is not set")
                return value

    def _content(self) -> str:
        path = Path(self._source)
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                if is_endless(status):
                    raise self._missing("is a pipe or a device")
                if status.st_size > _MOST_BYTES:
                    raise self._missing(f"has more than {_MOST_BYTES} bytes")
                self._cached = path.read_text(encoding="utf-8")
                self._stamp = stamp
                self._on_value(self._cached.strip())
        except OSError as error:
            raise self._missing(f"cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise self._missing("is not UTF-8 text") from None
        return self._cached

    def _missing(self, trouble: str) -> Denied:
        return Denied(Scope.LANE, "secret_missing", f"{self.describe()} {trouble}; put the secret there")

    def __repr__(self) -> str:
        return f"Secret({self.describe()})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return (self._kind, self._source) == (other._kind, other._source)

    def __hash__(self) -> int:
        return hash((self._kind, self._source))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _parse, serialization=core_schema.plain_serializer_function_ser_schema(Secret.describe)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        tables = [
            {
                "type": "object",
                "properties": {key: {"type": "string"}},
                "required": [key],
                "additionalProperties": False,
            }
            for key in ("file", "env")
        ]
        return {"anyOf": [{"type": "string", "minLength": 1}, *tables]}


def is_endless(status: os.stat_result) -> bool:
    """Whether whoever reads it may wait for ever; a directory says by itself what it is."""
    return not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode))


def _nobody(_: str) -> None:
    """Watch nothing."""


def _parse(value: Any, info: ValidationInfo) -> Secret:
    match value:
        case Secret():
            return value
        case str() if value.strip():
            return Secret(value)
        case {"file": str(path), **rest} if path and "\0" not in path and not rest:
            return Secret(str(directory_of(info) / path), "file")
        case {"env": str(name), **rest} if name and "\0" not in name and not rest:
            return Secret(name, "env")
    raise PydanticCustomError("secret", f"{_FORM}, and not empty")


def secrets_in(value: Any, info: ValidationInfo) -> Any:
    """Turn every { file = … } and { env = … } inside raw settings into a Secret; leave the rest as it is."""
    match value:
        # Anything else is for the adapter's model to refuse, which knows the key.
        case {"file": str(source), **rest} | {"env": str(source), **rest} if source and not rest:
            return _parse(value, info)
        case dict():
            return {key: secrets_in(inner, info) for key, inner in value.items()}
        case list():
            return [secrets_in(inner, info) for inner in value]
    return value
