"""What people read, in their language: one JSON table for each, of sections of words; the dashboard reads the same.

A word may have places for values, `{version}` say; what has a plural ends in `_one` or `_other`.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("en", "zh")

#: Section → word → what it says.
Table = dict[str, dict[str, str]]


def text(language: str) -> str:
    """Return a language's table as it stands in its file."""
    return files(__name__).joinpath(f"{language}.json").read_text(encoding="utf-8")


@cache
def table(language: str = "en") -> Table:
    """Return a language's table."""
    read: Table = json.loads(text(language))
    return read


def of_locale(*names: str) -> str:
    """Return the language for the first name that is given, of a locale or of a browser's; English for all others."""
    named = next(filter(None, names), "").lower()
    return next((language for language in LANGUAGES if named.startswith(language)), LANGUAGES[0])


def say(section: str, word: str, language: str = "en", **values: object) -> str:
    """Say one word; one that no table has is said as it is."""
    known = table(language).get(section, {}).get(word)
    return word if known is None else known.format_map(values)
