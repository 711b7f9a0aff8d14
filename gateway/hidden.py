"""What must never be said, whoever would say it: in a log, in an error, or in what is stored and shown of them.

Clouds repeat what they are told, in the text of an error for example, and in another spelling.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Final
from urllib.parse import quote, quote_plus, unquote

HIDDEN: Final = "***"
_SHORTEST: Final = 4
_STRIDE: Final = 4


class Hidden:
    """A set of values."""

    def __init__(self) -> None:
        self._values: dict[int, set[str]] = {}
        #: Four characters in a row, from each of the first places of each: whoever looks at every n-th place of a text
        #: meets one of them in whatever is hidden there. Most texts hold none, which is found out cheaply.
        self._traces: set[tuple[str, ...]] = set()
        self._stride = _STRIDE

    def add(self, value: str) -> None:
        """Hide this value from now on, also as it looks in a URL or JSON; what is shorter than 4 characters stays."""
        for form in _forms(value):
            self._values.setdefault(len(form), set()).add(form)
            self._traces.update(islice(_fours(form, 1), _STRIDE))
            self._stride = min(self._stride, len(form) - _SHORTEST + 1)

    def out_of(self, text: str) -> str:
        """Return the text without them. The cost does not grow with their number."""
        if self._traces.isdisjoint(_fours(text, self._stride)):
            return text
        for length, values in sorted(self._values.items(), reverse=True):
            found = {text[at : at + length] for at in range(len(text) - length + 1)} & values
            for value in found:
                text = text.replace(value, HIDDEN)
        return text


def _fours(text: str, stride: int) -> Iterator[tuple[str, ...]]:
    """Yield what stands at each place, and at the three after it."""
    return zip(text[::stride], text[1::stride], text[2::stride], text[3::stride], strict=False)


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
