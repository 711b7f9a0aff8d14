"""`status`: how the running gateway is."""

import typer

from gateway.cli.asking import look_up_from, show
from gateway.cli.shell import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, app


@app.command()
def status(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Ask the gateway how it is: tables on a terminal, one fact a line otherwise.

    If none answers, its store says how it was left; the exit code says that it does not run.
    """
    answer, is_running = look_up_from(config, lambda client: client.status())
    show(answer, as_json=as_json)
    if not is_running:
        raise typer.Exit(Exit.NOT_RUNNING)
