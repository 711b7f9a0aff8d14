"""The language in which people are told things."""

import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.ops import words


class Language(StrEnum):
    """What the catalogue of words has."""

    EN = "en"
    ZH = "zh"


LanguageOption = Annotated[
    Language | None,
    typer.Option(
        "--language",
        help="The language to tell it in; if not given, that of LC_ALL or LANG on a terminal, English in a pipe.",
        show_default=False,
    ),
]


def told_in(given: Language | None, environment: Mapping[str, str] | None = None) -> str:
    """Return the language to tell things in; what a script reads does not follow its caller's locale."""
    if given is not None:
        return given.value
    if not Console().is_terminal:
        return words.LANGUAGES[0]
    said = os.environ if environment is None else environment
    return words.of_locale(*(said.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")))


def said_in_words(given: Language | None) -> bool:
    """Tell whether a person reads it, and codes are to be said in words."""
    return given is not None or Console().is_terminal


def in_words(
    entries: Sequence[Mapping[str, Any]], given: Language | None, **sections: str
) -> list[Mapping[str, Any]]:
    """Say the codes of a list, each key's by the words of its section, if a person reads it."""
    if not said_in_words(given):
        return list(entries)
    spoken = told_in(given)
    return [
        {**entry, **{key: words.say(section, str(entry[key]), spoken) for key, section in sections.items()}}
        for entry in entries
    ]
