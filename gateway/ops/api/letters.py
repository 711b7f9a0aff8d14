"""The API's dead letters and quarantine: what a cloud refused for good, and what a device said in vain."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from aiohttp import web

from gateway.core.desk import UnknownError
from gateway.model.identity import Lane
from gateway.ops.api import parameters
from gateway.ops.api.answering import answer
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.views import in_words, instant
from gateway.ports.history import DeadLetter, SetAside

_LETTERS = "/api/v1/dead-letters"
_LETTER = f"{_LETTERS}/{{number:[1-9][0-9]{{0,17}}}}"
_ASIDE = "/api/v1/quarantine"
_MOST = 10**18

T = TypeVar("T", DeadLetter, SetAside)


class LetterRoutes:
    """`/api/v1/dead-letters` and `/api/v1/quarantine`."""

    def __init__(self, outlook: Outlook) -> None:
        self._history = outlook.history
        self._letters = outlook.letters

    def routes(self) -> Iterator[web.RouteDef]:
        """Yield the routes."""
        yield web.get(_LETTERS, self._list)
        yield web.get(_LETTER, self._show)
        yield web.post(f"{_LETTER}/replay", self._replay)
        yield web.post(f"{_LETTER}/drop", self._drop)
        yield web.get(_ASIDE, self._list_aside)
        yield web.get(f"{_ASIDE}/{{number:[1-9][0-9]{{0,17}}}}", self._show_aside)

    async def _list(self, request: web.Request) -> web.Response:
        parameters.only(request, ("lane", "limit", "cursor"))
        limit, lane = parameters.limit(request), request.query.get("lane")
        found = await self._history.dead_letters(
            lane=None if lane is None else Lane(lane),
            before=parameters.number(request, "cursor", least=1, most=_MOST),
            limit=limit + 1,
        )
        page, following = _page(list(found), limit)
        return answer({"dead_letters": [_letter(letter) for letter in page], "next": following})

    async def _show(self, request: web.Request) -> web.Response:
        letter = await self._history.dead_letter(int(request.match_info["number"]))
        if letter is None:
            raise UnknownError(f"there is no dead letter {request.match_info['number']}")
        return answer({**_letter(letter), "body": letter.body})

    async def _replay(self, request: web.Request) -> web.Response:
        return await self._move(request, self._letters.replay)

    async def _drop(self, request: web.Request) -> web.Response:
        return await self._move(request, self._letters.drop)

    async def _move(self, request: web.Request, move: Callable[[int], Awaitable[DeadLetter]]) -> web.Response:
        return answer(_letter(await move(int(request.match_info["number"]))))

    async def _list_aside(self, request: web.Request) -> web.Response:
        parameters.only(request, ("product", "device", "limit", "cursor"))
        limit = parameters.limit(request)
        found = await self._history.quarantine(
            product=request.query.get("product"),
            device=request.query.get("device"),
            before=parameters.number(request, "cursor", least=1, most=_MOST),
            limit=limit + 1,
        )
        page, following = _page(list(found), limit)
        return answer({"quarantine": [_aside(item) for item in page], "next": following})

    async def _show_aside(self, request: web.Request) -> web.Response:
        item = await self._history.set_aside(int(request.match_info["number"]))
        if item is None:
            raise UnknownError(f"nothing with the number {request.match_info['number']} is in quarantine")
        payload = {"text": item.payload.decode(errors="replace"), "base64": b64encode(item.payload).decode()}
        return answer({**_aside(item), "payload": payload})


def _page(found: list[T], limit: int) -> tuple[list[T], str | None]:
    page = found[:limit]
    return page, str(page[-1].id) if len(found) > limit else None


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "at": instant(letter.wall),
        "lane": letter.lane,
        "device": str(letter.device),
        "update": letter.update,
        "kind": letter.kind.name.lower(),
        "said": in_words(letter.body),
        "code": letter.code,
        "reason": letter.reason,
    }


def _aside(item: SetAside) -> dict[str, Any]:
    return {
        "id": item.id,
        "at": instant(item.wall),
        "device": str(item.device),
        "topic": item.topic,
        "reason": item.reason,
        "detail": item.detail,
        "bytes": len(item.payload),
    }
