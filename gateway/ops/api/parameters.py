"""What a request names and asks for, read strictly: whatever cannot be meant is a BadRequestError."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from math import isfinite

from aiohttp import web

from gateway.model.identity import DeviceId, UpdateId
from gateway.model.states import TERMINAL, State
from gateway.ops.problems import BadRequestError
from gateway.ports.history import Place

DEFAULT_LIMIT, MAX_LIMIT = 100, 500
_FOREIGN = 'cursor is none of ours; take the "next" of the page before'


def only(request: web.Request, names: Iterable[str]) -> None:
    """Refuse parameters that nobody would read: a filter that is misspelt must not show everything."""
    known = sorted(names)
    for name in request.query:
        if name not in known:
            raise BadRequestError(f"{name} is not a parameter here; known are: {', '.join(known)}")


def limit(request: web.Request) -> int:
    """Return how many entries are wanted."""
    return number(request, "limit", least=1, most=MAX_LIMIT) or DEFAULT_LIMIT


def number(request: web.Request, name: str, *, least: int, most: int) -> int | None:
    """Return a whole number, None where none is given."""
    given = request.query.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= 18 and least <= int(given) <= most):
        raise BadRequestError(f"{name} is {given[:40]!r}; it must be a number from {least} to {most}")
    return int(given)


def flag(request: web.Request, name: str) -> bool | None:
    """Return true or false, None where neither is given."""
    word = request.query.get(name)
    if word not in (None, "true", "false"):
        raise BadRequestError(f"{name} is {word[:40]!r}; it must be true or false")
    return None if word is None else word == "true"


def states(request: web.Request) -> frozenset[State] | None:
    """Return the states that are wanted: each `state`, or with `open=true` those that are no end."""
    try:
        named = frozenset(State(word) for word in request.query.getall("state", []))
    except ValueError as err:
        raise BadRequestError(f"state: {err}; it must be one of {', '.join(State)}") from None
    if flag(request, "open"):
        return (named or frozenset(State)) - TERMINAL
    return named or None


def device_id(request: web.Request) -> DeviceId:
    """Return the device that the path names."""
    return DeviceId(request.match_info["product"], request.match_info["device"])


def update_id(request: web.Request) -> UpdateId:
    """Return the update that the path names."""
    module, count = request.match_info["module"], request.match_info["number"]
    return UpdateId(f"{device_id(request)}/{module}/{count}")


def cursor_after(name: str) -> str:
    """Write where a page ended, by the name of its last entry."""
    return urlsafe_b64encode(name.encode(errors="surrogatepass")).decode()


def name_after(request: web.Request) -> str | None:
    """Read the name at which the page before ended."""
    given = request.query.get("cursor")
    if given is None:
        return None
    try:
        return urlsafe_b64decode(given).decode(errors="surrogatepass")
    except ValueError:
        raise BadRequestError(_FOREIGN) from None


def cursor(place: Place) -> str:
    """Write where a page of updates ended."""
    opened_at, name = place
    return cursor_after(f"{opened_at!r} {name}")


def place(request: web.Request) -> Place | None:
    """Read where the page of updates before ended."""
    given = name_after(request)
    if given is None:
        return None
    said_at, _, name = given.partition(" ")
    try:
        opened_at = float(said_at)
        # What no database can look for, ours has never written.
        is_ours = isfinite(opened_at) and "\0" not in name.encode().decode()
    except ValueError:
        is_ours = False
    if not is_ours:
        raise BadRequestError(_FOREIGN)
    return opened_at, UpdateId(name)
