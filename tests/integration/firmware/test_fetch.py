"""The source against an origin with the habits of vendors."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.errors import Rejected, Unavailable
from gateway.firmware.fetch import HttpSource
from gateway.firmware.guard import Guard
from gateway.firmware.pace import Pace
from gateway.ports.firmware import Answer, Downloads, ImageSource
from tests.integration.firmware.conftest import LOOPBACK, QUICK, SIZE
from tests.integration.firmware.origin import Origin, breaking_off, refusing, send


async def pour(chunks: AsyncIterator[bytes], into: bytearray) -> None:
    """Take what comes, for as long as it comes."""
    async for chunk in chunks:
        into += chunk


async def taken(source: HttpSource, origin: Origin, start: int = 0, size: int | None = SIZE) -> bytes:
    """Fetch to the end."""
    got = bytearray()
    await pour(source.download(origin.url, start, size=size), got)
    return bytes(got)


async def refusal(source: HttpSource, origin: Origin, start: int = 0, size: int | None = SIZE) -> str:
    """Fetch, expecting to be refused; return the code. Nothing may have been yielded before."""
    got = bytearray()
    with pytest.raises(Rejected) as caught:
        await pour(source.download(origin.url, start, size=size), got)
    assert got == b""
    return caught.value.code


@pytest.mark.parametrize("start", [0, 1, 500_000, SIZE - 1])
async def test_the_rest_of_an_image_comes(origin: Origin, source: HttpSource, start: int) -> None:
    """From the first byte without Range, from any other with one; never encoded."""
    assert await taken(source, origin, start) == origin.content[start:]
    assert origin.asked == [("/fw/2.0.bin", f"bytes={start}-" if start else "")]
    assert origin.headers[0]["Accept-Encoding"] == "identity"


async def test_an_image_of_unknown_size_comes_too(origin: Origin, source: HttpSource) -> None:
    """The source's own Content-Length is enough, and its 416 at the end means that nothing is missing."""
    assert await taken(source, origin, size=None) == origin.content
    assert await taken(source, origin, SIZE, size=None) == b""


async def test_a_signed_url_is_asked_for_to_the_letter(origin: Origin, source: HttpSource) -> None:
    """Quoting is part of what was signed."""
    query = "?sign=q-sign-algorithm%3Dsha1%26q-ak%3DA%2Fb&t=1"
    async for _ in source.download(origin.url + query, 0):
        pass
    assert origin.asked[0][0] == "/fw/2.0.bin" + query


async def test_headers_of_the_adapter_go_along(origin: Origin, source: HttpSource) -> None:
    """OneNET wants its Authorization."""
    async for _ in source.download(origin.url, 0, headers={"Authorization": "version=2018-10-31"}):
        pass
    assert origin.headers[0]["Authorization"] == "version=2018-10-31"


async def test_clamped_ranges_are_asked_for_one_after_another(origin: Origin, source: HttpSource) -> None:
    """A server that gives at most 100,000 bytes per range is asked until the image is whole."""

    async def clamped(origin: Origin, request: web.Request) -> web.StreamResponse:
        start = request.http_range.start or 0
        end = min(start + 100_000, SIZE)
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{SIZE}"}
        return await send(origin, request, start, end, status=206, headers=headers)

    origin.answer = clamped
    assert await taken(source, origin, 300_000) == origin.content[300_000:]
    assert len(origin.asked) == 8


async def test_crumbs_are_no_way_to_an_image(origin: Origin, source: HttpSource) -> None:
    """A server that gives a few bytes per request would be asked a hundred thousand times."""

    async def crumbs(origin: Origin, request: web.Request) -> web.StreamResponse:
        start = request.http_range.start or 0
        headers = {"Content-Range": f"bytes {start}-{start + 1}/{SIZE}"}
        return await send(origin, request, start, start + 2, status=206, headers=headers)

    origin.answer = crumbs
    with pytest.raises(Unavailable) as caught:
        await taken(source, origin, 300_000)
    assert caught.value.code == "too_slow"


async def test_a_whole_image_instead_of_its_rest_is_refused(origin: Origin, source: HttpSource) -> None:
    """200 for a Range: whoever asked must start over, not append."""

    async def deaf(origin: Origin, request: web.Request) -> web.StreamResponse:
        return await send(origin, request, 0, SIZE)

    origin.answer = deaf
    assert await refusal(source, origin, 1000) == "range_refused"


async def test_onenets_clamp_from_beyond_the_end_is_refused(origin: Origin, source: HttpSource) -> None:
    """OneNET sends the image from its first byte when asked to go on at or after its end."""

    async def onenet(origin: Origin, request: web.Request) -> web.StreamResponse:
        headers = {"Content-Range": f"bytes 0-{SIZE - 1}/{SIZE}"}
        return await send(origin, request, 0, SIZE, status=206, headers=headers)

    origin.answer = onenet
    assert await refusal(source, origin, 2_000_000, size=None) == "range_refused"


async def test_another_image_under_the_same_url_is_refused(origin: Origin, source: HttpSource) -> None:
    """The ETag of the part that we have must be that of the rest."""
    origin.answer = breaking_off(200_000)
    with pytest.raises(Unavailable):
        await taken(source, origin)
    origin.etag = '"2"'
    assert await refusal(source, origin, 200_000) == "range_refused"


@pytest.mark.parametrize("body", [b"\x01", b"3"])
async def test_a_one_byte_body_is_an_error_not_an_image(
    origin: Origin, source: HttpSource, body: bytes
) -> None:
    """OneNET's first generation answers 200 with one byte and no length; its adapter may read it."""
    shown: list[Answer] = []

    async def one_byte(origin: Origin, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(body)
        return response

    origin.answer = one_byte
    assert await refusal(source, origin) == "short_body"
    with pytest.raises(Rejected):
        async for _ in source.download(origin.url, 0, size=SIZE, judge=shown.append):
            pass
    assert (shown[0].status, shown[0].short_body) == (200, body)


async def test_the_adapters_word_comes_first(origin: Origin, source: HttpSource) -> None:
    """The fuse generation answers 200 with its error in a header."""

    def judge(answer: Answer) -> None:
        if answer.headers.get("Ota-Errno", "0") != "0":
            raise Rejected("5", "the task has expired")

    origin.answer = refusing(200, {"ota-errno": "5"})
    with pytest.raises(Rejected, match="the task has expired"):
        async for _ in source.download(origin.url, 0, judge=judge):
            pass


async def test_a_body_without_length_needs_a_size(origin: Origin, source: HttpSource) -> None:
    """Where neither side names a length, an end cannot be told from a break; where the cloud does, it can."""

    async def unmeasured(origin: Origin, request: web.Request) -> web.StreamResponse:
        return await send(origin, request, 0, SIZE, length=None)

    origin.answer = unmeasured
    assert await refusal(source, origin, size=None) == "no_length"
    assert await taken(source, origin) == origin.content


async def test_an_endless_body_ends(origin: Origin, source: HttpSource) -> None:
    """No byte is taken beyond what the cloud said."""

    async def endless(origin: Origin, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(65536))

    origin.answer = endless
    got = bytearray()
    with pytest.raises(Rejected) as caught:
        await pour(source.download(origin.url, 0, size=SIZE), got)
    assert caught.value.code == "endless"
    assert len(got) <= SIZE


@pytest.mark.parametrize(
    ("status", "headers", "code"),
    [
        (403, {}, "url_expired"),
        (404, {}, "not_found"),
        (302, {"Location": "http://127.0.0.1:1/"}, "redirected"),
        (200, {"Content-Encoding": "gzip"}, "encoded"),
        (200, {}, "wrong_size"),
    ],
)
async def test_what_is_no_image_is_refused(
    origin: Origin, source: HttpSource, status: int, headers: dict[str, str], code: str
) -> None:
    """Expired, gone, elsewhere, encoded, of another size: each has its word, and no byte is passed on."""
    origin.answer = refusing(status, headers)
    assert await refusal(source, origin) == code
    assert len(origin.asked) == 1


async def test_a_broken_connection_means_later(origin: Origin, source: HttpSource) -> None:
    """What came before the break is passed on."""
    origin.answer = breaking_off(300_000)
    got = bytearray()
    with pytest.raises(Unavailable) as caught:
        await pour(source.download(origin.url, 0, size=SIZE), got)
    assert caught.value.code == "disconnected"
    assert origin.content.startswith(bytes(got))


async def test_a_silent_server_means_later(origin: Origin, source: HttpSource) -> None:
    """Before the headers as well as in the middle."""
    silent = asyncio.Event()

    async def never(origin: Origin, request: web.Request) -> web.StreamResponse:
        await silent.wait()
        return web.Response()

    async def stuck(origin: Origin, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = SIZE
        await response.prepare(request)
        await response.write(origin.content[:1000])
        await silent.wait()
        return response

    for answer in (never, stuck):
        origin.answer = answer
        with pytest.raises(Unavailable) as caught:
            await taken(source, origin)
        assert caught.value.code == "timeout"
    silent.set()


async def test_a_trickle_means_later(origin: Origin) -> None:
    """A byte now and then keeps a connection busy, but no image comes so."""

    async def trickle(origin: Origin, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = SIZE
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.01)

    origin.answer = trickle
    pace = Pace(bytes_per_second=2000, window=timedelta(seconds=0.2))
    async with HttpSource(LOOPBACK, pace=pace) as source:
        with pytest.raises(Unavailable) as caught:
            await taken(source, origin)
    assert caught.value.code == "too_slow"


async def test_nobody_there_means_later(source: HttpSource) -> None:
    """A refused connection is no verdict on the image, and its URL is not told."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(Unavailable) as caught:
            async for _ in source.download(f"http://127.0.0.1:{held.getsockname()[1]}/a?sign=secret", 0):
                pass
    assert "secret" not in str(caught.value)


async def test_the_sites_own_doors_are_not_knocked_at(origin: Origin) -> None:
    """An address of the site is refused before anything is sent."""
    async with HttpSource(Guard(ports=None), pace=QUICK) as source:
        assert await refusal(source, origin) == "url_forbidden"
    assert origin.asked == []


class Rebinding(AbstractResolver):
    """A name that is public when it is judged, and the site's own when it is connected to."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give the next answer."""
        found = self.answers.pop(0)
        return [ResolveResult(hostname=host, host=found, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Do nothing."""


async def test_a_name_that_turns_private_is_refused(origin: Origin) -> None:
    """What is looked up is what is connected to: there is no second question."""
    port = origin.url.split(":")[2].split("/")[0]
    resolver = Rebinding("127.0.0.1")
    async with HttpSource(Guard(ports=None), pace=QUICK, resolver=resolver) as source:
        with pytest.raises(Rejected) as caught:
            async for _ in source.download(f"http://public.example:{port}/a", 0):
                pass
    assert caught.value.code == "url_forbidden"
    assert origin.asked == []
    assert resolver.answers == []


async def test_an_allowed_name_is_followed(origin: Origin) -> None:
    """The same, where the site says that its images come from there."""
    port = origin.url.split(":")[2].split("/")[0]
    async with HttpSource(LOOPBACK, pace=QUICK, resolver=Rebinding("127.0.0.1")) as source:
        got = b"".join([chunk async for chunk in source.download(f"http://cdn.example:{port}/a", 0)])
    assert got == origin.content


async def test_giving_up_midway_ends_the_request(origin: Origin, source: HttpSource) -> None:
    """A generator that is closed leaves no connection behind."""
    chunks = source.download(origin.url, 0, size=SIZE)
    await anext(chunks)
    await chunks.aclose()  # type: ignore[attr-defined]
    assert await taken(source, origin) == origin.content


def test_it_is_what_adapters_are_lent() -> None:
    """The type checker holds it to both promises."""
    source = HttpSource(LOOPBACK)
    lent: tuple[Downloads, ImageSource] = (source, source)
    assert lent == (source, source)
