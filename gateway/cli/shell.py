"""What all commands share: the application, its exit codes, the configuration, and how trouble is said."""

import os
from collections.abc import Callable, Iterable
from enum import IntEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.core import TyperGroup

from gateway.cli import later
from gateway.config import Config, load
from gateway.errors import ConfigError

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
    Exit.NOT_RUNNING: "no gateway answers at its address, and what was asked for needs one",
    Exit.STORE: "the store cannot be used",
}

#: How `--help` lists the commands: what a day begins with comes first.
ORDER = (
    *("run", "check", "reload", "status"),
    *("updates", "devices", "orders", "firmware", "dead-letters", "quarantine"),
    *("confirm", "pause", "resume", "cancel", "retry", "ask"),
    *("support-bundle", "backup", "restore", "hash-secret", "openapi"),
)


class _InOrder(TyperGroup):
    """Lists its commands as they are needed, not as their modules are called."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 - the signature of a typer group
        """Return the names of all commands."""
        return sorted(self.commands, key=ORDER.index)


app = typer.Typer(
    name="ota-gateway",
    cls=_InOrder,
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


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the signature of a typer callback
    if wanted:
        typer.echo(f"ota-gateway {version('ota-gateway')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take what stands before the command."""
    if os.environ.get("NO_COLOR"):
        # As for tables, see no-color.org; what is no terminal gets no colours anyway.
        context.color = False


def load_config(path: Path, examine: Callable[[Path], list[str]] | None = None) -> Config:
    """Read the configuration, or say its mistakes and end; `examine` finds those beside the ones met first."""
    try:
        return load(path)
    except ConfigError as error:
        say_problems(path, examine(path) if examine else error.problems)
        raise typer.Exit(Exit.CONFIGURATION) from None


def hide_secrets(config: Config) -> None:
    """Keep every secret out of what is said, and the log out of what a command prints."""
    later.logs.be_silent()
    for _, secret in config.secrets():
        secret.watch(later.logs.redact)


def say_problems(path: Path, problems: list[str]) -> None:
    """Say what is wrong with a configuration."""
    count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    typer.secho(f"{path} has {count}:", err=True, bold=True)
    for problem in problems[:MOST_SHOWN]:
        typer.echo(f"  {problem}", err=True)
    if len(problems) > MOST_SHOWN:
        typer.echo(f"  and {len(problems) - MOST_SHOWN} more; check --json lists all", err=True)


def fail(code: Exit, *sentences: str) -> NoReturn:
    """Say why, and end with the code."""
    say_all(sentences)
    raise typer.Exit(code)


def say_all(sentences: Iterable[str]) -> None:
    """Say one sentence a line, on standard error."""
    for sentence in sentences:
        typer.echo(f"ota-gateway: {sentence}", err=True)
