"""The devices of a product as a CSV file with a header row, one device a row, for hundreds and thousands."""

import csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from gateway.config.problems import did_you_mean, problems_of, quoted
from gateway.config.products import DeviceConfig, identity
from gateway.config.secret import is_endless

_OWN_COLUMNS = ("name", "secret", "secret_hash")
_MOST_PROBLEMS = 20


class Rows(Protocol):
    """What csv.reader returns; the standard library has no public name for it."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A device and where it is written down, as sentences name the place."""

    place: str
    name: str
    device: DeviceConfig


class DevicesFile:
    """One pass over a file; `problems` fills while `devices` is consumed."""

    def __init__(self, path: Path, key: str, clouds: Sequence[str], *, known: Collection[str]) -> None:
        self._path = path
        self._key = key
        self._clouds = sorted(clouds, key=len, reverse=True)
        #: Those that can be suggested.
        self._known = [cloud for cloud in clouds if cloud in known]
        self.problems: list[str] = []

    def read(self) -> list[Listed]:
        """Return the devices of all good rows."""
        try:
            if is_endless(self._path.stat()):
                self.problems.append(
                    f'{self._key} is "{self._path}", which is a pipe or a device; it must be a file'
                )
                return []
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                devices = list(self._devices(csv.reader(file, strict=True)))
        except OSError as error:
            self.problems.append(
                f'{self._key} is "{self._path}", which cannot be read ({error.strerror}); '
                "correct the path or its permissions"
            )
            return []
        except UnicodeDecodeError:
            # What was found before is not worth saying: read as another encoding, the file says something else.
            self.problems = [f'{self._key} is "{self._path}", which is not UTF-8 text; save it as UTF-8']
            return []
        if len(self.problems) > _MOST_PROBLEMS:
            more = len(self.problems) - _MOST_PROBLEMS
            self.problems[_MOST_PROBLEMS:] = [f"{self._path.name}: {more} more mistakes; correct these first"]
        return devices

    def _devices(self, reader: Rows) -> Iterator[Listed]:
        rows = self._rows(reader)
        place, header = next(rows, (f"{self._path.name}:1", []))
        columns = [column.strip() for column in header]
        ways = self._ways(place, columns)
        if ways is None:
            return
        for place, row in rows:
            if len(row) != len(columns):
                self.problems.append(
                    f"{place} has {_cells(len(row))}; it must have {len(columns)} as the header has"
                )
                continue
            listed = self._device(place, ways, [cell.strip() for cell in row])
            if listed:
                yield listed

    def _rows(self, reader: Rows) -> Iterator[tuple[str, list[str]]]:
        try:
            for row in reader:
                if row:
                    yield f"{self._path.name}:{reader.line_num}", row
        except csv.Error as error:
            self.problems.append(
                f"{self._path.name}:{reader.line_num} is not CSV ({error}); correct the quotes"
            )

    def _ways(self, place: str, columns: list[str]) -> list[tuple[str, str | None]] | None:
        """Return for each column what it sets: an own field, or a cloud and a key."""
        if "name" not in columns:
            self.problems.append(
                f"{place} has no column name; the first row must name the columns, for example name,secret"
            )
            return None
        for column in {column for column in columns if columns.count(column) > 1}:
            self.problems.append(f"{place} has the column {column} twice; remove one")
        return [self._way(place, column) for column in columns]

    def _way(self, place: str, column: str) -> tuple[str, str | None]:
        if column in _OWN_COLUMNS:
            return column, None
        for cloud in self._clouds:
            if column.startswith(f"{cloud}_") and len(column) > len(cloud) + 1:
                return cloud, column[len(cloud) + 1 :]
        self.problems.append(
            f"{place} has the column {quoted(column)}, which is neither {', '.join(_OWN_COLUMNS)} nor CLOUD_KEY "
            f"of a cloud of the product; {did_you_mean(column.partition('_')[0], self._known)}"
        )
        return "", None

    def _device(self, place: str, ways: list[tuple[str, str | None]], cells: list[str]) -> Listed | None:
        fields: dict[str, str] = {}
        external: dict[str, dict[str, str]] = {}
        for (target, key), cell in zip(ways, cells, strict=True):
            if not cell or not target:
                continue
            if key is None:
                fields[target] = cell
            else:
                external.setdefault(target, {})[key] = cell
        name = fields.pop("name", "")
        try:
            identity(name)
            return Listed(
                place=place, name=name, device=DeviceConfig.model_validate({**fields, "external": external})
            )
        except PydanticCustomError as error:
            self.problems.append(f"{place}: name is {quoted(name)}; {error.message()}")
        except ValidationError as error:
            self.problems += [f"{place}: {problem}" for problem in problems_of(error, "")]
        return None


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"
