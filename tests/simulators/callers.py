"""Those who call the clouds in the tests: each knows its vendor's requests and nothing of the product."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.simulators import onenet, tencent

FAR_FUTURE = 7_559_008_892  # beyond 32 bits, as in the vendor's samples


@dataclass(frozen=True, slots=True, kw_only=True)
class TencentCaller:
    """An app of the account's user."""

    session: aiohttp.ClientSession
    url: str
    token: str = tencent.TOKEN
    device: str = "PR0DUCT01/dev01"

    async def post(self, body: Any) -> dict[str, Any]:
        """Send a body as it is and return the reply."""
        async with self.session.post(self.url + tencent.PATH, json=body) as response:
            assert response.status == 200
            reply: dict[str, Any] = await response.json()
            return reply

    async def act(self, action: str, **more: Any) -> dict[str, Any]:
        """Call an Action; a parameter given as None is left out."""
        product, name = self.device.split("/")
        body = {
            "Action": action,
            "AccessToken": self.token,
            "RequestId": "584406e9-bf59-46a3-8d45-39f1891bed7b",
            "ProductId": product,
            "DeviceName": name,
            **more,
        }
        return await self.post({name: value for name, value in body.items() if value is not None})

    async def report(self, state: str, percent: int | None = None, **more: Any) -> str:
        """Report a state and return the error code, or nothing."""
        failure = {"ResultCode": -1, "ResultMsg": "download timeout"} if state == "fail" else {}
        said = {"Version": "2.0", "State": state, "ResultCode": 0, "Persent": percent, **failure, **more}
        reply = await self.act("AppReportOTAStatus", **said)
        return error_of(reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneNetCaller:
    """A device of the product, or a gateway that speaks for it."""

    session: aiohttp.ClientSession
    url: str
    authorization: str
    dev_id: str = "527776559"

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """Call with GET and return the envelope."""
        params = {"dev_id": self.dev_id, **query}
        async with self.session.get(self.url + path, params=params, headers=self.headers) as response:
            return await _envelope(response)

    async def post(self, path: str, body: Any, **query: str) -> dict[str, Any]:
        """Call with POST and return the envelope."""
        params = {"dev_id": self.dev_id, **query}
        async with self.session.post(
            self.url + path, params=params, json=body, headers=self.headers
        ) as response:
            return await _envelope(response)

    @property
    def headers(self) -> Mapping[str, str]:
        """The one header that counts."""
        return {"Authorization": self.authorization}

    async def check(self, version: str = "1.0", **query: str) -> dict[str, Any]:
        """Ask for a task."""
        asked = {"manuf": "100", "model": "10001", "type": "2", "version": version, **query}
        return await self.get("/ota/south/check", **asked)

    async def take_token(self) -> str:
        """Ask for a task and return its token."""
        token: str = (await self.check())["data"]["token"]
        return token

    async def begin(self) -> str:
        """Bring the task to downloading and return its token."""
        token = await self.take_token()
        assert await self.check_token(token) == 0
        return token

    async def check_token(self, token: str) -> int:
        """Check a token and return the errno."""
        return int((await self.get(f"/ota/south/download/{token}/check"))["errno"])

    async def step(self, token: str, step: Any) -> int:
        """Report progress and return the errno."""
        return int((await self.post(f"/ota/south/device/download/{token}/progress", {"step": step}))["errno"])

    async def report(self, token: str, result: Any) -> int:
        """Report a result and return the errno."""
        return int((await self.post("/ota/south/report", {"result": result}, token=token))["errno"])


def error_of(reply: Mapping[str, Any]) -> str:
    """Return the error code of a documented reply, or nothing."""
    return str(reply["Response"].get("Error", {}).get("Code", ""))


def header(**more: Any) -> str:
    """Return an Authorization that the cloud's first key has signed."""
    parts = {"resource": onenet.RESOURCE, "key": onenet.KEY, "expires": FAR_FUTURE, **more}
    return onenet.sign(**parts)


async def _envelope(response: aiohttp.ClientResponse) -> dict[str, Any]:
    assert response.status == 200
    assert response.headers["Transfer-Encoding"] == "chunked"
    envelope: dict[str, Any] = await response.json()
    return envelope
