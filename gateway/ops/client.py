"""Ask a running gateway over its own HTTP side, as `status` does."""

import os
from dataclasses import dataclass
from typing import Any

import aiohttp

from gateway.config import Address, HttpConfig
from gateway.errors import GatewayError

_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=3)
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced by loopback


class NotReachableError(GatewayError):
    """No gateway answers at its address."""


class RefusedError(GatewayError):
    """A gateway answers, and not with what was asked for."""


@dataclass(frozen=True, slots=True)
class Client:
    """The other end of `OpsServer`."""

    http: HttpConfig

    @property
    def url(self) -> str:
        """Where it asks."""
        listen = self.http.listen
        return f"http://{Address(_EVERYWHERE.get(listen.host, listen.host), listen.port)}"

    async def status(self) -> dict[str, Any]:
        """Return the gateway's own report; raises NotReachableError, RefusedError, or Denied without the token."""
        answer = await self._get("/api/v1/status")
        if not isinstance(answer, dict):
            raise RefusedError(f"{self.url} answers, but not as a gateway does; see what listens there")
        return answer

    async def _get(self, path: str) -> Any:
        token = self.http.token.reveal() if self.http.token else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, headers=headers) as session,
                session.get(f"{self.url}{path}") as reply,
            ):
                return await self._answer(reply)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotReachableError(
                f"no gateway answers at {self.url} ({_words(error)}); start it with: ota-gateway run"
            ) from None

    async def _answer(self, reply: aiohttp.ClientResponse) -> Any:
        if reply.status == 401:
            raise RefusedError(
                f"the gateway at {self.url} refuses http.token; "
                "it runs with another one: correct the token, or restart the gateway"
            )
        if reply.status != 200:
            raise RefusedError(f"the gateway at {self.url} answers HTTP {reply.status}; its log says why")
        try:
            return await reply.json()
        except (aiohttp.ContentTypeError, ValueError):
            return None


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        # asyncio puts the address into strerror; the number has the system's own words.
        return os.strerror(error.os_error.errno) if error.os_error.errno else "no connection"
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
