"""Differences between two JSON objects as a merge patch (RFC 7396): what is named changes, null removes."""

from collections.abc import Mapping
from typing import Any


def patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes the new one of the old one; neither may hold None. Lists are replaced as a whole."""
    found: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = patch(before, value)
            if inner:
                found[key] = inner
        elif before != value:
            found[key] = value
    return found
