"""A line of a timeline as phrases, which can be said in any language: what was said, understood, answered and done.

The journal keeps lines as they were written, also by an older gateway; what none of the forms fits is told as it is.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.model.states import Reason
from gateway.ops.words import say

#: Values that are words themselves, and the section of each.
_SECTIONS: Final = {"state": "state", "believed": "state", "reason": "reason", "outcome": "outcome"}
_FORMS: Final = tuple(
    (word, re.compile(form, re.DOTALL))
    for word, form in (
        ("stale", r"ignored as stale"),
        ("absorbed", r"ignored as absorbed"),
        ("retried", r"failed with (?P<reason>\w+); begins anew \((?P<number>\d+)\)"),
        ("ordered", r"ordered (?P<order>.+)"),
        ("again", r"believed (?P<believed>\w+): told again (?P<state>\w+)"),
        ("answered", r"(?P<state>\w+): (?P<outcome>\w+)(?: (?P<answer>.*))?"),
    )
)
_ACTS: Final = tuple(
    (word, re.compile(form, re.DOTALL))
    for word, form in (
        ("began_as", r"began it anew as (?P<update>.+)"),
        ("began_after", r"began it anew after (?P<update>.+)"),
        ("replayed", r"replayed: what (?P<lane>.+?) had refused with (?P<code>.+)"),
        ("dropped", r"dropped: what (?P<lane>.+?) had refused with (?P<code>.+)"),
        ("asked", r"asked the clouds what they want"),
        ("confirmed", r"confirmed"),
        ("refused", r"refused"),
        ("canceled", r"canceled"),
        ("paused", r"paused"),
        ("resumed", r"resumed"),
    )
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """One thing that is told: a word of a section, and its values; without a section, words as they stand."""

    section: str
    word: str
    values: Mapping[str, str] = field(default_factory=dict)

    def in_language(self, language: str) -> str:
        """Say it."""
        if not self.section:
            return self.word
        known = {name: _value(name, value, language) for name, value in self.values.items()}
        return say(self.section, self.word, language, **known)


def phrases(source: str, text: str) -> list[Phrase]:
    """Return what a line tells."""
    match source:
        case "said":
            return [Phrase("", text)]
        case "operator":
            return _formed("act", _ACTS, text)
        case "understood" if (event := _event(text)) is not None:
            return list(_understood(event))
    return _formed("line", _FORMS, text)


def tell(told: Sequence[Phrase], language: str) -> str:
    """Say phrases as one line; what stands in brackets needs no comma before it."""
    line, comma = "", say("label", "list", language)
    for text in filter(None, (each.in_language(language) for each in told)):
        if line:
            line += " " if text[0] in "([" else comma
        line += text
    return line


def _formed(section: str, forms: Sequence[tuple[str, re.Pattern[str]]], text: str) -> list[Phrase]:
    for word, form in forms:
        found = form.fullmatch(text)
        if found is not None:
            values = {name: value for name, value in found.groupdict().items() if value is not None}
            answer = values.pop("answer", "")
            told = Phrase(section, word, values)
            return [told, Phrase("", answer)] if answer else [told]
    return [Phrase("", text)]


def _understood(event: Mapping[str, Any]) -> Iterator[Phrase]:
    yield Phrase("state", str(event["state"]))
    if "percent" in event:
        yield Phrase("line", "percent", {"percent": str(event["percent"])})
    if event.get("reason", Reason.NONE) != Reason.NONE:
        yield Phrase("reason", str(event["reason"]))
    if event.get("phase"):
        yield Phrase("phase", str(event["phase"]))
    if event.get("code"):
        yield Phrase("line", "code", {"code": str(event["code"])})
    detail = str(event.get("detail", ""))
    if event.get("synthetic"):
        yield from (Phrase("", detail), Phrase("line", "synthetic"))
    elif detail:
        yield Phrase("line", "detail", {"detail": detail})


def _event(text: str) -> Mapping[str, Any] | None:
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "state" in event else None


def _value(name: str, value: str, language: str) -> str:
    return say(_SECTIONS[name], value, language) if name in _SECTIONS else value
