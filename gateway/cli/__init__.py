"""The command line. Expected trouble is one line each, with its way out."""

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
from gateway.cli.shell import EXIT_CODES, Exit, app

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
    """Run the command line."""
    app()
