"""Commands that ask the running gateway: the question, its troubles, and how the answer is shown."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from gateway.cli import later
from gateway.cli.shell import Exit, fail, hide_secrets, load_config, say_all
from gateway.config import Config
from gateway.errors import Denied, GatewayError, StoreError
from gateway.ops.client import Client, NotReachableError, Query
from gateway.ops.tables import lines, listing, tables, words
from gateway.ops.words import LANGUAGES, say

Answer = dict[str, Any]
#: Headings, and the keys of what stands below; a key with dots leads into what is nested.
Columns = Mapping[str, str]
#: The most that the API gives at once.
PAGE = 500
_OBEYED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
Question = Callable[[Client], Awaitable[Answer]]


def ask(config: Path, question: Question) -> Answer:
    """Put a question to the gateway of this configuration; trouble ends the command."""
    loaded = load_config(config)
    with _troubles():
        return asyncio.run(_put(Client(loaded.http), question))


def look_up(config: Path, question: Question) -> Answer:
    """Put a question of looking to the gateway, or to its store as it was left; trouble ends the command."""
    answer, _ = look_up_from(config, question)
    return answer


def look_up_from(config: Path, question: Question) -> tuple[Answer, bool]:
    """Look something up, and say whether it was a gateway that answered."""
    loaded = load_config(config)
    with _troubles():
        try:
            return asyncio.run(_put(Client(loaded.http), question)), True
        except NotReachableError as error:
            return _left(loaded, question, error), False


@contextmanager
def _troubles() -> Iterator[None]:
    try:
        yield
    except NotReachableError as error:
        fail(Exit.NOT_RUNNING, str(error))
    except Denied as error:
        fail(Exit.CONFIGURATION, f"http.token: {error.reason}")
    except GatewayError as error:
        fail(Exit.FAILED, str(error))


async def _put(client: Client, question: Question) -> Answer:
    return await question(client)


def _left(loaded: Config, question: Question, trouble: NotReachableError) -> Answer:
    """Read the store of a gateway that does not answer."""
    hide_secrets(loaded)
    try:
        return asyncio.run(_put_at_rest(loaded, question))
    except FileNotFoundError:
        raise trouble from None
    except StoreError as error:
        fail(Exit.STORE, str(error))


async def _put_at_rest(loaded: Config, question: Question) -> Answer:
    async with later.at_rest.opened(loaded) as client:
        if later.preflight.is_in_use(loaded.gateway.data_dir):
            say_all(["a gateway runs and does not answer; reading its store beside it"])
        else:
            say_all(["no gateway answers; reading the store as it was left"])
        return await question(client)


async def gather(client: Client, path: str, key: str, limit: int, **query: Query) -> Answer:
    """Ask for a list page by page, until there are so many entries or no more."""
    entries: list[Any] = []
    cursor: str | None = None
    while len(entries) < limit:
        size = min(limit - len(entries), PAGE)
        page = await client.ask("GET", path, limit=size, cursor=cursor, **query)
        entries += page[key]
        cursor = page["next"]
        if cursor is None:
            break
    return {key: entries, "next": cursor}


def show(answer: Answer, *, as_json: bool, title: str = "gateway") -> None:
    """Show one thing: tables on a terminal, one fact a line otherwise."""
    console = Console()
    if as_json:
        show_json(answer)
    elif console.is_terminal:
        console.print(*tables(answer, title), sep="\n")
    else:
        typer.echo("\n".join(lines(answer)))


def show_all(
    title: str,
    entries: Sequence[Mapping[str, Any]],
    columns: Columns,
    *,
    narrow: Columns | None = None,
    language: str = LANGUAGES[0],
) -> None:
    """Show many things: a table on a terminal, otherwise one a line with a tab between its facts.

    A table has the `narrow` columns, if there are any: a terminal may have no more than 80. Title and headings are
    words of the catalogue where it has them.
    """
    console = Console()
    if console.is_terminal:
        columns = narrow or columns
        headings = [say("label", heading, language) for heading in columns]
        title = say("label", title, language)
        console.print(*listing(title, headings, _facts(entries, columns), console.width), sep="\n")
    elif entries:
        typer.echo("\n".join("\t".join(_in_one_line(row)) for row in _facts(entries, columns)))


def show_json(answer: Answer) -> None:
    """Print what the gateway answered."""
    text = json.dumps(answer, ensure_ascii=False, indent=2)
    # JSON escapes control characters below space; a terminal obeys others, too.
    typer.echo(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _facts(entries: Sequence[Mapping[str, Any]], columns: Columns) -> list[list[str]]:
    return [[words(_at(entry, key)) for key in columns.values()] for entry in entries]


def _at(entry: Mapping[str, Any], key: str) -> Any:
    value: Any = entry
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _in_one_line(row: Iterable[str]) -> Iterable[str]:
    return (" ".join(word.split()) for word in row)
