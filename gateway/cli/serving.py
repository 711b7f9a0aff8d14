"""Commands that need no running gateway: run, check, hash-secret."""

import json
import os
import sys
from collections.abc import Coroutine, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import uvloop

from gateway.cli import later
from gateway.cli.shell import (
    DEFAULT_CONFIG,
    ConfigOption,
    Exit,
    JsonOption,
    app,
    fail,
    load_config,
    say_problems,
)
from gateway.config import Config
from gateway.errors import ConfigError, GatewayError, StoreError


class Scheme(StrEnum):
    """How a secret is hashed."""

    SCRYPT = "scrypt"
    SHA256 = "sha256"


@app.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    loaded = load_config(config, later.examination.examine)
    later.logs.configure(loaded.gateway.log_level)
    for _, secret in loaded.secrets():
        secret.watch(later.logs.redact)
    # Whatever the gateway makes is its own: the database, the key of the links, the images.
    os.umask(0o077)
    later.exposure.warn(loaded, config)
    try:
        uvloop.run(run_app(loaded, config_path=config))
    except (GatewayError, OSError, ExceptionGroup) as error:
        _fail_run(error, config)


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Find every mistake before `run` does: configuration, files, addresses, secrets, adapters, store."""
    problems, warnings = later.examination.examine(config), later.examination.warnings_of(config)
    if as_json:
        found = {"ok": not problems, "problems": problems, "warnings": warnings}
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
    elif problems:
        say_problems(config, problems)
    else:
        typer.secho(f"{config} is good", fg="green")
    for warning in [] if as_json else warnings:
        typer.secho(f"warning: {warning}", fg="yellow", err=True)
    raise typer.Exit(Exit.CONFIGURATION if problems else Exit.OK)


@app.command()
def hash_secret(
    scheme: Annotated[
        Scheme, typer.Option(help="sha256 only for long random secrets; scrypt for chosen ones.")
    ] = Scheme.SCRYPT,
    *,
    as_json: JsonOption = False,
) -> None:
    """Hash a device's secret for `secret_hash`, read from a prompt or from standard input."""
    if sys.stdin.isatty():
        secret = typer.prompt("Secret", hide_input=True, confirmation_prompt=True)
    else:
        secret = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not secret:
        fail(Exit.FAILED, "the secret is empty; give it on standard input or at the prompt")
    made = later.access.hash_secret(secret, scheme=scheme.value)
    typer.echo(json.dumps({"secret_hash": made}) if as_json else made)


def run_app(config: Config, *, config_path: Path) -> Coroutine[Any, Any, None]:
    """Return the gateway itself, to be awaited."""
    return later.app.run(config, config_path=config_path)


def _fail_run(error: Exception, path: Path) -> NoReturn:
    leaves = list(_leaves(error))
    if not all(isinstance(leaf, GatewayError | OSError) for leaf in leaves):
        raise error
    code = Exit.STORE if any(isinstance(leaf, StoreError) for leaf in leaves) else Exit.FAILED
    if all(isinstance(leaf, ConfigError) for leaf in leaves):
        code = Exit.CONFIGURATION
        if problems := later.examination.examine(path):
            say_problems(path, problems)
            raise typer.Exit(code)
    fail(code, *dict.fromkeys(map(_words, leaves)))


def _words(error: BaseException) -> str:
    if not isinstance(error, OSError):
        return str(error)
    file = f"{error.filename}: " if error.filename else ""
    return f"{file}{error.strerror or error}; ota-gateway check names the key"


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)
