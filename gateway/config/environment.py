"""Overrides from the environment: OTA_GATEWAY_HTTP__LISTEN sets http.listen.

Names are matched to the keys of the file without regard to case, `-` counting as `_`: product ids and device names
keep their spelling. A value that starts with [ or { is read as JSON. (pydantic-settings would lower the case of every
name and let an unknown one pass in silence.)
"""

import json
from collections.abc import Mapping
from typing import Any

from gateway.errors import ConfigError

PREFIX = "OTA_GATEWAY_"
SEPARATOR = "__"
_DEEPEST = 32


def override(document: dict[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Set in the document what the environment says; return the variable of each key that was set.

    Raises ConfigError where one means a place deeper than there are any.
    """
    variables = {}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and SEPARATOR in variable:
            parts = variable.removeprefix(PREFIX).split(SEPARATOR)
            variables[_set(document, parts, _value(environ[variable]))] = variable
            if is_deep(document):
                raise ConfigError(
                    [f"{variable} is nested too deeply to be read; take brackets or {SEPARATOR} out"]
                )
    return variables


def is_deep(document: dict[str, Any]) -> bool:
    """Whether tables and lists stand in each other deeper than anything that is meant."""
    level: list[Any] = [document]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _value(text: str) -> Any:
    if text[:1] not in {"[", "{"}:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _set(table: dict[str, Any], parts: list[str], value: Any) -> str:
    spelled = []
    for part in parts[:-1]:
        spelled.append(_spelling(table, part))
        inner = table.setdefault(spelled[-1], {})
        if not isinstance(inner, dict):
            inner = table[spelled[-1]] = {}
        table = inner
    spelled.append(_spelling(table, parts[-1]))
    table[spelled[-1]] = value
    return ".".join(spelled)


def _spelling(table: dict[str, Any], part: str) -> str:
    wanted = part.lower()
    return next((key for key in table if key.lower().replace("-", "_") == wanted), wanted)
