"""What must never be said, whoever would say it: in a log, in an error, or in what is stored and shown of them.

Clouds repeat what they are told, in the text of an error for example, and in another spelling.
"""

import json
from typing import Final
from urllib.parse import quote, quote_plus, unquote

HIDDEN: Final = "***"
_SHORTEST: Final = 4


class Hidden:
    """A set of values."""

    def __init__(self) -> None:
        self._values: dict[int, set[str]] = {}
        #: The first characters of each: most texts hold none of these, which is found out cheaply.
        self._starts: set[tuple[str, ...]] = set()

    def add(self, value: str) -> None:
        """Hide this value from now on, also as it looks in a URL or JSON; what is shorter than 4 characters stays."""
        for form in _forms(value):
            self._values.setdefault(len(form), set()).add(form)
            self._starts.add(tuple(form[:_SHORTEST]))

    def out_of(self, text: str) -> str:
        """Return the text without them. The cost does not grow with their number."""
        if self._starts.isdisjoint(zip(*(text[at:] for at in range(_SHORTEST)), strict=False)):
            return text
        for length, values in sorted(self._values.items(), reverse=True):
            found = {text[at : at + length] for at in range(len(text) - length + 1)} & values
            for value in found:
                text = text.replace(value, HIDDEN)
        return text


def _forms(value: str) -> set[str]:
    forms = set()
    for each in (value, unquote(value)):
        forms |= {each, quote(each, safe=""), quote_plus(each), each.replace("/", "\\/")}
        forms |= {json.dumps(each, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)}
    return {form for form in forms if len(form) >= _SHORTEST}


#: Every secret of the configuration. One per process by nature, as is the log.
known: Final = Hidden()


def hidden(text: str, *more: str) -> str:
    """Return the text without any secret of the configuration, and without these."""
    others = Hidden()
    for value in more:
        others.add(value)
    return known.out_of(others.out_of(text))
