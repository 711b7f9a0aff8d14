"""What an operator looks up: updates and their timelines, devices, orders and drift, images."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from gateway.cli.asking import Answer, ask, gather, look_up, show_all, show_json
from gateway.cli.language import Language, LanguageOption, in_words, told_in
from gateway.cli.progress import bars
from gateway.cli.shell import DEFAULT_CONFIG, ConfigOption, JsonOption, app
from gateway.config.quantities import Duration
from gateway.ops.client import Client
from gateway.ops.tables import visible, words
from gateway.ops.words import say

#: Seconds between two looks at what is fetched.
WATCH_EVERY = 0.5

LimitOption = Annotated[int, typer.Option(min=1, help="How many to show, the newest first.")]
ProductOption = Annotated[str | None, typer.Option(help="Only those of this product.")]
NameOption = Annotated[
    str | None, typer.Option("--device", help="Only those of this device; its name, or PRODUCT/NAME.")
]


def _since(given: str) -> str:
    """Return the time that is meant, as the API reads it; "2h" is two hours ago."""
    try:
        ago = TypeAdapter(Duration).validate_python(given)
        return (datetime.now(UTC) - ago).isoformat(timespec="milliseconds")
    except ValidationError:
        pass
    try:
        return datetime.fromisoformat(given).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f'{given!r} is no time; say how long ago ("30m", "2h", "7d"), or "2026-11-21 08:00"'
        ) from None


SinceOption = Annotated[
    str | None,
    typer.Option(
        parser=_since, metavar="TIME", help='Only those of then or later: "2h" ago, or "2026-11-21 08:00".'
    ),
]

DEVICES = {"device": "id", "present": "present", "versions": "versions", "under way": "open"}
ORDERS = {
    "lane": "lane",
    "device": "device",
    "module": "module",
    "version": "version",
    "state": "state",
    "update": "update",
    "handle": "handle",
}
ORDERS_NARROW = {key: ORDERS[key] for key in ("device", "lane", "version", "state", "update")}
DRIFT = {
    "lane": "lane",
    "update": "update",
    "drift": "kind",
    "cloud says": "believed",
    "is": "true",
    "detail": "detail",
}
DRIFT_NARROW = {key: DRIFT[key] for key in ("update", "lane", "cloud says", "is")}
IMAGES = {"sha256": "sha256", "size": "size", "version": "version", "module": "module", "used": "used_at"}
IMAGES_NARROW = {key: IMAGES[key] for key in ("version", "module", "size", "sha256")}
FETCHES = {
    "version": "version",
    "module": "module",
    "lane": "lane",
    "%": "percent",
    "trouble": "trouble.detail",
}


def split_device(product: str | None, device: str | None) -> dict[str, str | None]:
    """Return the filters for a device that may be named with its product."""
    if device is not None and "/" in device:
        product, _, device = device.partition("/")
    return {"product": product, "device": device}


@app.command()
def devices(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    product: ProductOption = None,
    present: Annotated[
        bool | None, typer.Option("--present/--away", help="Only those that are there, or not.")
    ] = None,
    limit: LimitOption = 1000,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """List devices: who is there, what runs, what is under way."""
    found = look_up(
        config, lambda client: gather(client, "devices", "devices", limit, product=product, present=present)
    )
    if as_json:
        show_json(found)
    else:
        listed = [_told(device, language) for device in found["devices"]]
        show_all("devices", in_words(listed, language, present="truth"), DEVICES, language=told_in(language))


def _told(device: dict[str, Any], language: Language | None) -> dict[str, Any]:
    brief = [f"{each['id']} {each['state']}" for each in in_words(device["open"], language, state="state")]
    return {**device, "present": words(device["present"]), "open": brief}


@app.command()
def orders(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Only those that wait for another cloud's.")
    ] = False,
    product: ProductOption = None,
    device: NameOption = None,
    limit: LimitOption = 1000,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what the clouds want, conflicts among it, and what they believe that is not so."""
    filters = {"state": "conflict" if conflicts else None, **split_device(product, device)}

    async def look(client: Client) -> Answer:
        wanted = await gather(client, "orders", "orders", limit, **filters)
        return {**wanted, **await client.ask("GET", "drift")}

    found = look_up(config, look)
    if as_json:
        show_json(found)
        return
    named = [{**order, "device": f"{order['product']}/{order['device']}"} for order in found["orders"]]
    spoken = told_in(language)
    show_all(
        "orders",
        in_words(named, language, state="order_state"),
        ORDERS,
        narrow=ORDERS_NARROW,
        language=spoken,
    )
    if found["drift"]:
        drift = in_words(found["drift"], language, believed="state", true="state", kind="drift")
        show_all("drift", drift, DRIFT, narrow=DRIFT_NARROW, language=spoken)


@app.command()
def firmware(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait until all that is fetched is here, or cannot be had.")
    ] = False,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the images of the cache, and those that are being fetched or cannot be had."""
    found = ask(config, _watched if watch else lambda client: client.ask("GET", "firmware"))
    if as_json:
        show_json(found)
        return
    spoken = told_in(language)
    title = say("label", "images", spoken, taken=found["taken"], quota=found["quota"])
    show_all(title, found["images"], IMAGES, narrow=IMAGES_NARROW, language=spoken)
    if found["fetches"]:
        show_all("fetches", found["fetches"], FETCHES, language=spoken)


async def _watched(client: Client) -> Answer:
    """Show how far each fetch is until none goes on; return how things stand then."""
    with bars() as show:
        while True:
            found = await client.ask("GET", "firmware")
            coming = [each for each in found["fetches"] if not (each["trouble"] and each["trouble"]["final"])]
            if not coming:
                return found
            show({_fetch(each): (each["received"] or 0, each["size"]) for each in coming})
            await asyncio.sleep(WATCH_EVERY)


def _fetch(fetch: dict[str, Any]) -> str:
    trouble = f": {fetch['trouble']['detail']}" if fetch["trouble"] else ""
    return visible(f"{fetch['version']} {fetch['module']} {fetch['lane']}{trouble}")
