"""The base of every table of the configuration: frozen, no unknown keys, no input in errors."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo
from pydantic_core import PydanticCustomError

_T = TypeVar("_T")


class UnknownValueError(Exception):
    """The key has a mistake, so nothing can be told that depends on its value."""


class Section(BaseModel):
    """A table of the configuration file; also the base for the settings of an adapter."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def without(self, names: Collection[str]) -> Self:
        """Return a copy to whom these keys are unknown: asking for one raises UnknownValueError."""
        copy = self.model_copy()
        for name in names:
            copy.__dict__.pop(name, None)
        return copy

    def knows(self, *names: str) -> bool:
        """Whether each of these keys has a value."""
        return self.__dict__.keys() >= set(names)

    if not TYPE_CHECKING:  # for a type checker, every key is known

        def __getattr__(self, name: str) -> Any:
            """Answer for what is not there."""
            if name in type(self).model_fields:
                raise UnknownValueError(name)
            return super().__getattr__(name)


def told(rule: Iterator[_T]) -> Iterator[_T]:
    """Yield what a rule can say before it asks for an unknown value."""
    with suppress(UnknownValueError):
        yield from rule


def directory_of(info: ValidationInfo) -> Path:
    """Return the directory of the configuration file, the current one when there is no file."""
    directory: Path = (info.context or {}).get("directory", Path())
    return directory


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    if "\0" in str(path):
        raise PydanticCustomError("path", "it must be a path, without NUL")
    return directory_of(info) / path


#: A path that is relative to the directory of the configuration file.
ConfigPath = Annotated[Path, AfterValidator(_beside_the_file)]
