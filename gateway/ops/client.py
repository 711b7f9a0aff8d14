"""Ask a running gateway over its own HTTP side, as the command line does."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from gateway.config import Address, HttpConfig
from gateway.errors import GatewayError

_PATIENCE = 10.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced by loopback

#: What a parameter may be.
Query = str | int | bool | Sequence[str] | None


class NotReachableError(GatewayError):
    """No gateway answers at its address."""


class RefusedError(GatewayError):
    """A gateway answers, and not with what was asked for; `problems` are the mistakes that it lists, if it does."""

    def __init__(self, sentence: str, problems: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Client:
    """The other end of `OpsServer`."""

    http: HttpConfig
    #: Asked instead of the address: the API of a gateway that does not run, in this process.
    socket: Path | None = None
    #: Seconds for one answer.
    patience: float = _PATIENCE

    @property
    def url(self) -> str:
        """Where it asks."""
        listen = self.http.listen
        return f"http://{Address(_EVERYWHERE.get(listen.host, listen.host), listen.port)}"

    async def status(self) -> dict[str, Any]:
        """Return the gateway's own report; raises as `ask` does."""
        return await self.ask("GET", "status")

    async def metrics(self) -> str:
        """Return every metric, as monitoring reads them; raises as `ask` does."""
        try:
            async with self._session() as session, session.get(f"{self.url}/metrics") as reply:
                return await reply.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotReachableError(f"no gateway answers at {self.url} ({_words(error)})") from None

    async def ask(self, method: str, *path: str, **query: Query) -> dict[str, Any]:
        """Ask `/api/v1` and return what it answers.

        `path` are its parts, not yet quoted; of `query`, None is left out and a list is given again and again. Raises
        NotReachableError, RefusedError, or Denied without the token.
        """
        url = "/".join((self.url, "api/v1", *(quote(part, safe="") for part in path)))
        fields = [(name, value) for name, given in query.items() for value in _values(given)]
        try:
            async with (
                self._session() as session,
                session.request(method, URL(f"{url}?{urlencode(fields)}", encoded=True)) as reply,
            ):
                return await self._answer(reply)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotReachableError(
                f"no gateway answers at {self.url} ({_words(error)}); start it with: ota-gateway run"
            ) from None

    def _session(self) -> aiohttp.ClientSession:
        token = self.http.token.reveal() if self.http.token else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connector = None if self.socket is None else aiohttp.UnixConnector(str(self.socket))
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.patience, connect=3),
            headers=headers,
            connector=connector,
        )

    async def _answer(self, reply: aiohttp.ClientResponse) -> dict[str, Any]:
        if reply.status == 401:
            raise RefusedError(
                f"the gateway at {self.url} refuses http.token; "
                "it runs with another one: correct the token, or restart the gateway"
            )
        try:
            answer = await reply.json(content_type=None)
        except ValueError:
            answer = None
        if reply.status != 200:
            # Its own refusals are problem documents, whose detail says what to do.
            told = answer if isinstance(answer, dict) else {}
            words = (
                told.get("detail")
                or f"the gateway at {self.url} answers HTTP {reply.status}; its log says why"
            )
            raise RefusedError(str(words), told.get("problems", ()))
        if not isinstance(answer, dict):
            raise RefusedError(f"{self.url} answers, but not as a gateway does; see what listens there")
        return answer


def _values(given: Query) -> list[str]:
    match given:
        case None:
            return []
        case bool():
            return ["true" if given else "false"]
        case str() | int():
            return [str(given)]
    return list(given)


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        # asyncio puts the address into strerror; the number has the system's own words.
        return os.strerror(error.os_error.errno) if error.os_error.errno else "no connection"
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
