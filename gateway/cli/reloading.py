"""`reload`: have the running gateway read its configuration again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import typer

from gateway.cli.asking import Answer, show_json
from gateway.cli.shell import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, app, fail, say_problems
from gateway.config import read
from gateway.config.section import UnknownValueError
from gateway.errors import ConfigError, Denied
from gateway.ops.client import Client, NotReachableError, RefusedError

#: Seconds; requests in hand are waited for where the settings of their cloud changed.
PATIENCE = 90.0


@app.command()
def reload(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Have the running gateway read its configuration again, and say what came of it."""
    try:
        outcome = _asked(config)
    except (ConfigError, RefusedError) as error:
        if not error.problems:
            fail(Exit.FAILED, str(error))
        if as_json:
            show_json({"ok": False, "problems": error.problems})
        else:
            say_problems(config, error.problems)
        raise typer.Exit(Exit.CONFIGURATION) from None
    if as_json:
        show_json({"ok": True, **outcome})
    else:
        typer.echo("\n".join(_sentences(outcome)))


def _asked(config: Path) -> Answer:
    """Ask the gateway; that the file has mistakes is for it to find, which must know that it has."""
    try:
        client = Client(read(config).config.http, patience=PATIENCE)
        return asyncio.run(client.ask("POST", "reload"))
    except UnknownValueError:
        fail(Exit.CONFIGURATION, "it is not known where to ask: http has a mistake, which check names")
    except NotReachableError as error:
        fail(Exit.NOT_RUNNING, str(error))
    except Denied as error:
        fail(Exit.CONFIGURATION, f"http.token: {error.reason}")


def _sentences(outcome: Answer) -> Iterator[str]:
    yield from outcome["applied"] or ["nothing changed"]
    yield from outcome["needs_restart"]
    if outcome["disconnected"]:
        yield f"devices that must log in again: {outcome['disconnected']}"
