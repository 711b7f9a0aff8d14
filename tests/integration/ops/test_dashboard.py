"""The page's files over a real socket: open to everybody, sent once, and nothing beside them."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.config import Secret
from tests.integration.ops.office import Office, open_office

KINDS = {
    "": "text/html",
    "dashboard/main.js": "text/javascript",
    "dashboard/style.css": "text/css",
    "dashboard/zh.json": "application/json",
}


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Office]:
    """Return an office that asks for a token."""
    async with open_office(tmp_path, Secret("hunter2")) as office:
        yield office


@pytest.mark.parametrize(("path", "kind"), KINDS.items())
async def test_a_file_is_open_and_sent_once(guarded: Office, path: str, kind: str) -> None:
    """A browser has no token for it; what it has, it keeps; packed it is the same."""
    url = f"http://{guarded.server.address}/{path}"
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        async with session.get(url, headers={"Accept-Encoding": "identity"}) as reply:
            assert (reply.status, reply.content_type, reply.charset) == (200, kind, "utf-8")
            assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
            assert reply.headers["Vary"] == "Accept-Encoding"
            whole = await reply.read()
        async with session.get(url, headers={"Accept-Encoding": "gzip"}) as packed:
            assert packed.headers["Content-Encoding"] == "gzip"
            assert len(await packed.read()) < len(whole)
        async with session.get(url, headers={"If-None-Match": reply.headers["ETag"]}) as again:
            assert (again.status, await again.read()) == (304, b"")
    async with aiohttp.ClientSession() as session, session.get(url) as unpacked:
        assert await unpacked.read() == whole


@pytest.mark.parametrize(
    "name", ["nothing.js", "__init__.py", "..%2f__init__.py", "%2e%2e%2fstatic%2fmain.js"]
)
async def test_nothing_else_is_sent(guarded: Office, name: str) -> None:
    """Only what was read at the start."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{guarded.server.address}/dashboard/{name}") as reply,
    ):
        assert reply.status in (401, 404)


async def test_the_stream_needs_the_token(guarded: Office) -> None:
    """The page is open; what it shows is not."""
    async with aiohttp.ClientSession() as session:
        for path in ("events", "minutes", "campaigns/P/default/2.0"):
            async with session.get(f"http://{guarded.server.address}/api/v1/{path}") as reply:
                assert reply.status == 401
