"""The cache through its port: one fetch for all, resumed, proven, kept within the quota."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gateway.errors import Denied, Rejected, Scope, Unavailable
from gateway.firmware.cache import FirmwareCache
from gateway.firmware.fetch import HttpSource
from gateway.firmware.room import LEFT_FREE
from gateway.firmware.shelf import Shelf
from gateway.firmware.transfer import MIN_GAIN
from gateway.model.firmware import Firmware, Md5, Sha256
from gateway.model.identity import Version
from gateway.ports.firmware import (
    FirmwareError,
    ImageGoneError,
    NotNowError,
    Progress,
    Trouble,
    UnfitError,
    UrlExpiredError,
)
from tests.integration.firmware.conftest import QUOTA, SIZE, files
from tests.integration.firmware.origin import (
    Origin,
    breaking_off,
    content_of,
    gated,
    in_turn,
    refusing,
    send,
    serving,
    well,
)


class Given:
    """A source in memory: yields these, then raises what it is told to."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks = chunks
        self.error = error
        self.starts: list[int] = []

    async def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
        """Give what lies behind the start."""
        self.starts.append(start)
        for chunk in self.chunks:
            if start < len(chunk):
                yield chunk[start:]
            start = max(start - len(chunk), 0)
        if self.error is not None:
            raise self.error


async def content(cache: FirmwareCache, sha256: Sha256) -> bytes:
    """Read an image as a device would get it."""
    with await cache.open(sha256) as opened:
        return await opened.read(0, opened.image.size)


def begun(origin: Origin) -> list[int]:
    """Return at which byte each request began."""
    return [int(asked.removeprefix("bytes=").removesuffix("-") or 0) for _, asked in origin.asked]


async def until(condition: object, tries: int = 1000) -> None:
    """Let others run until the condition, a callable, is true."""
    for _ in range(tries):
        if condition():  # type: ignore[operator]
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came true")


async def test_fifty_ask_and_one_fetch_runs(cache: FirmwareCache, origin: Origin, source: HttpSource) -> None:
    """Each with a URL of its own signature; the origin sees one request."""
    asked = [
        cache.obtain(origin.firmware(f"?t={number}&sign={number}"), source, key=str(number))
        for number in range(50)
    ]
    images = await asyncio.gather(*asked)
    assert len(set(images)) == 1
    assert len(origin.asked) == 1
    assert await content(cache, images[0].sha256) == origin.content
    assert await cache.obtain(origin.firmware(), source, key="later") == images[0]
    assert len(origin.asked) == 1
    assert (cache.tally.fetched, cache.tally.hits) == (1, 1)


async def test_a_waiter_that_gives_up_takes_nothing_from_the_others(
    cache: FirmwareCache, origin: Origin, source: HttpSource
) -> None:
    """The fetch goes on while anyone waits, and its progress is told to who does."""
    gate = asyncio.Event()
    origin.answer = gated(gate, 500_000)
    first, second = (
        asyncio.create_task(cache.obtain(origin.firmware(), source, key=key)) for key in ("first", "second")
    )
    await until(lambda: cache.progress("second") == Progress(500_000, SIZE))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert cache.progress("first") is None
    gate.set()
    image = await second
    assert image.size == SIZE
    assert cache.progress("second") is None
    assert len(origin.asked) == 1


async def test_the_last_waiter_ends_the_fetch_and_keeps_what_came(
    cache: FirmwareCache, origin: Origin, source: HttpSource, directory: Path
) -> None:
    """Asked again, even at once, it goes on where it was."""
    gate = asyncio.Event()
    origin.answer = gated(gate, 600_000)
    only = asyncio.create_task(cache.obtain(origin.firmware(), source, key="only"))
    await until(lambda: cache.progress("only") == Progress(600_000, SIZE))
    only.cancel()
    again = asyncio.create_task(cache.obtain(origin.firmware(), source, key="again"))
    gate.set()
    image = await again
    assert await content(cache, image.sha256) == origin.content
    assert begun(origin) == [0, 600_000]
    assert cache.tally.resumed == 1
    assert files(directory) == {f"objects/{image.sha256}": SIZE}


async def test_a_break_is_overcome_while_bytes_come(
    cache: FirmwareCache, origin: Origin, source: HttpSource
) -> None:
    """A connection that brought something is followed by the next at once, from where it broke."""
    origin.answer = breaking_off(300_000, 700_000)
    image = await cache.obtain(origin.firmware(), source, key="a")
    assert await content(cache, image.sha256) == origin.content
    assert len(origin.asked) == 3
    assert origin.served <= SIZE + 4 * 65536 * 2


async def test_a_source_that_brings_nothing_is_left_for_later(
    cache: FirmwareCache, origin: Origin, source: HttpSource
) -> None:
    """What came is kept for the next try."""
    origin.answer = in_turn(breaking_off(300_000), refusing(503, {"Retry-After": "9"}))
    with pytest.raises(NotNowError) as caught:
        await cache.obtain(origin.firmware(), source, key="a")
    assert (caught.value.reason, caught.value.retry_after) == (Trouble.SOURCE_UNAVAILABLE, 9)
    assert len(origin.asked) == 2
    image = await cache.obtain(origin.firmware(), source, key="a")
    assert await content(cache, image.sha256) == origin.content
    assert begun(origin)[2] == begun(origin)[1] > MIN_GAIN


async def test_it_goes_on_after_a_restart(directory: Path, origin: Origin, source: HttpSource) -> None:
    """Part of one run, part of the next, under a URL that was signed anew in between."""
    origin.answer = in_turn(breaking_off(500_000), refusing(503))
    async with FirmwareCache(directory, quota=QUOTA) as first:
        with pytest.raises(NotNowError):
            await first.obtain(origin.firmware("?t=1&sign=1"), source, key="a")
    async with FirmwareCache(directory, quota=QUOTA) as second:
        assert second.figures.taken == begun(origin)[1]
        image = await second.obtain(origin.firmware("?t=2&sign=2"), source, key="a")
        assert await content(second, image.sha256) == origin.content
    async with FirmwareCache(directory, quota=QUOTA) as third:
        assert await third.obtain(origin.firmware("?t=3&sign=3"), source, key="a") == image
    assert begun(origin)[1] == begun(origin)[2] > MIN_GAIN
    assert len(origin.asked) == 3


async def test_an_image_without_md5_is_known_by_its_url(
    directory: Path, origin: Origin, source: HttpSource
) -> None:
    """Signed anew it is the same, also after a restart; md5 and size are what the gateway measured."""
    async with FirmwareCache(directory, quota=QUOTA) as cache:
        image = await cache.obtain(origin.firmware("?t=1&sign=1", md5=None, size=None), source, key="a")
        assert (image.md5, image.size) == (origin.md5, SIZE)
        await cache.obtain(origin.firmware("?t=2&sign=2", md5=None, size=None), source, key="a")
    async with FirmwareCache(directory, quota=QUOTA) as cache:
        await cache.obtain(origin.firmware("?t=3&sign=3", md5=None, size=None), source, key="a")
        await cache.obtain(origin.firmware("?t=4&sign=4"), source, key="a")
    assert len(origin.asked) == 1


async def test_one_image_under_two_names_lies_there_once(
    cache: FirmwareCache, origin: Origin, source: HttpSource, directory: Path
) -> None:
    """Content is what counts; the second name is remembered."""
    one = origin.firmware("?id=1", md5=None)
    two = origin.firmware("?id=2", md5=None)
    image = await cache.obtain(one, source, key="a")
    assert await cache.obtain(two, source, key="b") == image
    await cache.obtain(one, source, key="a")
    await cache.obtain(two, source, key="b")
    assert len(origin.asked) == 2
    assert files(directory) == {f"objects/{image.sha256}": SIZE}
    assert cache.figures.taken == SIZE


@pytest.mark.parametrize(
    ("said", "reason", "asked"),
    [
        ({"md5": Md5("0" * 32)}, Trouble.WRONG_MD5, 2),
        ({"size": SIZE + 1}, Trouble.WRONG_SIZE, 1),
        ({"size": SIZE - 1}, Trouble.WRONG_SIZE, 1),
        ({"size": QUOTA + 1}, Trouble.TOO_LARGE, 0),
    ],
)
async def test_an_image_that_is_not_what_was_ordered_is_unfit(  # noqa: PLR0917 - fixtures
    cache: FirmwareCache,
    origin: Origin,
    source: HttpSource,
    directory: Path,
    said: dict[str, Any],
    reason: Trouble,
    asked: int,
) -> None:
    """It is refused in so many words, at once where that is possible, and leaves nothing."""
    with pytest.raises(UnfitError) as caught:
        await cache.obtain(origin.firmware(**said), source, key="a")
    assert caught.value.reason is reason
    assert len(origin.asked) == asked
    assert files(directory) == {}
    assert (cache.figures.taken, cache.tally.failed[reason]) == (0, 1)


async def test_a_wrong_beginning_is_fetched_once_more(
    cache: FirmwareCache, origin: Origin, source: HttpSource
) -> None:
    """When a resumed image has the wrong digest, the old part is the first suspect."""
    right = origin.content
    origin.content = b"?" * 400_000 + right[400_000:]
    firmware = Firmware(
        version=Version("2.0"), url=origin.url, size=SIZE, md5=Origin(content=right, answer=origin.answer).md5
    )
    origin.answer = in_turn(breaking_off(400_000), refusing(503))
    with pytest.raises(NotNowError):
        await cache.obtain(firmware, source, key="a")
    origin.content = right
    image = await cache.obtain(firmware, source, key="a")
    assert await content(cache, image.sha256) == right
    assert (cache.tally.restarted, origin.asked[-1][1]) == (1, "")


async def test_an_image_damaged_on_its_way_is_fetched_once_more(
    cache: FirmwareCache, origin: Origin, source: HttpSource
) -> None:
    """A broken box between cloud and site ends nobody's update."""
    firmware, right = origin.firmware(), origin.content

    async def damaging_once(origin: Origin, request: web.Request) -> web.StreamResponse:
        origin.content = right if len(origin.asked) > 1 else b"?" + right[1:]
        return await well(origin, request)

    origin.answer = damaging_once
    image = await cache.obtain(firmware, source, key="a")

    assert await content(cache, image.sha256) == right
    assert (cache.tally.restarted, len(origin.asked)) == (1, 2)


async def test_a_wrong_image_is_not_fetched_for_ever(
    cache: FirmwareCache, origin: Origin, source: HttpSource
) -> None:
    """Resumed, restarted, still wrong: that is the image, then."""
    origin.answer = breaking_off(400_000)
    with pytest.raises(UnfitError) as caught:
        await cache.obtain(origin.firmware(md5=Md5("0" * 32)), source, key="a")
    assert caught.value.reason is Trouble.WRONG_MD5
    assert len(origin.asked) == 3


async def test_a_server_that_cannot_resume_sends_it_all_again(
    cache: FirmwareCache, origin: Origin, source: HttpSource
) -> None:
    """200 for a Range: begin again, once; if that breaks off as well, later."""

    async def deaf(origin: Origin, request: object) -> object:
        stop = 500_000 if len(origin.asked) in breaks else None
        return await send(origin, request, 0, SIZE, stop=stop)  # type: ignore[arg-type]

    breaks = {1}
    origin.answer = deaf  # type: ignore[assignment]
    image = await cache.obtain(origin.firmware(), source, key="a")
    assert await content(cache, image.sha256) == origin.content
    assert len(origin.asked) == 3

    async with serving(content_of(SIZE, seed=2), deaf) as other:  # type: ignore[arg-type]
        breaks = {1, 3}
        with pytest.raises(NotNowError):
            await cache.obtain(other.firmware(), source, key="b")
        assert len(other.asked) == 4


async def test_an_expired_url_is_told_apart(cache: FirmwareCache, origin: Origin, source: HttpSource) -> None:
    """The asker fetches a new one from its cloud, and the image goes on where it was."""
    origin.answer = in_turn(breaking_off(500_000), refusing(503))
    with pytest.raises(NotNowError):
        await cache.obtain(origin.firmware(), source, key="a")
    origin.answer = in_turn(refusing(403))
    with pytest.raises(UrlExpiredError):
        await cache.obtain(origin.firmware(), source, key="a")
    await cache.obtain(origin.firmware("?sign=new"), source, key="a")
    assert origin.asked[-1][0] == "/fw/2.0.bin?sign=new"
    assert begun(origin)[-1] == begun(origin)[1] > MIN_GAIN


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (Unavailable("HTTP 503", retry_after=7), NotNowError, Trouble.SOURCE_UNAVAILABLE),
        (Denied(Scope.LANE, "token", "expired"), NotNowError, Trouble.SOURCE_DENIED),
        (Rejected("not_found", "HTTP 404"), UnfitError, Trouble.NOT_FOUND),
        (Rejected("url_forbidden", "private"), UnfitError, Trouble.URL_FORBIDDEN),
        (Rejected("Ota-Errno 5", "expired"), UnfitError, Trouble.SOURCE_REFUSED),
        (Rejected("range_refused", "no"), UnfitError, Trouble.SOURCE_REFUSED),
        (Rejected("url_expired", "HTTP 403"), UrlExpiredError, Trouble.URL_EXPIRED),
    ],
)
async def test_what_a_source_raises_becomes_what_the_asker_does(
    cache: FirmwareCache, error: Exception, kind: type[FirmwareError], reason: Trouble
) -> None:
    """Three errors of clouds, four of images; all who wait hear the same."""
    firmware = Firmware(version=Version("1"), url="http://h/a")
    asked = [cache.obtain(firmware, Given(error=error), key=str(number)) for number in range(3)]
    for caught in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(caught, kind)
        assert caught.reason is reason
    assert getattr(caught, "retry_after", None) == getattr(error, "retry_after", None)


async def test_the_other_cloud_has_it_too(cache: FirmwareCache, origin: Origin, source: HttpSource) -> None:
    """Two clouds order one image; where the first fails the second is asked, for whoever waits."""
    dead = Given(error=Unavailable("HTTP 503"))
    first = cache.obtain(origin.firmware(), dead, key="a")
    second = cache.obtain(origin.firmware(), source, key="b")
    images = await asyncio.gather(first, second)
    assert images[0] == images[1]
    assert dead.starts == [0]


async def test_an_adapters_mistake_is_heard_by_its_asker(cache: FirmwareCache, directory: Path) -> None:
    """An error that no port knows is passed on as it is; the cache goes on."""
    firmware = Firmware(version=Version("1"), url="http://h/a")
    with pytest.raises(ZeroDivisionError):
        await cache.obtain(firmware, Given(b"x", error=ZeroDivisionError()), key="a")
    image = await cache.obtain(firmware, Given(b"good"), key="a")
    assert image.size == 4
    assert cache.figures.fetching == 0


async def test_an_endless_image_ends_at_its_size(cache: FirmwareCache, directory: Path) -> None:
    """Whatever the source yields, no more is kept than the cloud said."""
    firmware = Firmware(version=Version("1"), url="http://h/a", size=100_000)
    with pytest.raises(UnfitError) as caught:
        await cache.obtain(firmware, Given(*[bytes(65536)] * 10), key="a")
    assert caught.value.reason is Trouble.ENDLESS
    assert files(directory) == {}


async def test_an_endless_image_of_unknown_size_ends_at_the_quota(
    cache: FirmwareCache, directory: Path
) -> None:
    """Streaming stops before a byte more than the quota is kept."""
    firmware = Firmware(version=Version("1"), url="http://h/a")
    with pytest.raises(UnfitError) as caught:
        await cache.obtain(firmware, Given(*[bytes(65536)] * 100), key="a")
    assert caught.value.reason is Trouble.TOO_LARGE
    assert (files(directory), cache.figures.taken) == ({}, 0)


async def test_a_short_image_is_unfit(cache: FirmwareCache, directory: Path) -> None:
    """A source that ends early, twice at the same place, has no more."""
    firmware = Firmware(version=Version("1"), url="http://h/a", size=200_000)

    class Short(Given):
        async def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
            self.starts.append(start)
            if start == 0:
                yield bytes(MIN_GAIN)

    short = Short()
    with pytest.raises(UnfitError) as caught:
        await cache.obtain(firmware, short, key="a")
    assert (caught.value.reason, short.starts) == (Trouble.WRONG_SIZE, [0, MIN_GAIN])
    with pytest.raises(UnfitError):
        await cache.obtain(Firmware(version=Version("1"), url="http://h/b"), Given(), key="a")
    assert files(directory) == {}


async def obtained(cache: FirmwareCache, number: int, *, size: int = SIZE, key: str | None = None) -> Sha256:
    """Obtain an image like no other, pinned by `key`, or by nobody."""
    firmware = Firmware(version=Version(str(number)), url=f"http://h/{number}", size=size)
    image = await cache.obtain(firmware, Given(content_of(size, seed=number)), key=key or "x")
    if key is None:
        cache.unpin("x")
    return image.sha256


async def test_the_least_recently_used_goes(directory: Path) -> None:
    """Neither a pinned image, nor one that was read a moment ago; across restarts, too."""
    time = 1_000_000.0
    async with FirmwareCache(directory, quota=QUOTA, now=lambda: time) as cache:
        first = await obtained(cache, 1, key="update 1")
        time += 100
        second = await obtained(cache, 2)
        time += 100
        third = await obtained(cache, 3)
        time += 100
        (await cache.open(second)).close()
    time += 100
    async with FirmwareCache(directory, quota=QUOTA, now=lambda: time) as cache:
        assert cache.pin(first, "update 1")
        fourth = await obtained(cache, 4)
        assert [cache.find(each) is not None for each in (first, second, third, fourth)] == [
            True,
            True,
            False,
            True,
        ]
        assert cache.tally.evicted == 1
        with pytest.raises(ImageGoneError) as caught:
            await cache.open(third)
        assert caught.value.reason is Trouble.GONE
        assert not cache.pin(third, "update 3")
        assert len(files(directory)) == 3


async def test_the_last_room_of_the_disk_is_left_to_the_store(
    cache: FirmwareCache, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk is smaller than the quota, it is the disk that counts; what nobody needs goes."""

    def free(_: Shelf) -> int:
        return LEFT_FREE + 1_500_000 - sum(files(directory).values())

    monkeypatch.setattr(Shelf, "free", free)
    first, second = await obtained(cache, 1), await obtained(cache, 2)

    assert [cache.find(each) is not None for each in (first, second)] == [False, True]
    with pytest.raises(NotNowError, match="free some disk"):
        await obtained(cache, 3, size=1_600_000)


async def test_where_all_is_in_use_there_is_no_room(cache: FirmwareCache, directory: Path) -> None:
    """Pinned, or open; as soon as one is let go there is."""
    pinned = [await obtained(cache, number, key=f"update {number}") for number in (1, 2)]
    reading = await cache.open(await obtained(cache, 3))
    with pytest.raises(NotNowError) as caught:
        await obtained(cache, 4)
    assert caught.value.reason is Trouble.NO_ROOM
    reading.close()
    reading.close()
    await obtained(cache, 4)
    cache.unpin("update 1")
    await obtained(cache, 5)
    assert [cache.find(each) is not None for each in pinned] == [False, True]


async def test_an_image_of_unknown_size_makes_room_as_it_grows(cache: FirmwareCache) -> None:
    """Old images go while it streams."""
    for number in (1, 2, 3):
        await obtained(cache, number)
    firmware = Firmware(version=Version("9"), url="http://h/9")
    image = await cache.obtain(firmware, Given(*[bytes(100_000)] * 35), key="a")
    assert image.size == 3_500_000
    assert [held.image for held in cache.held()] == [image]
    assert cache.figures.taken == 3_500_000


async def test_what_came_of_an_image_counts_and_can_go(cache: FirmwareCache, directory: Path) -> None:
    """A partial image that nobody fetches any more makes room like any other."""
    firmware = Firmware(version=Version("1"), url="http://h/1", size=2_000_000)
    with pytest.raises(NotNowError):
        await cache.obtain(firmware, Given(bytes(1_500_000), error=Unavailable("broken")), key="a")
    assert (cache.figures.taken, cache.figures.partials) == (1_500_000, 1)
    await obtained(cache, 2, size=3_000_000)
    assert (cache.figures.taken, cache.figures.partials) == (3_000_000, 0)
    assert len(files(directory)) == 1


async def test_fetches_that_run_have_their_room(cache: FirmwareCache) -> None:
    """What was promised to one is not given to another."""
    gate = asyncio.Event()

    class Slow(Given):
        async def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
            yield bytes(1000)
            await gate.wait()
            yield bytes(2_999_000)

    slow = asyncio.create_task(
        cache.obtain(Firmware(version=Version("1"), url="http://h/1", size=3_000_000), Slow(), key="a")
    )
    await until(lambda: cache.progress("a") == Progress(1000, 3_000_000))
    assert cache.figures.taken == 3_000_000
    with pytest.raises(NotNowError):
        await obtained(cache, 2, size=2_000_000)
    gate.set()
    assert (await slow).size == 3_000_000


async def test_a_damaged_image_is_never_served(directory: Path, origin: Origin, source: HttpSource) -> None:
    """A bit that flipped while the gateway was off, its file's time unchanged: seen, removed, fetched anew."""
    async with FirmwareCache(directory, quota=QUOTA) as cache:
        image = await cache.obtain(origin.firmware(), source, key="a")
    path = directory / "objects" / image.sha256
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(777_777)
        file.write(bytes([origin.content[777_777] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    async with FirmwareCache(directory, quota=QUOTA) as cache:
        with capture_logs() as logs:
            caught = await asyncio.gather(
                *(cache.open(image.sha256) for _ in range(5)), return_exceptions=True
            )
        assert {getattr(each, "reason", None) for each in caught} == {Trouble.DAMAGED}
        assert [line["event"] for line in logs] == ["firmware_damaged"]
        assert files(directory) == {}
        again = await cache.obtain(origin.firmware(), source, key="a")
        assert await content(cache, again.sha256) == origin.content
    assert len(origin.asked) == 2


async def test_an_image_that_was_touched_is_proven_again(
    cache: FirmwareCache, origin: Origin, source: HttpSource
) -> None:
    """Changed under our hands while the gateway runs; whoever asks for it fetches it anew."""
    image = await cache.obtain(origin.firmware(), source, key="a")
    path = cache._shelf.path(image)
    path.write_bytes(b"x" * SIZE)
    asked = [cache.obtain(origin.firmware(), source, key=str(number)) for number in range(20)]
    assert set(await asyncio.gather(*asked)) == {image}
    assert await content(cache, image.sha256) == origin.content
    assert (len(origin.asked), cache.tally.damaged) == (2, 1)


async def test_an_old_proof_is_renewed(directory: Path, origin: Origin, source: HttpSource) -> None:
    """A bit can flip while the gateway runs for years; once a day an image is read again."""
    monotonic = 0.0
    async with FirmwareCache(directory, quota=QUOTA, monotonic=lambda: monotonic) as cache:
        image = await cache.obtain(origin.firmware(), source, key="a")
        path = cache._shelf.path(image)
        status = path.stat()
        with path.open("r+b") as file:
            file.write(b"?")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        (await cache.open(image.sha256)).close()
        monotonic += 86_401
        with pytest.raises(ImageGoneError):
            await cache.open(image.sha256)


async def test_an_image_that_was_deleted_is_gone(
    cache: FirmwareCache, origin: Origin, source: HttpSource
) -> None:
    """By hand; it is fetched anew when it is wanted."""
    image = await cache.obtain(origin.firmware(), source, key="a")
    cache._shelf.path(image).unlink()
    with pytest.raises(ImageGoneError):
        await cache.open(image.sha256)
    assert await cache.obtain(origin.firmware(), source, key="a") == image
    assert await content(cache, image.sha256) == origin.content


async def test_a_second_cloud_that_says_otherwise_is_told(
    cache: FirmwareCache, origin: Origin, source: HttpSource
) -> None:
    """One md5, two sizes: the one that is wrong is unfit, also while the fetch of the other runs."""
    right = cache.obtain(origin.firmware(), source, key="a")
    wrong = cache.obtain(origin.firmware(size=SIZE + 5), source, key="b")
    image, caught = await asyncio.gather(right, wrong, return_exceptions=True)
    assert isinstance(caught, UnfitError)
    assert caught.reason is Trouble.WRONG_SIZE
    assert await cache.obtain(origin.firmware(), source, key="a") == image


async def test_a_stop_leaves_what_came(directory: Path, origin: Origin, source: HttpSource) -> None:
    """Who still waits hears that it is not now; the next run goes on."""
    origin.answer = gated(asyncio.Event(), 600_000)
    async with FirmwareCache(directory, quota=QUOTA) as cache:
        waiting = asyncio.create_task(cache.obtain(origin.firmware(), source, key="a"))
        await until(lambda: cache.progress("a") == Progress(600_000, SIZE))
    with pytest.raises(NotNowError):
        await waiting
    assert list(files(directory).values()) == [600_000]


class FullDisk:
    """Stands in for `os.write` on a disk that has room for so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.write = os.write

    def __call__(self, descriptor: int, data: memoryview) -> int:
        """Write what there is room for, as the kernel does."""
        if self.room <= 0:
            raise OSError(28, "No space left on device")
        count = self.write(descriptor, data[: self.room])
        self.room -= count
        return count


async def test_a_full_disk_is_said_and_nothing_is_left(
    cache: FirmwareCache, origin: Origin, source: HttpSource, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next try, with room, brings the image."""
    with monkeypatch.context() as patch:
        patch.setattr("gateway.firmware.partial.os.write", FullDisk(400_000))
        with pytest.raises(NotNowError) as caught:
            await cache.obtain(origin.firmware(), source, key="a")
    assert caught.value.reason is Trouble.NO_ROOM
    assert "No space left on device" in caught.value.detail
    assert (files(directory), cache.figures.taken) == ({}, 0)
    image = await cache.obtain(origin.firmware(), source, key="a")
    assert await content(cache, image.sha256) == origin.content


async def test_a_failing_disk_is_said(
    cache: FirmwareCache, origin: Origin, source: HttpSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the disk is not one of the image."""

    def fail(descriptor: int, data: object) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("gateway.firmware.partial.os.write", fail)
        with pytest.raises(NotNowError) as caught:
            await cache.obtain(origin.firmware(), source, key="a")
    assert caught.value.reason is Trouble.DISK_FAILED
    assert cache.figures.taken == 0
