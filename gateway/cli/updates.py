"""Updates: listed, and one of them with all that happened to it, told in the operator's language."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from gateway.cli.acting import UpdateArgument, update_path
from gateway.cli.asking import gather, look_up, show, show_all, show_json
from gateway.cli.language import LanguageOption, said_in_words, told_in
from gateway.cli.looking import LimitOption, NameOption, ProductOption, SinceOption, split_device
from gateway.cli.shell import DEFAULT_CONFIG, ConfigOption, JsonOption, app
from gateway.model.states import Reason, State
from gateway.ops.telling import Phrase, tell
from gateway.ops.words import say

updates_app = typer.Typer(help="Look at updates: list, show.", no_args_is_help=True)
app.add_typer(updates_app, name="updates")

UPDATES = {
    "update": "id",
    "state": "state",
    "%": "percent",
    "from": "source",
    "to": "target",
    "next": "next.who",
    "why": "next.why",
    "since": "entered_at",
}
UPDATES_NARROW = {"update": "id", "state": "state", "%": "percent", "to": "target", "next": "baton"}
TIMELINE = {"at": "at", "who": "source", "what": "text"}
_FLAGS = ("ordered", "confirmed", "paused", "stalled", "unverified", "synthetic")


@updates_app.command("list")
def list_updates(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not over.")] = False,
    state: Annotated[
        list[State] | None,
        typer.Option(help="Only those in this state; may be given again.", metavar="STATE"),
    ] = None,
    reason: Annotated[
        Reason | None, typer.Option(help="Only those that give this reason.", metavar="REASON")
    ] = None,
    since: SinceOption = None,
    product: ProductOption = None,
    device: NameOption = None,
    limit: LimitOption = 100,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """List updates, those that began last first."""
    filters = {
        "open": only_open or None,
        "state": state,
        "reason": reason,
        "since": since,
        **split_device(product, device),
    }
    found = look_up(config, lambda client: gather(client, "updates", "updates", limit, **filters))
    if as_json:
        show_json(found)
        return
    spoken = told_in(language)
    listed = found["updates"]
    if said_in_words(language):
        listed = [_in_words(update, spoken) for update in listed]
    show_all("updates", list(map(_batoned, listed)), UPDATES, narrow=UPDATES_NARROW, language=spoken)


@updates_app.command("show")
def show_update(
    update: UpdateArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an update: where it stands, who must move next, and its timeline.

    The timeline: what its device said, what the gateway made of it, what each cloud answered, what operators did.
    """
    path = update_path(update)
    view = look_up(config, lambda client: client.ask("GET", *path))
    if as_json:
        show_json(view)
        return
    spoken = told_in(language)
    timeline = [_line_in_words(line, spoken) for line in view.pop("timeline", [])]
    if said_in_words(language):
        view = dict(_facts(view, spoken))
    show(view, as_json=False, title=update)
    show_all("timeline", timeline, TIMELINE, language=spoken)


def _batoned(update: dict[str, Any]) -> dict[str, Any]:
    step = update["next"]
    return {**update, "baton": ": ".join(word for word in (step["who"], step["why"]) if word)}


def _in_words(update: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Say the codes of an update."""
    return {
        **update,
        "state": say("state", update["state"], language),
        "next": {"who": say("owner", update["next"]["who"], language), "why": _why(update["next"], language)},
    }


def _why(step: Mapping[str, Any], language: str) -> str:
    values = dict(step.get("values", {}))
    if "reason" in values:
        values["reason"] = say("reason", values["reason"], language)
    return say("why", step["word"], language, **values) if step.get("word") else str(step.get("why", ""))


def _facts(view: Mapping[str, Any], language: str) -> Iterator[tuple[str, Any]]:
    """Yield what there is to know of an update, for a person."""
    told = _in_words(view, language)
    join = say("label", "list", language).join
    yield (
        say("label", "state", language),
        told["state"] + ("" if view["percent"] is None else f" {view['percent']} %"),
    )
    if "reason" in view:
        reason = say("reason", view["reason"], language), say("phase", view["phase"], language)
        yield say("label", "why", language), join(filter(None, (*reason, view["code"], view["detail"])))
    yield say("label", "from", language), view["source"]
    yield say("label", "to", language), view["target"]
    yield say("label", "next", language), join(filter(None, (told["next"]["who"], told["next"]["why"])))
    yield say("label", "begun", language), view["opened_at"]
    yield say("label", "since", language), view["entered_at"]
    yield say("label", "notes", language), join(say("flag", flag, language) for flag in _FLAGS if view[flag])
    for order in view.get("orders", []):
        state = say("label", "order", language)
        yield f"{state} {order['lane']}", f"{order['version']} ({order['handle']}) {order['state']}"
    if view.get("image"):
        image = view["image"]
        trouble = image["trouble"]["detail"] if image["trouble"] else ""
        done = "" if image["percent"] is None else f"{image['percent']} %"
        yield say("label", "image", language), join(filter(None, (done, trouble)))


def _line_in_words(line: Mapping[str, Any], language: str) -> dict[str, Any]:
    told = [Phrase(**phrase) for phrase in line.get("phrases", [])]
    text = tell(told, language) if told else line["text"]
    return {**line, "source": say("who", line["source"], language), "text": text}
