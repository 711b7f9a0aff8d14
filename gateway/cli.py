"""The command line: run, check, status, hash-secret. Expected trouble is one line each, with its way out."""

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator
from enum import IntEnum, StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
import uvloop
from rich.console import Console

from gateway import logs
from gateway.app import check as check_app
from gateway.app import run as run_app
from gateway.clouds import registry
from gateway.config import Config, load, read
from gateway.devices.access import hash_secret as make_hash
from gateway.errors import ConfigError, Denied, GatewayError, StoreError
from gateway.ops import preflight
from gateway.ops.client import Client, NotReachableError
from gateway.ops.tables import lines, tables

DEFAULT_CONFIG = Path("/etc/ota-gateway/gateway.toml")
MOST_SHOWN = 50


class Exit(IntEnum):
    """What the shell is told."""

    OK = 0
    FAILED = 1
    CONFIGURATION = 2
    NOT_RUNNING = 3
    STORE = 4


EXIT_CODES = {
    Exit.OK: "done",
    Exit.FAILED: "failed; the message says why",
    Exit.CONFIGURATION: "mistakes in the configuration or on the command line",
    Exit.NOT_RUNNING: "no gateway answers at its address",
    Exit.STORE: "the store cannot be used",
}


class Scheme(StrEnum):
    """How a secret is hashed."""

    SCRYPT = "scrypt"
    SHA256 = "sha256"


app = typer.Typer(
    name="ota-gateway",
    help="A site gateway for firmware updates.",
    epilog="Exit codes: " + " · ".join(f"{code.value} {meaning}" for code, meaning in EXIT_CODES.items()),
    no_args_is_help=True,
    # Pretty tracebacks would show local variables, secrets among them.
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="OTA_GATEWAY_CONFIG", help="The configuration file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line."""
    app()


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the signature of a typer callback
    if wanted:
        typer.echo(f"ota-gateway {version('ota-gateway')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take what stands before the command."""


@app.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    loaded = _load(config, examine=True)
    logs.configure(loaded.gateway.log_level)
    for _, secret in loaded.secrets():
        secret.watch(logs.redact)
    try:
        uvloop.run(run_app(loaded, config_path=config))
    except (GatewayError, OSError, ExceptionGroup) as error:
        _fail_run(error, config)


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Find every mistake before `run` does: configuration, files, addresses, secrets, adapters, store."""
    problems = _problems(config)
    if as_json:
        typer.echo(json.dumps({"ok": not problems, "problems": problems}, ensure_ascii=False, indent=2))
    elif problems:
        _say_problems(config, problems)
    else:
        typer.secho(f"{config} is good", fg="green")
    raise typer.Exit(Exit.CONFIGURATION if problems else Exit.OK)


@app.command()
def status(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Ask the running gateway how it is: tables on a terminal, one fact a line otherwise."""
    loaded = _load(config)
    try:
        report = asyncio.run(Client(loaded.http).status())
    except NotReachableError as error:
        _fail(Exit.NOT_RUNNING, str(error))
    except Denied as error:
        _fail(Exit.CONFIGURATION, f"http.token: {error.reason}")
    except GatewayError as error:
        _fail(Exit.FAILED, str(error))
    console = Console()
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    elif console.is_terminal:
        console.print(*tables(report), sep="\n")
    else:
        typer.echo("\n".join(lines(report)))


@app.command()
def hash_secret(
    scheme: Annotated[
        Scheme, typer.Option(help="sha256 only for long random secrets; scrypt for chosen ones.")
    ] = Scheme.SCRYPT,
) -> None:
    """Hash a device's secret for `secret_hash`, read from a prompt or from standard input."""
    if sys.stdin.isatty():
        secret = typer.prompt("Secret", hide_input=True, confirmation_prompt=True)
    else:
        secret = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not secret:
        _fail(Exit.FAILED, "the secret is empty; give it on standard input or at the prompt")
    typer.echo(make_hash(secret, scheme=scheme.value))


def _load(path: Path, *, examine: bool = False) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        _say_problems(path, _problems(path) if examine else error.problems)
        raise typer.Exit(Exit.CONFIGURATION) from None


def _problems(path: Path) -> list[str]:
    """Return every mistake that can be told, also those beside others."""
    try:
        reading = read(path)
    except ConfigError as error:
        return error.problems
    return [*reading.problems, *_problems_beside(reading.config)]


def _problems_beside(config: Config) -> Iterator[str]:
    yield from preflight.problems(config)
    proven = config.proven()
    try:
        yield from asyncio.run(check_app(proven))
    except ConfigError as error:
        yield from error.problems
    yield from registry.secret_problems(proven.clouds)
    yield from registry.device_problems(proven.clouds, config.products)


def _say_problems(path: Path, problems: list[str]) -> None:
    count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    typer.secho(f"{path} has {count}:", err=True, bold=True)
    for problem in problems[:MOST_SHOWN]:
        typer.echo(f"  {problem}", err=True)
    if len(problems) > MOST_SHOWN:
        typer.echo(f"  and {len(problems) - MOST_SHOWN} more; check --json lists all", err=True)


def _fail_run(error: Exception, path: Path) -> NoReturn:
    leaves = list(_leaves(error))
    if not all(isinstance(leaf, GatewayError | OSError) for leaf in leaves):
        raise error
    code = Exit.STORE if any(isinstance(leaf, StoreError) for leaf in leaves) else Exit.FAILED
    if all(isinstance(leaf, ConfigError) for leaf in leaves):
        code = Exit.CONFIGURATION
        if problems := _problems(path):
            _say_problems(path, problems)
            raise typer.Exit(code)
    _fail(code, *dict.fromkeys(map(_words, leaves)))


def _words(error: BaseException) -> str:
    if not isinstance(error, OSError):
        return str(error)
    return f"{error.strerror or error}; ota-gateway check names the key"


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)


def _fail(code: Exit, *sentences: str) -> NoReturn:
    _say_all(sentences)
    raise typer.Exit(code)


def _say_all(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        typer.echo(f"ota-gateway: {sentence}", err=True)
