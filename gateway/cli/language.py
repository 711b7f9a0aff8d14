"""The language in which people are told things."""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

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
