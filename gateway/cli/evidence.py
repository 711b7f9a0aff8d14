"""What a support bundle holds: how things stand, asked of the gateway or read from its store, and of the machine.

Whatever cannot be had is said in its place: the bundle is for days on which something is broken.
"""

import asyncio
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from gateway import at_rest
from gateway.cli.asking import gather
from gateway.config import Config
from gateway.errors import Denied, GatewayError
from gateway.examination import examine, warnings_of
from gateway.ops import machine
from gateway.ops.archive import Piece, pack
from gateway.ops.client import Client, NotReachableError
from gateway.ops.redaction import Redaction
from gateway.store.at_rest import AtRest
from gateway.store.facts import facts, last_lines

#: How much of each there is in a bundle.
OPEN_UPDATES, LAST_UPDATES, ENTRIES, JOURNAL_LINES, LOG_LINES = 200, 100, 500, 5000, 5000
LOG_BYTES = 3_000_000
UNIT = "ota-gateway"
_TROUBLES = (GatewayError, SQLAlchemyError, OSError, ValueError, subprocess.SubprocessError)
#: What says its level is judged by it alone: other lines, too, have a fact that is called `error`.
_ALARMING = re.compile(
    r'"level": "(?:warning|error|critical)"|^(?!.*"level": ").*\b(?:warning|error|critical|Traceback)\b'
)


def write(out: Path, head: str, path: Path, config: Config | None, log: Path | None) -> None:
    """Write a bundle about what the configuration in the file makes; raises OSError.

    `config` is None where it cannot be read.
    """
    pack(out, head, _pieces(path, config, log), Redaction(_secrets(config) if config else ()))


def _secrets(config: Config) -> Iterator[str]:
    for _, secret in config.secrets():
        try:
            yield secret.reveal()
        except Denied:
            continue


def _pieces(path: Path, config: Config | None, log: Path | None) -> Iterator[Piece]:
    yield Piece(
        "check.json",
        "what `ota-gateway check` finds wrong",
        {"problems": examine(path), "warnings": warnings_of(path)},
    )
    yield Piece("versions.json", "what runs here", machine.versions())
    yield Piece("clock.json", "what time it is here, and whether it is trusted", machine.clocks())
    if config is not None:
        yield from _about(path, config, log)


def _about(path: Path, config: Config, log: Path | None) -> Iterator[Piece]:
    """Yield all that is about a configuration that can be read."""
    yield Piece(
        "config.json",
        "the configuration as it was understood, without secrets",
        config.model_dump(mode="json"),
    )
    yield from asyncio.run(_of_the_gateway(config))
    yield Piece(
        "store.json", "the store: schema, rows, integrity, what waits", _or_why(lambda: _store(config))
    )
    lines = _or_why(lambda: asyncio.run(_from_store(config, lambda c: last_lines(c, JOURNAL_LINES))))
    yield Piece("journal.json", f"the last {JOURNAL_LINES} lines of the journal, of all devices", lines)
    for name, about, directory in (
        ("files-data.json", "the files in data_dir, with modes and owners", config.gateway.data_dir),
        ("files-config.json", "those beside the configuration", path.absolute().parent),
    ):
        yield Piece(name, about, _or_why(partial(machine.files, directory)))
    yield Piece("disk.json", "the room on its disk", _or_why(lambda: machine.disk(config.gateway.data_dir)))
    text = _or_why(lambda: _log(log))
    yield Piece("log.txt", "the end of the log: --log FILE, or journald's", text)
    alarming = "".join(line for line in str(text).splitlines(keepends=True) if _ALARMING.search(line))
    yield Piece("errors.txt", "what of it is a warning or worse", alarming)


async def _of_the_gateway(config: Config) -> list[Piece]:
    """Ask the gateway, or the store that it left."""
    client, found = Client(config.http), []
    async with AsyncExitStack() as stack:
        try:
            await client.status()
            answers = "a gateway answers"
        except NotReachableError as error:
            answers = str(error)
            try:
                client = await stack.enter_async_context(at_rest.opened(config))
            except (FileNotFoundError, GatewayError) as trouble:
                answers += f"; and its store: {trouble}"
        except GatewayError as error:
            answers = str(error)
        found.append(
            Piece(
                "answers.txt", "whether a gateway answers; if not, the store was read as it was left", answers
            )
        )
        for name, about, question in _QUESTIONS:
            try:
                content: object = await question(client)
            except _TROUBLES as error:
                content = _cannot(error)
            found.append(Piece(name, about, content))
    return found


async def _updates(client: Client, limit: int, **query: bool | None) -> dict[str, Any]:
    """Return updates with their timelines."""
    listed = await gather(client, "updates", "updates", limit, **query)
    paths = [
        (view["product"], view["device"], view["module"], view["id"].rpartition("/")[2])
        for view in listed["updates"]
    ]
    return {"updates": [await client.ask("GET", "updates", *path) for path in paths]}


async def _quarantine(client: Client) -> dict[str, Any]:
    """Return what was set aside, with its text: in base64 nobody could see what it hides."""
    listed = await gather(client, "quarantine", "quarantine", ENTRIES)
    shown = [await client.ask("GET", "quarantine", str(item["id"])) for item in listed["quarantine"]]
    return {"quarantine": [{**item, "payload": item["payload"]["text"]} for item in shown]}


_QUESTIONS: tuple[tuple[str, str, Callable[[Client], Any]], ...] = (
    ("status.json", "lanes, circuits, what waits, images", lambda client: client.status()),
    ("metrics.txt", "every metric, of a gateway that runs", lambda client: client.metrics()),
    (
        "updates-open.json",
        f"up to {OPEN_UPDATES} updates that are not over, with their timelines",
        lambda client: _updates(client, OPEN_UPDATES, open=True),
    ),
    (
        "updates-last.json",
        f"the last {LAST_UPDATES} updates, with their timelines",
        lambda client: _updates(client, LAST_UPDATES),
    ),
    ("devices.json", "who is there, what runs", lambda client: gather(client, "devices", "devices", ENTRIES)),
    ("orders.json", "what the clouds want", lambda client: gather(client, "orders", "orders", ENTRIES)),
    ("drift.json", "what clouds believe that is not so", lambda client: client.ask("GET", "drift")),
    ("firmware.json", "images, of a gateway that runs", lambda client: client.ask("GET", "firmware")),
    (
        "dead-letters.json",
        f"the last {ENTRIES} reports that a cloud refused for good",
        lambda client: gather(client, "dead-letters", "dead_letters", ENTRIES),
    ),
    ("quarantine.json", f"the last {ENTRIES} things that devices said in vain", _quarantine),
)


def _store(config: Config) -> dict[str, Any]:
    return {"url": str(config.store.url), **asyncio.run(_from_store(config, facts))}


async def _from_store(config: Config, work: Callable[[Any], Any]) -> Any:
    async with AtRest(config.database_url()) as store:
        return await store.look(work)


def _log(given: Path | None) -> str:
    if given is not None:
        return machine.last_of(given, LOG_BYTES)
    return (
        machine.journald(UNIT, LOG_LINES)[-LOG_BYTES:]
        or "journald has none; give the file of the log with --log"
    )


def _or_why(find: Callable[[], Any]) -> Any:
    try:
        return find()
    except _TROUBLES as error:
        return _cannot(error)


def _cannot(error: Exception) -> str:
    return f"this could not be had: {type(error).__name__}: {error}"
