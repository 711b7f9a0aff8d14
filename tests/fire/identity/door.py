"""A broker with the real access behind it, and logins as the vendors' SDKs write them."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import quote

from gateway.devices.access import Authentication, Credential, DeviceAccess, Product
from gateway.devices.broker import TlsFiles
from gateway.devices.dialects import DIALECTS
from tests.integration.broker.mqtt import ACCEPTED, Client, packet, text
from tests.integration.broker.site import House

REFUSED = b"\x20\x02\x00\x05"
#: Device keys as the vendors show them.
KEY = base64.b64encode(b"0123456789abcdef").decode()
#: 2026-01-01.
NOW = 1_767_225_600.0


class Clock:
    """Time that stands until it is moved."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell it."""
        return self.now


def product(product_id: str, authentication: str, dialect: str, **secrets: str) -> Product:
    """A product; a device's name is its keyword."""
    return Product(
        id=product_id,
        dialect=DIALECTS[dialect],
        authentication=Authentication(authentication),
        devices={name: Credential(secret=partial(str, secret)) for name, secret in secrets.items()},
    )


#: One product of each kind; "P" is the one of the passwords.
PRODUCTS = (
    product("P", "password", "plain", dev1="secret-dev1", dev2="secret-dev2"),
    product("T", "tencent", "tencent", dev1=KEY, dev2=KEY[::-1].replace("=", "") + "=="),
    product("N", "onenet", "onenet", dev1=KEY),
    product("C", "certificate", "plain", dev1=""),
)


class Door(House):
    """A running broker that lets in whom the real access lets in."""

    def __init__(self, tls: TlsFiles | None = None, denied: tuple[str, ...] = ()) -> None:
        super().__init__(tls=tls)
        self.clock, self.wall = Clock(), Clock(NOW)
        self.real = DeviceAccess(PRODUCTS, denied=denied, wall_clock=self.wall, monotonic=self.clock)
        self.broker._access = self.real

    async def knock(self, connect: bytes) -> bytes:
        """Return all that is answered to a CONNECT that is refused, or the CONNACK of one that is not."""
        client = await self.client()
        client.send(connect)
        answer = await client.read(4)
        if answer == ACCEPTED:
            return answer
        return answer + await client.rest()

    async def enter(self, connect: bytes) -> Client:
        """Log in."""
        client = await self.client()
        client.send(connect)
        await client.expect(ACCEPTED)
        return client


@asynccontextmanager
async def door(tls: TlsFiles | None = None, denied: tuple[str, ...] = ()) -> AsyncIterator[Door]:
    """Run one."""
    made = Door(tls, denied)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def connect(username: str, password: str, client_id: str = "any") -> bytes:
    """Return a CONNECT."""
    fields = text(client_id) + text(username) + text(password)
    return packet(0x10, text("MQTT") + bytes((4, 0xC2)) + (60).to_bytes(2) + fields)


def tencent_login(name: str = "dev1", *, key: str = KEY, expiry: int | str = 2**63 - 1) -> tuple[str, str]:
    """Return username and password as Tencent's SDK writes them."""
    username = f"T{name};12010126;abcde;{expiry}"
    digest = hmac.new(base64.b64decode(key), username.encode(), hashlib.sha256).hexdigest()
    return username, f"{digest};hmacsha256"


def onenet_token(name: str = "dev1", *, key: str = KEY, until: int | str = 2**31, of: str = "") -> str:
    """Return the token of a device; `of` is the resource it is for, if not this device."""
    resource = of or f"products/N/devices/{name}"
    signed = f"{until}\nsha256\n{resource}\n2018-10-31"
    sign = base64.b64encode(hmac.new(base64.b64decode(key), signed.encode(), hashlib.sha256).digest())
    return f"version=2018-10-31&res={quote(resource, safe='')}&et={until}&method=sha256&sign={quote(sign, safe='')}"
