"""The API's description, without a gateway that runs."""

import json

import typer

from gateway.cli.shell import app
from gateway.ops import api


@app.command()
def openapi() -> None:
    """Print the HTTP API's description (OpenAPI 3.1), for generators of clients."""
    typer.echo(json.dumps(api.description(), ensure_ascii=False, indent=2))
