"""`status`: how the running gateway is."""

from gateway.cli.asking import ask, show
from gateway.cli.shell import DEFAULT_CONFIG, ConfigOption, JsonOption, app


@app.command()
def status(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Ask the running gateway how it is: tables on a terminal, one fact a line otherwise."""
    show(ask(config, lambda client: client.status()), as_json=as_json)
