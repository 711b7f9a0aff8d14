"""`status`: how the running gateway is."""

from collections.abc import Mapping
from typing import Any

import typer

from gateway.cli.asking import look_up_from, show
from gateway.cli.language import LanguageOption, said_in_words, told_in
from gateway.cli.shell import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, app
from gateway.ops.words import say
from gateway.ports.store import Circuit


@app.command()
def status(
    config: ConfigOption = DEFAULT_CONFIG, *, language: LanguageOption = None, as_json: JsonOption = False
) -> None:
    """Ask the gateway how it is: tables on a terminal, one fact a line otherwise.

    If none answers, its store says how it was left; the exit code says that it does not run.
    """
    answer, is_running = look_up_from(config, lambda client: client.status())
    title = "gateway"
    if said_in_words(language) and not as_json:
        spoken = told_in(language)
        answer, title = _in_words(answer, spoken), say("status", title, spoken)
    show(answer, as_json=as_json, title=title)
    if not is_running:
        raise typer.Exit(Exit.NOT_RUNNING)


def _in_words(report: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Say what each fact is called, how a circuit stands, and in what states updates are."""
    said = {say("status", key, language): _said(key, fact, language) for key, fact in report.items()}
    if report.get("circuit") == Circuit.CLOSED and report.get("reason"):
        # Too few failures in a row to open it, for want of devices that say something: nothing to be called well.
        said[say("status", "circuit", language)] = say("status", "failing", language)
    return said


def _said(key: str, fact: object, language: str) -> object:
    match key, fact:
        case "updates", Mapping():
            return {say("state", state, language): count for state, count in fact.items()}
        case "circuit", str():
            return say("circuit", fact, language)
        case _, bool():
            return say("truth", str(fact).lower(), language)
        case _, Mapping():
            return _in_words(fact, language)
        case _, list():
            return [_in_words(each, language) if isinstance(each, Mapping) else each for each in fact]
    return fact
