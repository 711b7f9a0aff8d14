"""What a person may do: agree to an update, call it off, begin it anew, hold it back, and ask the clouds."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.asking import ask as ask_gateway
from gateway.cli.asking import show
from gateway.cli.shell import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, app, fail
from gateway.model.identity import parts_of

UpdateArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The update: PRODUCT/DEVICE/MODULE/NUMBER, as `updates list` shows it."
    ),
]
DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE", help="The device: PRODUCT/NAME.")]


def update_path(name: str) -> tuple[str, ...]:
    """Return an update's name as the parts of its path."""
    device, module, number = parts_of(name)
    if not (all(device) and module and number.isdecimal()):
        fail(Exit.CONFIGURATION, f"{name!r} names no update; it must be PRODUCT/DEVICE/MODULE/NUMBER")
    return ("updates", *device, module, number)


def device_path(name: str) -> tuple[str, ...]:
    """Return a device's name as the parts of its path."""
    product, _, device = name.partition("/")
    if not (product and device):
        fail(Exit.CONFIGURATION, f"{name!r} names no device; it must be PRODUCT/NAME")
    return ("devices", product, device)


@app.command()
def confirm(
    update: UpdateArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it: the update ends.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Agree to an update that waits for a person."""
    _act(config, update, "refuse" if refuse else "confirm", as_json=as_json)


@app.command()
def cancel(
    update: UpdateArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Call an update off that its device has not begun to install."""
    _act(config, update, "cancel", as_json=as_json)


@app.command()
def retry(
    update: UpdateArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Begin anew what ended without success."""
    _act(config, update, "retry", as_json=as_json)


@app.command()
def pause(
    update: UpdateArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Hold back an update of which its device has not been told."""
    _act(config, update, "pause", as_json=as_json)


@app.command()
def resume(
    update: UpdateArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Let a paused update go on."""
    _act(config, update, "resume", as_json=as_json)


@app.command()
def ask(
    device: DeviceArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Ask the clouds soon what they want of a device that is there."""
    path = device_path(device)
    show(ask_gateway(config, lambda client: client.ask("POST", *path, "ask")), as_json=as_json, title=device)


def _act(config: Path, update: str, action: str, *, as_json: bool) -> None:
    path = update_path(update)
    answer = ask_gateway(config, lambda client: client.ask("POST", *path, action))
    show(answer, as_json=as_json, title=str(answer.get("id", update)))
