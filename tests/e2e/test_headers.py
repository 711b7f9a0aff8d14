"""What the gateway's HTTP says of itself to whoever comes: a name, no versions; and nothing that is kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.site import Site, firmware_table, site
from tests.simulators.ports import free_port

TELLING = ("python", "aiohttp", "0.1.0")


class Doors(NamedTuple):
    """A running site, and where it serves images."""

    site: Site
    firmware_port: int


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    """A gateway with a token and images."""
    port = free_port()
    async with site(tmp_path, "", "", extra='token = "t"\n' + firmware_table(port)) as made:
        await made.start()
        yield Doors(made, port)
        assert await made.stop() == 0


async def answer(port: int, said: bytes) -> tuple[str, dict[str, str]]:
    """Say this to a port; return the status line and the headers of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    writer.close()
    await writer.wait_closed()
    status, *lines = head.strip().split("\r\n")
    named = (line.partition(": ") for line in lines)
    return status, {name.lower(): value for name, _, value in named}


def request(method: str, path: str, *headers: str) -> bytes:
    """Write a request."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", "")).encode()


GARBAGE = b"\x16\x03\x01\x02\x00\x01\r\n\r\n"
TO_OPERATORS = {
    "health": request("GET", "/healthz"),
    "readiness": request("GET", "/readyz"),
    "no token": request("GET", "/api/v1/status"),
    "token": request("GET", "/api/v1/status", "Authorization: Bearer t"),
    "metrics": request("GET", "/metrics", "Authorization: Bearer t"),
    "nowhere": request("GET", "/nowhere", "Authorization: Bearer t"),
    "method": request("DELETE", "/api/v1/status", "Authorization: Bearer t"),
    "foreign": request("POST", "/api/v1/status", "Origin: http://elsewhere.example"),
}
TO_DEVICES = {
    "no link": request("GET", "/f/none"),
    "nowhere": request("GET", "/"),
    "method": request("POST", "/f/none"),
    "garbage": GARBAGE,
    "too long": request("GET", "/" + "x" * 20_000),
}


async def test_operators_are_told_no_version_and_nothing_is_kept(doors: Doors) -> None:
    """Each answer, refusals too: nosniff, no-store, and a name."""
    for what, said in TO_OPERATORS.items():
        status, headers = await answer(doors.site.http_port, said)
        assert headers["server"] == "ota-gateway", (what, status)
        assert headers["x-content-type-options"] == "nosniff", what
        assert headers["cache-control"] == "no-store", what
        assert not any(word in str(headers).lower() for word in TELLING), (what, headers)

    for said in (GARBAGE, TO_DEVICES["too long"]):
        status, headers = await answer(doors.site.http_port, said)
        assert (status.split()[1], headers["server"]) == ("400", "ota-gateway")


async def test_devices_are_told_no_version(doors: Doors) -> None:
    """Nor whoever else finds the images' port."""
    for what, said in TO_DEVICES.items():
        status, headers = await answer(doors.firmware_port, said)
        assert headers["server"] == "ota-gateway", (what, status)
        assert not any(word in str(headers).lower() for word in TELLING), (what, headers)
