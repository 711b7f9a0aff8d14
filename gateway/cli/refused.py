"""Dead letters, which a cloud refused for good, and the quarantine of what devices said in vain."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.asking import Answer, ask, gather, look_up, show, show_all, show_json
from gateway.cli.language import LanguageOption, in_words, told_in
from gateway.cli.looking import LimitOption, NameOption, ProductOption, SinceOption, split_device
from gateway.cli.progress import bar
from gateway.cli.shell import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, app, fail
from gateway.ops.client import Client

letters_app = typer.Typer(help="Reports that a cloud refused for good.", no_args_is_help=True)
app.add_typer(letters_app, name="dead-letters")
aside_app = typer.Typer(help="Device input that could not be understood.", no_args_is_help=True)
app.add_typer(aside_app, name="quarantine")

NumberArgument = Annotated[int, typer.Argument(metavar="ID", min=1, help="The number that `list` shows.")]
NumbersArgument = Annotated[
    list[int] | None, typer.Argument(metavar="[ID]...", min=1, help="Numbers that `list` shows.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All of them, or all of --lane.")]
LaneOption = Annotated[str | None, typer.Option(help="Only those of this lane, cloud/onenet for example.")]

LETTERS = {
    "id": "id",
    "at": "at",
    "lane": "lane",
    "update": "update",
    "said": "said",
    "code": "code",
    "reason": "reason",
}
ASIDE = {"id": "id", "at": "at", "device": "device", "topic": "topic", "reason": "reason", "detail": "detail"}
LETTERS_NARROW = {key: LETTERS[key] for key in ("id", "update", "lane", "code", "reason")}
ASIDE_NARROW = {key: ASIDE[key] for key in ("id", "device", "reason", "detail")}
#: More than the store keeps.
_ALL = 1_000_000


@letters_app.command("list")
def list_letters(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    lane: LaneOption = None,
    product: ProductOption = None,
    device: NameOption = None,
    since: SinceOption = None,
    limit: LimitOption = 100,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, the newest first."""
    filters = {"lane": lane, "since": since, **split_device(product, device)}
    found = look_up(config, lambda client: gather(client, "dead-letters", "dead_letters", limit, **filters))
    if as_json:
        show_json(found)
    else:
        letters = found["dead_letters"]
        show_all("dead letters", letters, LETTERS, narrow=LETTERS_NARROW, language=told_in(language))


@letters_app.command("show")
def show_letter(
    number: NumberArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Show a dead letter."""
    view = look_up(config, lambda client: client.ask("GET", "dead-letters", str(number)))
    show(view, as_json=as_json, title=f"dead letter {number}")


@letters_app.command("replay")
def replay(
    numbers: NumbersArgument = None,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    every: AllOption = False,
    lane: LaneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send dead letters again; a cloud that has heard of something later is not told of it."""
    _move(config, "replay", numbers or [], every=every, lane=lane, as_json=as_json)


@letters_app.command("drop")
def drop(
    numbers: NumbersArgument = None,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    every: AllOption = False,
    lane: LaneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget dead letters."""
    _move(config, "drop", numbers or [], every=every, lane=lane, as_json=as_json)


@aside_app.command("list")
def list_aside(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    product: ProductOption = None,
    device: NameOption = None,
    reason: Annotated[
        str | None, typer.Option(help="Only what was set aside for this: bad_json, unknown_topic …")
    ] = None,
    since: SinceOption = None,
    limit: LimitOption = 100,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was set aside, the newest first."""
    filters = {"reason": reason, "since": since, **split_device(product, device)}
    found = look_up(config, lambda client: gather(client, "quarantine", "quarantine", limit, **filters))
    if as_json:
        show_json(found)
    else:
        aside = in_words(found["quarantine"], language, reason="quarantine")
        show_all("quarantine", aside, ASIDE, narrow=ASIDE_NARROW, language=told_in(language))


@aside_app.command("show")
def show_aside(
    number: NumberArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Show what was set aside, with the payload or its beginning."""
    view = look_up(config, lambda client: client.ask("GET", "quarantine", str(number)))
    show(view, as_json=as_json, title=f"quarantine {number}")


def _move(
    config: Path, action: str, numbers: list[int], *, every: bool, lane: str | None, as_json: bool
) -> None:
    if bool(numbers) == every:
        fail(Exit.CONFIGURATION, f"say which dead letters to {action}: their numbers, or --all")

    async def move(client: Client) -> Answer:
        wanted = list(numbers)
        if every:
            listed = await gather(client, "dead-letters", "dead_letters", _ALL, lane=lane)
            # The oldest first, as they were said.
            wanted = sorted(letter["id"] for letter in listed["dead_letters"])
        moved = []
        with bar(action) as advance:
            for number in wanted:
                moved.append(await client.ask("POST", "dead-letters", str(number), action))
                advance(len(moved), len(wanted))
        return {"dead_letters": moved}

    answer = ask(config, move)
    if as_json:
        show_json(answer)
    else:
        show_all(
            "replayed" if action == "replay" else "dropped",
            answer["dead_letters"],
            LETTERS,
            narrow=LETTERS_NARROW,
        )
