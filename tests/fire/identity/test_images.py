"""The two ways of an image: links that nobody can make or bend, and fetches that lead nowhere they should not."""

import base64
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway.errors import Rejected, Unavailable
from gateway.firmware.cache import FirmwareCache
from gateway.firmware.fetch import HttpSource
from gateway.firmware.guard import Guard
from gateway.firmware.links import ForgedError, Links
from gateway.model.firmware import Sha256
from tests.contract.servers import Server
from tests.contract.test_session import lent
from tests.integration.firmware.conftest import LOOPBACK, QUICK, QUOTA
from tests.integration.firmware.test_server import CONTENT, HOUR, House, opened
from tests.simulators import serve

KEY, OTHER = b"k" * 32, b"o" * 32
IMAGE, ANOTHER = Sha256("a" * 64), Sha256("b" * 64)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A server with an image."""
    async with FirmwareCache(tmp_path / "firmware", quota=QUOTA) as cache, opened(cache) as made:
        yield made


def token_of(key: bytes = KEY, image: Sha256 = IMAGE, subject: str = "P/d1", *, now: float = 1e6) -> bytes:
    """Return the bytes of a token."""
    link = Links(key, "http://h", lambda: now).make(image, subject, HOUR)
    text = link.rpartition("/")[2]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def written(raw: bytes) -> str:
    """Write a token as it stands in a link."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_no_bit_of_a_link_can_be_turned() -> None:
    """Version, end, image, device and signature: each bit is signed, or is the signature."""
    raw, links = token_of(), Links(KEY, "http://h", lambda: 1e6)
    links.read(written(raw))
    for bit in range(len(raw) * 8):
        turned = bytearray(raw)
        turned[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ForgedError):
            links.read(written(bytes(turned)))


FORGED: dict[str, Callable[[bytes], str]] = {
    "another key": lambda _: written(token_of(OTHER)),
    "another's signature": lambda raw: written(raw[:-16] + token_of(image=ANOTHER)[-16:]),
    "no signature": lambda raw: written(raw[:-16]),
    "a shorter one": lambda raw: written(raw[:-8]),
    "signature of zeros": lambda raw: written(raw[:-16] + bytes(16)),
    "longer": lambda raw: written(raw + b"x"),
    "empty": lambda _: "",
    "twice": lambda raw: written(raw) * 2,
    "other letters": lambda raw: written(raw) + "é",
    "a line break": lambda raw: written(raw)[:20] + "\n" + written(raw)[20:],
    "huge": lambda _: "A" * 100_000,
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_what_we_did_not_sign_opens_nothing(forged: Callable[[bytes], str]) -> None:
    """Neither parts of good links nor what looks like one."""
    with pytest.raises(ForgedError):
        Links(KEY, "http://h", lambda: 1e6).read(forged(token_of()))


@pytest.mark.parametrize(
    "header",
    [
        "Range: bytes=0-1\r\nX-Evil: 1",
        'If-Range: "a"\r\n\r\nGET /f/x HTTP/1.1',
        "Range: bytes=0-" + "9" * 5000,
        "Range: bytes=" + ",".join(f"{each}-{each}" for each in range(1000)),
        "Host: evil.example\r\nX-Forwarded-Host: evil.example",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "Upgrade: h2c\r\nConnection: Upgrade",
        "X-A: " + "a" * 7000,
    ],
)
async def test_headers_of_a_device_come_back_nowhere(house: House, header: str) -> None:
    """Whatever a device says beside a good link, the answer has the headers of an image or of a refusal."""
    connection = await house.connect()
    connection.ask(house.path(), header)
    head = await connection.head()
    assert "evil" not in head.lower()
    names = {line.partition(":")[0] for line in head.split("\r\n")[1:]}
    assert names <= {
        "Accept-Ranges", "Connection", "Content-Length", "Content-Range", "Content-Type", "Date", "ETag", "Server",
    }  # fmt: skip


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example{path}",
        "//evil.example{path}",
        "/x{path}",
        "/f/../f{path}",
        "{path}/../../etc/passwd",
        "{path}%00.bin",
        "{path}%2f..",
        "/f/%2e%2e/secret",
        "/f/....//....//etc/passwd",
        "/f\\..\\..\\etc\\passwd",
    ],
)
async def test_no_target_leads_elsewhere(house: House, target: str) -> None:
    """There are no files behind paths: a target is a good link to its image, or nothing."""
    reply = await house.get(target.format(path=house.path()))
    assert reply.status in (200, 400, 403, 404)
    assert reply.body == (CONTENT if reply.status == 200 else b"") or reply.status == 400


async def test_a_link_of_another_site_or_time_opens_nothing(house: House) -> None:
    """Links of before the key was renewed, and of a second ago when their end has come."""
    foreign = Links(OTHER, "http://192.0.2.10:8070", house.clock).make(house.image.sha256, "P/d1", HOUR)
    assert (await house.get(urlsplit(foreign).path)).status == 403
    path = house.path()
    house.clock.now += 3599
    assert (await house.get(path, method="HEAD")).status == 200
    house.clock.now += 1
    assert (await house.get(path)).status == 403


DOORS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "127.0.0.1.",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "127.0.0.1%00.example",
    "[::1%25lo]",
]


@pytest.mark.parametrize("host", DOORS)
async def test_no_spelling_of_loopback_is_knocked_at(host: str) -> None:
    """Decimal, octal, hexadecimal, short, mapped or in other letters: the connection is never made."""
    knocked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        knocked.append(request.path)
        return web.Response(body=b"x" * 1000)

    async with serve(Server(answer)) as url, HttpSource(Guard(ports=None), pace=QUICK) as source:
        with pytest.raises((Rejected, Unavailable)):
            async for _ in source.download(f"http://{host}:{urlsplit(url).port}/a", 0):
                pass
    assert knocked == []


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "100.100.100.200", "192.0.0.192", "198.18.0.1", "240.0.0.1", "10.255.255.255",
        "172.16.0.1", "172.31.255.255", "192.168.255.255", "0.1.2.3", "192.0.2.1", "203.0.113.9",
        "fd00:ec2::254", "fe80::1%eth0", "::ffff:169.254.169.254", "2002:a9fe:a9fe::1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1", "::10.0.0.1", "100::1", "2001:db8::1", "3fff::1", "2001::1", "2001:0:a00:1::", "ff02::1",
        "fec0::1", "::",
    ],
)  # fmt: skip
def test_no_special_address_is_public(address: str) -> None:
    """Metadata services of clouds, neighbours, tunnels and what nobody has."""
    assert not Guard().admits(ip_address(address))


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_to_the_sites_own_door_is_not_followed(code: int) -> None:
    """Not even where the first host is allowed: the second one would be chosen by it."""
    knocked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        knocked.append(request.path)
        return web.Response(status=code, headers={"Location": "/inside", "Refresh": "0; url=/inside"})

    async with serve(Server(answer)) as url, HttpSource(LOOPBACK, pace=QUICK) as source:
        with pytest.raises(Rejected) as caught:
            async for _ in source.download(f"{url}/a", 0):
                pass
    assert (caught.value.code, knocked) == ("redirected", ["/a"])


PACKERS = {
    "gzip": lambda: zlib.compressobj(9, zlib.DEFLATED, 31),
    "deflate": lambda: zlib.compressobj(9, zlib.DEFLATED, 15),
}


@pytest.mark.parametrize("encoding", PACKERS)
async def test_a_bomb_of_a_cloud_is_put_down_early(encoding: str) -> None:
    """256 MiB in a quarter of one: refused when its first MiB is unpacked, with no more than that in memory."""
    packer = PACKERS[encoding]()
    bomb = b"".join([*(packer.compress(bytes(2**20)) for _ in range(256)), packer.flush()])
    assert len(bomb) < 300_000

    async def drop(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": encoding})

    async with lent(CollectorRegistry()) as session, serve(Server(drop)) as url:
        tracemalloc.start()
        try:
            with pytest.raises(Unavailable) as caught:
                await session.request("act", "GET", url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert caught.value.code == "too_large"
    assert peak < 4 * 2**20


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x"])
async def test_what_cannot_be_unpacked_is_trouble_of_the_cloud(encoding: str) -> None:
    """Garbage under an encoding is an answer that did not come, never an error of ours."""

    async def garble(_: web.Request) -> web.Response:
        return web.Response(
            body=gzip.compress(b"{}")[:-9] + b"garbage", headers={"Content-Encoding": encoding}
        )

    async with lent(CollectorRegistry()) as session, serve(Server(garble)) as url:
        with suppress(Unavailable):
            assert len((await session.request("act", "GET", url)).body) < 100


async def test_headers_without_end_are_refused() -> None:
    """A cloud that sends headers for ever is cut off."""

    async def flood(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        line = b"X-A: " + b"a" * 4000 + b"\r\n"
        request.transport.write(b"HTTP/1.1 200 OK\r\n" + line * 4000)
        return web.Response()

    async with lent(CollectorRegistry()) as session, serve(Server(flood)) as url:
        with pytest.raises(Unavailable):
            await session.request("act", "GET", url)
