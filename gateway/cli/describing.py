"""The API's description, without a gateway that runs."""

import json

import typer

from gateway.cli import later
from gateway.cli.shell import app


@app.command()
def openapi() -> None:
    """Print the HTTP API's description (OpenAPI 3.1), for generators of clients."""
    typer.echo(json.dumps(later.api.description(), ensure_ascii=False, indent=2))
