"""`backup` and `restore`: a copy of all that the gateway knows, and the way back to it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway import locks
from gateway.cli import later
from gateway.cli.asking import show
from gateway.cli.progress import bar
from gateway.cli.shell import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, app, fail, load_config, say_all
from gateway.config import Config
from gateway.errors import StoreError

_MEANING = (
    "what devices reported and clouds answered since is not in it: reports that were acknowledged since are lost, and "
    "clouds may hear again what they have heard, which they refuse or ignore"
)
_NEXT = "devices say what they run when they connect; start the gateway with: ota-gateway run"


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; nothing is overwritten.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Copy the store, also while the gateway runs: one file, consistent and proven.

    Images are not in it, they are fetched again; nor is the configuration with its secrets.
    """
    loaded = load_config(config)
    store = _sqlite(loaded, f'pg_dump --format=custom --file={file} "{_server(loaded)}"')
    if not store.exists():
        fail(Exit.STORE, f"there is no store at {store}; see gateway.data_dir and store.url")
    with _troubles(file), bar("copying") as advance:
        made = later.backup.back_up(store, file, advance)
    show(_told(file, made), as_json=as_json, title=str(file))


@app.command()
def restore(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What `backup` made.", exists=True, dir_okay=False)
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Put a copy in the place of the store, while no gateway runs; what was there is kept under a new name."""
    loaded = load_config(config)
    store = _sqlite(loaded, f'pg_restore --clean --if-exists --dbname="{_server(loaded)}" {file}')
    with _troubles(store), _nobody_at(loaded, store):
        found, aside = later.backup.restore(file, store)
    if found.standing is later.migrate.Standing.OLDER:
        say_all(["the copy is of an older gateway; the next start brings it up to date"])
    say_all([f"restored as of {_when(found)}", _MEANING, _NEXT])
    show({**_told(store, found), "kept": str(aside) if aside else None}, as_json=as_json, title=str(store))


def _sqlite(config: Config, instead: str) -> Path:
    if not config.store.url.is_sqlite:
        fail(Exit.FAILED, f"the store is a PostgreSQL database, which has its own tools; use: {instead}")
    return config.gateway.data_dir / config.store.url.sqlite_path


def _server(config: Config) -> str:
    """Return the URL as PostgreSQL's own tools take it; the password is theirs to ask for."""
    head, _, tail = str(config.store.url).partition("://")
    return f"{head.partition('+')[0]}://{tail.replace(':***@', '@')}"


@contextmanager
def _nobody_at(config: Config, store: Path) -> Iterator[None]:
    """Keep every gateway away from the store."""
    config.gateway.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            for lock in (config.gateway.data_dir / "gateway.lock", Path(f"{store}.lock")):
                held.callback(locks.hold(lock))
                _give_to_owner(lock)
        except BlockingIOError:
            fail(Exit.FAILED, f"a gateway runs on {store}; stop it first, and nothing is changed until then")
        yield


def _give_to_owner(path: Path) -> None:
    """Let the service's user have what root has made in its directory."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def _troubles(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        fail(Exit.FAILED, f"{path} is there already; name another file")
    except StoreError as error:
        fail(Exit.STORE, str(error))
    except OSError as error:
        fail(
            Exit.FAILED,
            f"{error.filename or path}: {error.strerror or error}; see that there is room, and that it may be written",
        )


def _when(copy: "later.backup.Copy") -> str:
    return (
        "a time unknown" if copy.at is None else f"{datetime.fromtimestamp(copy.at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    )


def _told(path: Path, copy: "later.backup.Copy") -> dict[str, Any]:
    return {
        "file": str(path),
        "bytes": copy.bytes,
        "updates": copy.updates,
        "waiting": copy.messages,
        "as_of": _when(copy),
        "schema": copy.standing.value,
    }
