"""The base of every table of the configuration: frozen, no unknown keys, no input in errors."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo


class Section(BaseModel):
    """A table of the configuration file; also the base for the settings of an adapter."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def directory_of(info: ValidationInfo) -> Path:
    """Return the directory of the configuration file, the current one when there is no file."""
    directory: Path = (info.context or {}).get("directory", Path())
    return directory


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    return directory_of(info) / path


#: A path that is relative to the directory of the configuration file.
ConfigPath = Annotated[Path, AfterValidator(_beside_the_file)]
