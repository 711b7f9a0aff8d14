"""One device in a test's hand: a real MQTT client that says what it is told to say."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt

SECRET = base64.b64encode(b"0123456789abcdef").decode()


class PlainDevice:
    """Speaks the plain dialect."""

    def __init__(self, client: aiomqtt.Client, product: str, name: str) -> None:
        self._client = client
        self._topic = f"ota/{product}/{name}/report"

    async def says(self, **message: Any) -> None:
        """Publish one message at QoS 1 and wait for its PUBACK."""
        await self._client.publish(self._topic, json.dumps(message), qos=1)

    async def runs(self, version: str) -> None:
        """Report the running version."""
        await self.says(type="version", version=version)

    async def stands(self, version: str, state: str, **more: Any) -> None:
        """Report a state of the update to `version`."""
        await self.says(type="state", version=version, state=state, **more)


class TencentDevice:
    """Speaks Tencent's dialect, as an unmodified SDK does."""

    def __init__(self, client: aiomqtt.Client, product: str, name: str) -> None:
        self._client = client
        self._topic = f"$ota/report/{product}/{name}"

    async def says(self, **message: Any) -> None:
        """Publish one message at QoS 1 and wait for its PUBACK."""
        await self._client.publish(self._topic, json.dumps(message), qos=1)

    async def runs(self, version: str) -> dict[str, Any]:
        """Report the running version and return the cloud's answer, which here is the gateway's."""
        await self.says(type="report_version", report={"version": version})
        async with asyncio.timeout(5):
            answer = await anext(aiter(self._client.messages))
        assert isinstance(answer.payload, bytes)
        return dict(json.loads(answer.payload))

    async def stands(self, version: str, state: str, code: str = "0", **progress: str) -> None:
        """Report progress of the update to `version`."""
        told = {"state": state, "result_code": code, "result_msg": "", **progress}
        await self.says(type="report_progress", report={"version": version, "progress": told})


@contextlib.asynccontextmanager
async def plain(
    port: int, name: str, product: str = "PLAIN", *, patience_s: float = 10.0
) -> AsyncIterator[PlainDevice]:
    """Log in with the device's password; it waits for an answer as long as it has patience."""
    async with aiomqtt.Client(
        "127.0.0.1",
        port,
        username=f"{product}/{name}",
        password=SECRET,
        identifier=name,
        timeout=patience_s,
    ) as client:
        yield PlainDevice(client, product, name)


@contextlib.asynccontextmanager
async def tencent(port: int, name: str, product: str = "TENCENT") -> AsyncIterator[TencentDevice]:
    """Log in with the SDK's HMAC and subscribe to the down topic."""
    username = f"{product}{name};12010126;abcde;{2**63 - 1}"
    digest = hmac.new(base64.b64decode(SECRET), username.encode(), hashlib.sha256).hexdigest()
    async with aiomqtt.Client(
        "127.0.0.1",
        port,
        username=username,
        password=f"{digest};hmacsha256",
        identifier=f"{product}{name}",
    ) as client:
        await client.subscribe(f"$ota/update/{product}/{name}", qos=1)
        yield TencentDevice(client, product, name)


def product(name: str, dialect: str, devices: list[str], *, more: str = "") -> str:
    """Write the configuration of a product bound to both clouds; `dev_id` counts from 1000."""
    authentication = "tencent" if dialect == "tencent" else "password"
    lines = [
        f"[products.{name}]",
        f'dialect = "{dialect}"',
        f'authentication = "{authentication}"',
        'clouds = ["tencent", "onenet"]',
        'rollback_after = "500ms"',
        more,
    ]
    for device in devices:
        lines.append(f"[products.{name}.devices.{device}]")
        lines.append(f'secret = "{SECRET}"')
        lines.append(f'onenet = {{ dev_id = "{dev_id(name, device)}", manuf = "100", model = "10001" }}')
    return "\n".join(lines) + "\n"


def dev_id(product: str, device: str) -> str:
    """Return the number that OneNET knows the device by."""
    return str(int(hashlib.sha256(f"{product}/{device}".encode()).hexdigest()[:12], 16))
