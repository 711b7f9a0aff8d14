"""From hostile bytes to usable fields, lenient in what devices vary, nothing that could break later code; and back."""

import json
import re
from math import isfinite
from types import MappingProxyType
from typing import Any, Final, NoReturn

from gateway.errors import NotUnderstoodError
from gateway.model.identity import DEFAULT_MODULE, Module, Version

MAX_NAME_CHARS: Final = 64
MAX_TEXT_CHARS: Final = 512
#: What a database's smallest integer holds.
_MAX_WHOLE: Final = 2**31 - 1

#: Control characters except tab and line feed, and halves of surrogate pairs: a NUL breaks PostgreSQL, a half UTF-8.
_UNSTORABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LEADING_NUMBER: Final = re.compile(r"\s*[+-]?[0-9]{1,10}(?:\.[0-9]{1,10})?")
_ANSWERS: Final = MappingProxyType(
    {True: True, "true": True, "yes": True, "1": True, False: False, "false": False, "no": False, "0": False}
)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def parse(payload: bytes) -> dict[str, Any]:
    """Return the JSON object in the payload; of duplicate keys the last wins.

    Trailing NULs are cut: C code likes to send the whole buffer.
    """
    try:
        value = _DECODER.decode(payload.rstrip(b"\0").decode())
    except RecursionError as error:
        raise NotUnderstoodError("bad_json", "nested too deeply") from error
    except ValueError as error:
        raise NotUnderstoodError("bad_json", str(error)) from error
    return as_object(value, "the payload")


def compact(said: dict[str, Any]) -> bytes:
    """Write what a device reads: no blanks, nothing but ASCII."""
    return json.dumps(said, separators=(",", ":")).encode()


def as_object(value: object, what: str) -> dict[str, Any]:
    """Return the value if it is an object; `what` names it in the refusal."""
    if isinstance(value, dict):
        return value
    raise NotUnderstoodError("not_object", f"{what} is {shown(value)}, not an object")


def shown(value: object) -> str:
    """Describe a value in a few printable characters."""
    if isinstance(value, str):
        return ascii(value[:40])
    if value is None:
        return "missing"
    return f"of type {type(value).__name__}"


def version(value: object) -> Version | None:
    """Return a version of 1 to 64 printable characters, or None when the device did not say."""
    name = _name(value, "version")
    return None if name is None else Version(name)


def required_version(value: object) -> Version:
    """Return a version; without one the message says nothing."""
    found = version(value)
    if found is None:
        raise NotUnderstoodError("missing_field", "version is missing")
    return found


def module(value: object) -> Module:
    """Return a module's name of 1 to 64 printable characters; the default one when the device did not say."""
    name = _name(value, "module")
    return DEFAULT_MODULE if name is None else Module(name)


def _name(value: object, field: str) -> str | None:
    if value is None or value == "":
        return None
    # A float is refused: 1.10 would come out as 1.1, which is another version.
    name = str(value) if type(value) is int else value
    if not isinstance(name, str):
        raise NotUnderstoodError("bad_field", f"{field} is {shown(value)}; it must be a string")
    if len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise NotUnderstoodError(
            "bad_field", f"{field} is {shown(name)}; it must be 1 to {MAX_NAME_CHARS} printable characters"
        )
    return name


def percent(value: object) -> int | None:
    """Return 0 to 100 from 20, 20.5, "20" or "20 %", cut to that range; None for anything else."""
    if isinstance(value, str):
        return _spoken_percent(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(min(100, max(0, value)))
    return None


def _spoken_percent(value: str) -> int | None:
    try:
        number = float(value.strip().removesuffix("%"))
    except ValueError:
        return None
    return int(min(100, max(0, number))) if isfinite(number) else None


def whole(value: object) -> int | None:
    """Return the number that a value begins with: -97 from -97, -97.4, "-97" or "-97 dBm"; None for anything else."""
    number = _LEADING_NUMBER.match(value) if isinstance(value, str) else None
    said: object = float(number[0]) if number else value
    if isinstance(said, int | float) and not isinstance(said, bool) and abs(said) <= _MAX_WHOLE:
        return int(said)
    return None


def required_bool(value: object, field: str) -> bool:
    """Return yes or no; `field` names it in the refusal. Without it, or with another word, nothing is guessed."""
    if value is None or value == "":
        raise NotUnderstoodError("missing_field", f"{field} is missing")
    # 1 and 1.0 are the key True of a dict, too.
    said = value.strip().lower() if isinstance(value, str) else value
    if isinstance(said, str | int | float) and said in _ANSWERS:
        return _ANSWERS[said]
    raise NotUnderstoodError("bad_field", f"{field} is {shown(value)}; it must be true or false")


def text(value: object, max_chars: int = MAX_TEXT_CHARS) -> str:
    """Return what a device says for people: cut to length, with U+FFFD for what cannot be stored."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    said = str(value)[:max_chars]
    return said if said.isascii() and said.isprintable() else _UNSTORABLE.sub("\ufffd", said)
