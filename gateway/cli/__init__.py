"""The command line. Expected trouble is one line each, with its way out."""

import sys

import typer
from typer.exceptions import TyperException

# Their commands announce themselves to the application.
from gateway.cli import (
    acting,
    bundle,
    describing,
    keeping,
    looking,
    refused,
    reloading,
    serving,
    status,
    updates,
)
from gateway.cli.shell import EXIT_CODES, Exit, app, say_all

__all__ = [
    "EXIT_CODES",
    "Exit",
    "acting",
    "app",
    "bundle",
    "describing",
    "keeping",
    "looking",
    "main",
    "refused",
    "reloading",
    "serving",
    "status",
    "updates",
]


def main() -> None:
    """Run the command line; a mistake on it is one line, like every other trouble."""
    try:
        code = app(standalone_mode=False)
    except TyperException as mistake:
        context = getattr(mistake, "ctx", None)
        said = mistake.format_message().rstrip(".")
        if context is None or "\n" in said or not said:
            # Nothing was asked for: it holds the help.
            typer.echo(mistake.format_message(), err=True)
        else:
            say_all([f"{said[0].lower()}{said[1:]}; see {context.command_path} --help"])
        sys.exit(mistake.exit_code)
    except typer.Abort:
        sys.exit(Exit.FAILED)
    sys.exit(code or Exit.OK)
