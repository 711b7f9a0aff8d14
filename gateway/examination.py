"""Every mistake of a configuration file that can be told before it runs: its own, and those of what it leads to."""

from collections.abc import Iterator
from pathlib import Path

from gateway import wiring
from gateway.clouds import registry
from gateway.config import Config, doubts, read
from gateway.devices.access import DeviceAccess
from gateway.errors import ConfigError
from gateway.ops import preflight
from gateway.ops.exposure import exposed


def examine(path: Path) -> list[str]:
    """Return every mistake, also those beside others."""
    try:
        reading = read(path)
    except ConfigError as error:
        return error.problems
    return [*reading.problems, *preflight.problems(reading.config), *_elsewhere(reading.config)]


def warnings_of(path: Path) -> list[str]:
    """Return what is no mistake and may still not be meant."""
    try:
        config = read(path).config
    except ConfigError:
        return []
    return [*doubts(config), *map(str, exposed(config, path))]


def reread(path: Path) -> Config:
    """Read the file for a gateway that runs; raises ConfigError with all mistakes, and disturbs nothing."""
    reading = read(path)
    if path.stat().st_size == 0:
        # It would be good, and send all devices away: more likely somebody is about to write it.
        raise ConfigError([f"{path} is empty; write it, or stop the gateway"])
    config = reading.config
    problems = [*reading.problems, *preflight.files_problems(config), *_elsewhere(config)]
    if problems:
        raise ConfigError(problems)
    return config


def check(config: Config) -> list[str]:
    """Return what only the installed adapters and the device credentials can tell is wrong."""
    problems: list[str] = []
    for attempt in (lambda: registry.prepare(config.clouds), lambda: DeviceAccess(wiring.products(config))):
        try:
            attempt()
        except ConfigError as err:
            problems += err.problems
    return problems


def _elsewhere(config: Config) -> Iterator[str]:
    proven = config.proven()
    yield from check(proven)
    yield from registry.secret_problems(proven.clouds)
    yield from registry.device_problems(proven.clouds, config.products)
