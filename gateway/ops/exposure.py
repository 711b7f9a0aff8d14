"""Files with secrets in them that other users of this machine can read or change: a word of warning, no mistake."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from gateway.config import Config, dotted, told

#: Thousands of devices may each have a file.
_MOST: Final = 20
_CHANGE: Final = stat.S_IWOTH | stat.S_IWGRP

log = structlog.get_logger()


class Exposed(NamedTuple):
    """One file or directory."""

    key: str
    path: Path
    status: os.stat_result

    @property
    def mode(self) -> str:
        """As chmod takes it."""
        return f"{stat.S_IMODE(self.status.st_mode):04o}"

    @property
    def remedy(self) -> str:
        """What closes it."""
        command = f"chmod {'700' if stat.S_ISDIR(self.status.st_mode) else '600'} {self.path}"
        is_ours = self.status.st_uid == os.geteuid()
        return command if is_ours else f"{command}, and let the gateway's user own it"

    def __str__(self) -> str:
        may = "read" if self.status.st_mode & stat.S_IROTH else "change"
        return f"{self.key}: others can {may} {self.path} (mode {self.mode}); {self.remedy}"


def exposed(config: Config, file: Path) -> Iterator[Exposed]:
    """Yield what of the configuration in that file, and of data_dir, others can read or change; the first ones."""
    seen = set[Path]()
    found = 0
    for key, path in told(_places(config, file)):
        if path in seen or found == _MOST:
            continue
        seen.add(path)
        status = _status(path)
        if status is not None and status.st_mode & (stat.S_IROTH | _CHANGE) and _is_reachable(path):
            found += 1
            yield Exposed(key, path, status)


def warn(config: Config, file: Path) -> None:
    """Say it in the log."""
    for each in exposed(config, file):
        log.warning("file_exposed", key=each.key, file=str(each.path), mode=each.mode, remedy=each.remedy)


def _places(config: Config, file: Path) -> Iterator[tuple[str, Path]]:
    secrets = list(config.secrets())
    if any(secret.is_literal for _, secret in secrets):
        yield "the configuration", file
    for key, secret in secrets:
        if secret.file is not None:
            yield key, secret.file
    for product_id, product in config.products.items():
        if product.knows("devices_file") and product.devices_file is not None:
            yield dotted("products", product_id, "devices_file"), product.devices_file
    yield from told(_keys(config))
    yield from told(_store(config))


def _keys(config: Config) -> Iterator[tuple[str, Path]]:
    if config.mqtt.tls_key is not None:
        yield "mqtt.tls_key", config.mqtt.tls_key


def _store(config: Config) -> Iterator[tuple[str, Path]]:
    yield "gateway.data_dir", config.gateway.data_dir
    if config.store.url.is_sqlite:
        yield "store.url", config.gateway.data_dir / config.store.url.sqlite_path


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _is_reachable(path: Path) -> bool:
    """Whether others can come to it: each directory on the way lets them pass."""
    ways = map(_status, path.absolute().parents)
    return all(way is not None and way.st_mode & stat.S_IXOTH for way in ways)
