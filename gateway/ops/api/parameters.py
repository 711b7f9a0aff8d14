"""What a request may name and ask for: the types of parameters, whose schema is the rule by which they are read.

Reading is strict: whatever cannot be meant is a BadRequestError that names the parameter, its value and the rule. A
filter that is misspelt must not show everything.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, TypeVar

from multidict import MultiMapping
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.model.identity import DeviceId, UpdateId
from gateway.ops.problems import BadRequestError

DEFAULT_LIMIT, MAX_LIMIT = 100, 500
#: What every reader of JSON keeps exactly.
_MOST = 2**53 - 1
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


def _decimal(given: str) -> int:
    if not (given.isascii() and given.isdecimal() and len(given) <= 18):
        raise ValueError
    return int(given)


def _true_or_false(given: str) -> bool:
    if given not in ("true", "false"):
        raise ValueError
    return given == "true"


def _wall(given: str) -> float:
    if not _TIME.fullmatch(given):
        raise ValueError
    return datetime.fromisoformat(given.upper()).timestamp()


#: A name; a NUL is in none, and no database takes it.
Name = Annotated[str, Field(min_length=1, pattern="^[^\\x00]+$")]
#: For a whole number that is written in decimal digits.
decimal = BeforeValidator(_decimal)
Number = Annotated[int, Field(ge=1, le=_MOST), decimal]
Flag = Annotated[bool, BeforeValidator(_true_or_false)]
#: Unix seconds; written as RFC 3339.
Since = Annotated[
    float,
    BeforeValidator(_wall),
    Field(json_schema_extra={"type": "string", "format": "date-time", "examples": ["2026-11-21T08:00:00Z"]}),
]
Limit = Annotated[
    int,
    Field(ge=1, le=MAX_LIMIT, description="How many entries a page has at most."),
    BeforeValidator(_decimal),
]
Cursor = Annotated[
    str,
    Field(min_length=1, description="Where to go on: the `next` of the page before, with the same filters."),
]


class Asked(BaseModel):
    """What a request asks for; a field that the path names is read from there, any other from the query."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paged(Asked):
    """A list that comes a page at a time."""

    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class OfDevice(Asked):
    """One device."""

    product: Annotated[Name, Field(description="The device's product.")]
    device: Annotated[Name, Field(description="The device's name within its product.")]

    @property
    def device_id(self) -> DeviceId:
        """Its identity."""
        return DeviceId(self.product, self.device)


class OfUpdate(OfDevice):
    """One update."""

    module: Annotated[Name, Field(description="What is updated: `default`, `mcu`, …; its slashes as %2F.")]
    number: Annotated[Number, Field(description="The last part of the update's id.")]

    @property
    def update_id(self) -> UpdateId:
        """Its identity."""
        return UpdateId(f"{self.device_id}/{self.module}/{self.number}")


class Numbered(Asked):
    """One entry of a list."""

    number: Annotated[Number, Field(description="The entry's `id`.")]


AskedT = TypeVar("AskedT", bound=Asked)


def read(wanted: type[AskedT], path: Mapping[str, str], query: MultiMapping[str]) -> AskedT:
    """Return what a request asks for."""
    fields = wanted.model_fields.keys() - path.keys()
    schema = rules(wanted)
    given: dict[str, Any] = dict(path)
    for name in dict.fromkeys(query):
        if name not in fields:
            raise BadRequestError(f"{name[:40]} is not a parameter here; {_way_out(name, fields)}", name[:40])
        values = query.getall(name)
        if schema[name].get("type") == "array":
            given[name] = values
        elif len(values) > 1:
            raise BadRequestError(f"{name} is given {len(values)} times; give it once", name)
        else:
            given[name] = values[0]
    try:
        return wanted.model_validate(given)
    except ValidationError as error:
        at = error.errors(include_url=False, include_context=False)[0]
        name = str(at["loc"][0])
        raise BadRequestError(
            f"{name} is {_shown(given.get(name), at['input'])}; it must be {_words(schema[name])}", name
        ) from None


@cache
def rules(wanted: type[Asked]) -> Mapping[str, Mapping[str, Any]]:
    """Return the JSON Schema of each parameter; one that may be left out is not said to be null instead."""
    whole = wanted.model_json_schema()
    return {
        name: _resolved(rule, whole.get("$defs", {})) for name, rule in whole.get("properties", {}).items()
    }


def _resolved(rule: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    if "anyOf" in rule:
        (meant,) = [each for each in rule["anyOf"] if each.get("type") != "null"]
        rule = {**meant, **{key: value for key, value in rule.items() if key not in ("anyOf", "default")}}
    if "$ref" in rule:
        target = known[rule["$ref"].rpartition("/")[2]]
        rule = {**target, **{key: value for key, value in rule.items() if key != "$ref"}}
    if "items" in rule:
        rule = {**rule, "items": _resolved(rule["items"], known)}
    return {key: value for key, value in rule.items() if key != "title"}


def _words(rule: Mapping[str, Any]) -> str:
    match rule:
        case {"enum": words}:
            return f"one of {', '.join(words)}"
        case {"items": items}:
            return _words(items)
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "integer", "minimum": least, "maximum": most}:
            return f"a number from {least} to {most}"
        case {"format": "date-time", "examples": [example]}:
            return f"a time such as {example}"
    return "a name"


def _shown(given: object, at: object) -> str:
    """Write what was given; of several, the one that is wrong."""
    return repr(str(at if isinstance(given, list) else given)[:40])


def _way_out(name: str, known: set[str]) -> str:
    nearest = get_close_matches(name, known, n=1)
    asked = f"did you mean {nearest[0]}? " if nearest else ""
    return asked + (f"known are: {', '.join(sorted(known))}" if known else "there are none")
