"""The image server as devices meet it."""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from gateway.config import Address
from gateway.firmware.cache import FirmwareCache
from gateway.firmware.server import FirmwareServer
from gateway.firmware.waits import Waits
from gateway.model.firmware import Firmware, Image, Sha256
from gateway.model.identity import Version
from gateway.ports.firmware import Served
from tests.integration.firmware.conftest import SIZE
from tests.integration.firmware.origin import content_of
from tests.integration.firmware.raw import Connection, Reply
from tests.integration.firmware.test_obtain import Given, until

CONTENT = content_of(SIZE)
HOUR = timedelta(hours=1)
HUNG_UP = (ConnectionError, EOFError)


class Clock:
    """Time that stands until it is moved."""

    now = 1_000_000.0

    def __call__(self) -> float:
        """Tell it."""
        return self.now


class House:
    """A server with one image."""

    def __init__(
        self,
        server: FirmwareServer,
        cache: FirmwareCache,
        image: Image,
        reports: list[Served],
        clock: Clock,
    ) -> None:
        self.clock = clock
        self.server = server
        self.cache = cache
        self.image = image
        self.reports = reports
        self.connections: list[Connection] = []

    @property
    def connections_open(self) -> int:
        """Count them as the server does."""
        runner = self.server._front._runner
        assert runner is not None
        assert runner.server is not None
        return len(runner.server.connections)

    def path(self, subject: str = "P/dev01", image: Image | None = None) -> str:
        """Return the path of a link, good for an hour."""
        return urlsplit(self.server.link(image or self.image, subject, HOUR)).path

    async def connect(self) -> Connection:
        """Connect as a device; all hang up in the end."""
        connection = await Connection.to(self.server.address)
        self.connections.append(connection)
        return connection

    async def get(self, path: str, *headers: str, method: str = "GET") -> Reply:
        """Ask on a connection of its own."""
        connection = await self.connect()
        reply = await connection.get(path, *headers, method=method)
        await connection.close()
        return reply


@asynccontextmanager
async def opened(cache: FirmwareCache, waits: Waits = Waits()) -> AsyncIterator[House]:  # noqa: B008 - frozen
    """Serve an image of a million bytes."""
    firmware = Firmware(version=Version("2.0"), url="http://h/a")
    image = await cache.obtain(firmware, Given(CONTENT), key="u")
    reports: list[Served] = []
    clock = Clock()
    server = FirmwareServer(
        listen=Address("127.0.0.1", 0),
        public_url="http://192.0.2.10:8070",
        firmwares=cache,
        key=b"k" * 32,
        report=reports.append,
        waits=waits,
        now=clock,
    )
    async with server:
        house = House(server, cache, image, reports, clock)
        try:
            yield house
        finally:
            for connection in house.connections:
                await connection.close()


@pytest.fixture
async def house(cache: FirmwareCache) -> AsyncIterator[House]:
    """A server with the limits of a small box."""
    async with opened(cache) as house:
        yield house


async def test_an_image_comes_in_the_form_that_old_sdks_read(house: House) -> None:
    """Names by letter, one blank, no encoding though it is asked for, no chunks."""
    reply = await house.get(house.path(), "Accept-Encoding: gzip, deflate")
    assert reply.head.startswith("HTTP/1.1 200 OK\r\n")
    assert reply.value("Content-Length") == str(SIZE)
    assert reply.value("Content-Type") == "application/octet-stream"
    assert reply.value("Accept-Ranges") == "bytes"
    assert reply.body == CONTENT
    names = {line.partition(":")[0].lower() for line in reply.lines}
    assert not names & {"content-encoding", "transfer-encoding", "location", "vary", "content-range"}


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-99", 0, 99),
        (f"bytes=0-{SIZE}", 0, SIZE - 1),
        (f"bytes=600000-{SIZE}", 600_000, SIZE - 1),
        ("bytes=600000-", 600_000, SIZE - 1),
        ("bytes=-10", SIZE - 10, SIZE - 1),
        ("0-99", 0, 99),
        ("0-3", 0, 3),
        ("bytes=65530-131072", 65_530, 131_072),
    ],
)
async def test_a_part_comes(house: House, header: str, first: int, last: int) -> None:
    """With its place, in all forms that SDKs send; small ones and large ones alike."""
    reply = await house.get(house.path(), f"Range: {header}")
    assert reply.head.startswith("HTTP/1.1 206 Partial Content\r\n")
    assert reply.value("Content-Range") == f"bytes {first}-{last}/{SIZE}"
    assert reply.value("Content-Length") == str(last + 1 - first)
    assert reply.body == CONTENT[first : last + 1]


@pytest.mark.parametrize(
    "headers", [["Range: bytes=5-1"], ["Range: bytes=0-1,3-4"], ["Range: bytes=0-1"] * 2]
)
async def test_what_is_no_single_range_gets_the_whole(house: House, headers: list[str]) -> None:
    """Invalid, many in one header, many headers."""
    reply = await house.get(house.path(), *headers)
    assert (reply.status, reply.body) == (200, CONTENT)


async def test_a_device_that_has_it_all_is_told_so(house: House) -> None:
    """416 with the size, and without a body that could be taken for data."""
    reply = await house.get(house.path(), f"Range: bytes={SIZE}-{SIZE}")
    assert (reply.status, reply.value("Content-Range"), reply.body) == (416, f"bytes */{SIZE}", b"")


async def test_a_head_tells_all_but_the_bytes(house: House) -> None:
    """Java's SDK asks so; a Range means nothing there."""
    connection = await house.connect()
    reply = await connection.get(house.path(), "Range: bytes=0-1", method="HEAD")
    assert (reply.status, reply.value("Content-Length")) == (200, str(SIZE))
    again = await connection.get(house.path(), "Range: bytes=0-1")
    assert again.body == CONTENT[:2]
    await connection.close()


async def test_a_part_of_something_else_is_not_resumed(house: House) -> None:
    """If-Range with another ETag, or with a date, gets the whole image."""
    etag = (await house.get(house.path(), "Range: bytes=0-1")).value("ETag")
    assert etag == f'"{house.image.sha256}"'
    path, part = house.path(), "Range: bytes=0-1"
    assert (await house.get(path, part, f"If-Range: {etag}")).status == 206
    assert (await house.get(path, part, 'If-Range: "other"')).status == 200
    assert (await house.get(path, part, "If-Range: Sat, 21 Nov 2026 09:00:00 GMT")).status == 200


async def test_a_connection_is_kept(house: House) -> None:
    """Chunk after chunk, large and small, on one connection, also when they are asked for in advance."""
    connection = await house.connect()
    path = house.path()
    for first, last in ((0, 99), (100, 299_999), (300_000, 300_000)):
        reply = await connection.get(path, f"Range: bytes={first}-{last}")
        assert reply.body == CONTENT[first : last + 1]
    for first in (0, 200_000, 400_000):
        connection.ask(path, f"Range: bytes={first}-{first + 199_999}")
    for first in (0, 200_000, 400_000):
        await connection.head()
        assert await connection.reader.readexactly(200_000) == CONTENT[first : first + 200_000]
    await connection.close()


async def test_http_1_0_is_served_and_hung_up(house: House) -> None:
    """The oldest of clients read to the end of the connection."""
    connection = await house.connect()
    connection.ask(house.path(), version="1.0")
    await connection.head()
    assert await connection.reader.read(-1) == CONTENT
    await connection.close()


async def test_links_that_are_not_good_are_refused_without_a_body(house: House) -> None:
    """403 means expired to an SDK, 404 no such image; it reads the body of anything else as the image."""
    path = house.path()
    gone = Image(sha256=Sha256("e" * 64), md5=house.image.md5, size=1)
    replies = [
        (await house.get(path[:-3] + "AAA"), 403),
        (await house.get("/f/AAAA"), 403),
        (await house.get(house.path(image=gone)), 404),
        (await house.get("/"), 404),
        (await house.get("/f/"), 404),
        (await house.get(path + "/x"), 404),
        (await house.get(path, "Content-Length: 0", method="POST"), 405),
    ]
    house.clock.now += 3600
    replies.append((await house.get(path), 403))
    for reply, status in replies:
        assert (reply.status, reply.body, reply.value("Content-Length")) == (status, b"", "0")
    assert house.server.answers == {403: 3, 404: 4, 405: 1}


async def test_who_has_no_link_asks_four_times_a_second(house: House) -> None:
    """However fast he asks: on each connection the answer waits, so that a flood of them costs devices nothing."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for path in ("/f/AAAA", "/", "/f/" + "A" * 5000):
        assert (await house.get(path)).status in (403, 404)
    assert loop.time() - start > 0.7


@pytest.mark.parametrize(
    "path",
    [
        "/f/../../../etc/passwd",
        "/f/..%2f..%2fetc%2fpasswd",
        "/f/%00",
        "/f/%0d%0aX-Evil:%201",
        "//f/a",
        "/f/" + "A" * 5000,
    ],
)
async def test_no_path_leads_out(house: House, path: str) -> None:
    """There is no file behind a path, only what a signature says; nothing of it comes back in a header."""
    reply = await house.get(path)
    assert reply.status in (403, 404)
    assert reply.body == b""
    assert "Evil" not in reply.head


async def test_an_image_that_was_damaged_is_not_there(house: House) -> None:
    """404, and nothing of it."""
    house.cache._shelf.path(house.image).write_bytes(b"x" * SIZE)
    reply = await house.get(house.path())
    assert (reply.status, reply.body) == (404, b"")


async def test_progress_is_told(house: House) -> None:
    """Whose device, from where, how much, of how much: at the end of each transfer at the latest."""
    await house.get(house.path("P/one"))
    await until(lambda: house.server.bytes_sent == SIZE)
    await house.get(house.path("P/two"), "Range: bytes=500000-500099")
    await until(lambda: house.server.bytes_sent == SIZE + 100)
    ends = [report for report in house.reports if report.sent in (SIZE, 100)]
    assert [(end.subject, end.start, end.sent, end.size, end.percent) for end in ends] == [
        ("P/one", 0, SIZE, SIZE, 100),
        ("P/two", 500_000, 100, SIZE, 50),
    ]


async def test_two_hundred_devices_at_once(house: House) -> None:
    """Each gets every byte; the image is open no longer than they read."""

    async def device(number: int) -> bool:
        connection = await house.connect()
        reply = await connection.get(house.path(f"P/{number}"))
        await connection.close()
        return reply.body == CONTENT

    assert all(await asyncio.gather(*(device(number) for number in range(200))))
    await until(lambda: house.server.transfers == 0)
    house.cache.unpin("u")
    assert not house.cache._catalogue.is_in_use(house.image.sha256)


def slow_reader(address: Address) -> socket.socket:
    """Return a connection that takes only a little until it is read."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect((address.host, address.port))
    line.setblocking(False)
    return line


LARGE = 16 * 2**20


@asynccontextmanager
async def opened_large(cache: FirmwareCache, waits: Waits) -> AsyncIterator[House]:
    """Serve an image that no socket buffer holds."""
    async with opened(cache, waits) as house:
        firmware = Firmware(version=Version("3.0"), url="http://h/large")
        house.image = await cache.obtain(firmware, Given(bytes(LARGE)), key="u")
        yield house


@pytest.fixture
async def large(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FirmwareCache]:
    """A cache with room for it."""
    async with FirmwareCache(tmp_path_factory.mktemp("large"), quota=3 * LARGE) as cache:
        yield cache


async def test_too_many_at_once_wait_their_turn(large: FirmwareCache) -> None:
    """An SDK takes the body of a 503 for the image, so that waiting comes first; then it is 503 with a time."""
    waits = Waits(transfers=1, queue=timedelta(seconds=0.2))
    async with opened_large(large, waits) as house:
        with slow_reader(house.server.address) as line:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(line, f"GET {house.path()} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            await until(lambda: house.server.transfers == 1)
            refused = await house.get(house.path())
            assert (refused.status, refused.value("Retry-After"), refused.body) == (503, "30", b"")
            waiting = asyncio.create_task(house.get(house.path(), "Range: bytes=0-9"))
            await asyncio.sleep(0)
        assert (await waiting).body == bytes(10)


async def test_a_device_that_went_silent_is_let_go(large: FirmwareCache) -> None:
    """It holds its place for as long as patience lasts; what it took is told."""
    async with opened_large(large, Waits(patience=timedelta(seconds=0.2))) as house:
        with slow_reader(house.server.address) as line:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(line, f"GET {house.path()} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            await until(lambda: house.server.transfers == 1)
            await until(lambda: house.server.transfers == 0)
        assert 0 < house.reports[-1].sent < LARGE
        assert house.server.bytes_sent == house.reports[-1].sent


async def test_a_device_that_hangs_up_is_let_go(large: FirmwareCache) -> None:
    """At once, and the next one is served."""
    async with opened_large(large, Waits()) as house:
        connection = await house.connect()
        connection.ask(house.path())
        await connection.head()
        await until(lambda: house.server.transfers == 1)
        connection.writer.transport.abort()
        await until(lambda: house.server.transfers == 0)
        reply = await house.get(house.path(), "Range: bytes=0-9")
        assert reply.body == bytes(10)


async def test_who_says_nothing_is_shown_out(cache: FirmwareCache) -> None:
    """Neither silence nor half a request holds a connection."""
    async with opened(cache, Waits(first_request=timedelta(seconds=0.1))) as house:
        silent, half, busy = [await house.connect() for _ in range(3)]
        half.writer.write(b"GET /f/")
        await busy.get(house.path(), "Range: bytes=0-9")
        for connection in (silent, half):
            with pytest.raises(HUNG_UP):
                await connection.reader.readexactly(1)
        assert (await busy.get(house.path(), "Range: bytes=0-9")).body == CONTENT[:10]
        await busy.close()


async def test_the_house_can_be_full(cache: FirmwareCache) -> None:
    """One connection more than allowed is closed before it costs anything; then there is room again."""
    async with opened(cache, Waits(connections=4)) as house:  # all guests here are of one network
        guests = [await house.connect() for _ in range(2)]
        for guest in guests:
            await guest.get(house.path(), "Range: bytes=0-9")
        late = await house.connect()
        with pytest.raises(HUNG_UP):
            await late.get(house.path())
        await guests[0].close()
        await until(lambda: house.connections_open < 2)
        assert (await house.get(house.path(), "Range: bytes=0-9")).status == 206
        await guests[1].close()


async def test_a_stop_cuts_transfers_short_and_ends(large: FirmwareCache) -> None:
    """A slow device does not hold the gateway up for longer than a moment."""
    async with opened_large(large, Waits(shutdown=timedelta(seconds=0.1))) as house:
        line = slow_reader(house.server.address)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(line, f"GET {house.path()} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        await until(lambda: house.server.transfers == 1)
    line.close()
    assert house.server.transfers == 0


async def test_a_taken_port_is_said(house: House, cache: FirmwareCache) -> None:
    """The error is the system's own, and nothing is left open."""
    second = FirmwareServer(
        listen=house.server.address, public_url="http://h", firmwares=cache, key=b"k" * 32
    )
    with pytest.raises(OSError, match="in use"):
        await second.__aenter__()


async def test_a_device_that_asks_and_does_not_read_is_let_go(large: FirmwareCache) -> None:
    """Parts that go out in one write wait for nobody longer than whole images do."""
    async with opened_large(large, Waits(patience=timedelta(seconds=0.2))) as house:
        with slow_reader(house.server.address) as line:
            asking = f"GET {house.path()} HTTP/1.1\r\nHost: h\r\nRange: bytes=0-65535\r\n\r\n".encode()
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(line, asking * 200)
            await until(lambda: house.server.answers[206] > 0)
            await until(lambda: not house.connections_open)


@pytest.mark.parametrize("errno_", [errno.EAGAIN, errno.EOPNOTSUPP], ids=["on_the_disk", "other_file_system"])
async def test_a_part_that_is_not_in_memory_is_read_from_the_disk(
    house: House, monkeypatch: pytest.MonkeyPatch, errno_: int
) -> None:
    """The kernel says that it would have to wait, or that it cannot tell."""

    def refuse(*_: object) -> int:
        raise OSError(errno_, "no")

    monkeypatch.setattr(os, "preadv", refuse)
    reply = await house.get(house.path(), "Range: bytes=1000-4999")
    assert reply.body == CONTENT[1000:5000]
