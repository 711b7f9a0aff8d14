"""`support-bundle`: one file with all that somebody elsewhere needs to find out what is wrong, and no secret."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import later
from gateway.cli.asking import show_json
from gateway.cli.shell import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, app, fail, hide_secrets
from gateway.config import Config, load
from gateway.errors import ConfigError

_HEAD = """\
A support bundle of ota-gateway, made {when}.

It holds no secret of the configuration: keys that name one, forms that look like one, and every exact value, also in
base64 and hexadecimal, were replaced by ***. It does hold names of devices, versions, addresses, and what devices and
clouds said, as text and nothing else.

Why did a cloud not hear of an update? updates-open.json and updates-last.json have its timeline: what its device said,
what the gateway understood, what each cloud answered. status.json has the lanes: is one open or denied, does it wait?
store.json has the devices that wait longest, with their tries and parking. dead-letters.json has what was refused for
good, quarantine.json what was not understood, orders.json and drift.json what the clouds want and believe. check.json
has mistakes in the configuration, clock.json and disk.json the usual suspects, errors.txt what the log complains of.
"""


@app.command("support-bundle")
def support_bundle(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to; ota-gateway-support-TIME.tar.gz in this directory if not given."),
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="The log's file, where it is not journald that keeps it.", exists=True)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write all that is needed to find out what is wrong into one file, without secrets."""
    now = datetime.now(UTC)
    path = out or Path(f"ota-gateway-support-{now:%Y%m%dT%H%M%SZ}.tar.gz")
    loaded = _loaded(config)
    head = _HEAD.format(when=f"{now:%Y-%m-%d %H:%M:%S} UTC")
    try:
        later.evidence.write(path, head, config, loaded, log)
    except FileExistsError:
        fail(Exit.FAILED, f"{path} is there already; name another file with --out")
    except OSError as error:
        fail(Exit.FAILED, f"{path} cannot be written: {error.strerror}; name another file with --out")
    if as_json:
        show_json({"file": str(path)})
    else:
        typer.echo(path)


def _loaded(path: Path) -> Config | None:
    try:
        loaded = load(path)
    except ConfigError:
        return None  # what is wrong with it is the first thing in the bundle
    hide_secrets(loaded)
    return loaded
