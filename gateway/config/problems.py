"""Turn pydantic's errors into sentences that name key, value, rule and way out; a secret's value is never in one."""

import json
import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

_SECRET_KEY = re.compile(r"secret|token|password|passwd|psk|key|credential|sign", re.IGNORECASE)
_USERINFO = re.compile(r"://.*@", re.DOTALL)
_LONGEST = 60
#: Where more are allowed, a suggestion says more than the list.
_MOST_WORDS = 10
_RULES = {
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number",
    "float_parsing": "it must be a number",
    "finite_number": "it must be a finite number",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "string_type": "it must be text in quotes",
    "path_type": "it must be a path in quotes",
    "list_type": 'it must be a list such as ["a", "b"]',
    "dict_type": "it must be a table",
    "model_type": "it must be a table",
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be at most {le}",
    "string_too_short": "it must have {min_length} or more characters",
    "string_too_long": "it must have {max_length} or fewer characters",
    "string_pattern_mismatch": "it must match {pattern}",
    "literal_error": "it must be {expected}",
    "enum": "it must be {expected}",
}


def problems_of(
    error: ValidationError, prefix: str, *, model: type[BaseModel] | None = None, known: Collection[str] = ()
) -> list[str]:
    """Return one sentence for each mistake; keys are shown under `prefix`.

    With the `model` that was validated, unknown and missing keys come with a suggestion; `known` are further keys
    that may stand beside the model's own.
    """
    return [
        _sentence(detail, prefix, model, known)
        for detail in error.errors(include_url=False)
        # A default that depends on another key follows from the mistake there.
        if detail["type"] != "default_factory_not_called"
    ]


def unknown_values(error: ValidationError, model: type[BaseModel]) -> set[str]:
    """Return the keys of which a mistake leaves unknown what is meant: its own, and the one that it is like."""
    unknown: set[str] = set()
    for detail in error.errors(include_url=False, include_input=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        unknown.add(name)
        if detail["type"] == "extra_forbidden":
            unknown.update(get_close_matches(name, model.model_fields, n=1))
    return unknown


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word, or list all of them."""
    words = sorted(known)
    nearest = get_close_matches(word, words, n=1)
    if nearest:
        return f'did you mean "{nearest[0]}"?'
    return f"known here: {', '.join(words)}" if words else "remove it"


def dotted(prefix: str, *parts: str | int) -> str:
    """Join a key as it is written in the file; parts that TOML would quote are quoted."""
    key = prefix
    for part in parts:
        if isinstance(part, int):
            key += f"[{part}]"
            continue
        word = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part, ensure_ascii=False)
        key = f"{key}.{word}" if key else word
    return key


def quoted(value: Any) -> str | None:
    """Show a scalar as TOML would, shortened and without credentials; None for what must not or cannot be shown."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _shortened(str(value))
        case str():
            text = _USERINFO.sub("://***@", value)
            return json.dumps(_shortened(text), ensure_ascii=False)
    return None


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _sentence(
    detail: ErrorDetails, prefix: str, model: type[BaseModel] | None, known: Collection[str]
) -> str:
    kind, parts = detail["type"], [part for part in detail["loc"] if part != "[key]"]
    key, name = dotted(prefix, *parts), str(parts[-1] if parts else prefix)
    owner, field = _place(model, parts)
    if kind == "extra_forbidden":
        keys = {*(owner.model_fields if owner else ()), *(known if len(parts) == 1 else ())}
        return f"{key} is not a known key; {did_you_mean(name, keys) if keys else 'remove it'}"
    if kind == "missing":
        example = (
            f", for example {name} = {json.dumps(field.examples[0])}" if field and field.examples else ""
        )
        return f"{key} is missing; add it{example}"
    is_key = detail["loc"][-1:] == ("[key]",)
    if is_key and kind == "literal_error":
        words = re.findall(r"'([^']+)'", str(detail.get("ctx", {}).get("expected", "")))
        return f"{key} is not a known key; {did_you_mean(name, words)}"
    shown = quoted(name if is_key else detail["input"])
    if kind in {"secret", "secret_hash"} or _SECRET_KEY.search(name) or shown is None:
        return f"{key}: {_rule(detail)}"
    return f"{key} is {shown}; {_rule(detail)}"


def _rule(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in {"literal_error", "enum"}:
        expected = str(context["expected"])
        words = re.findall(r"'([^']+)'", expected)
        if len(words) > _MOST_WORDS:
            return did_you_mean(str(detail["input"]), words)
        context = {"expected": expected.replace("'", '"')}
    if kind in {"value_error", "assertion_error"}:
        return str(context["error"])
    if kind in _RULES:
        numbers = {k: f"{v:g}" if isinstance(v, float) else v for k, v in context.items()}
        return _RULES[kind].format_map(numbers)
    return detail["msg"]


def _place(
    model: type[BaseModel] | None, parts: list[str | int]
) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """Return the innermost model on the way to a key, and the key's field when it has one."""
    owner, field = model, None
    annotation: Any = model
    for part in parts:
        owner = _model_in(annotation)
        field = owner.model_fields.get(str(part)) if owner else None
        annotation = field.annotation if field else _value_in(annotation)
    return owner, field


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _value_in(annotation: Any) -> Any:
    """Return what a dict or a list holds."""
    arguments = get_args(annotation)
    return arguments[-1] if arguments else None
