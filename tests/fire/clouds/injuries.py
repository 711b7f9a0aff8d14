"""What can befall an answer of a cloud: name → what is done instead of answering, and the words for it.

The word is the outcome under which the request is counted, or, where it is HTTP and no answer, the adapter's code.
"""

import asyncio
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import partial
from typing import NamedTuple

from tests.fire.clouds.front import Exchange

CLOUDS = ("tencent", "south", "fuse")
MEGABYTE = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PORTAL = b"<html><body><h1>Welcome</h1>Please sign in to use this network.</body></html>"
JSON = b"Content-Type: application/json\r\n"


class Case(NamedTuple):
    """An injury; nothing else may be counted than one of its words."""

    injure: Callable[[Exchange], Awaitable[None]]
    words: tuple[str, ...]
    #: After how many seconds all that was said must have arrived, once it is over.
    heals_s: float = 400.0
    #: Whom it befalls.
    clouds: tuple[str, ...] = CLOUDS


def _whole(body: bytes, *, status: str = "200 OK", headers: bytes = JSON) -> bytes:
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status.encode(), headers, len(body), body)


def _says(*pieces: bytes) -> Callable[[Exchange], Awaitable[None]]:
    async def injure(exchange: Exchange) -> None:
        await exchange.say(*pieces)

    return injure


def _status(status: str, retry_after: str = "") -> Callable[[Exchange], Awaitable[None]]:
    wish = f"Retry-After: {retry_after}\r\n".encode() if retry_after else b""
    return _says(_whole(PORTAL, status=status, headers=b"Content-Type: text/html\r\n" + wish))


def _packed(encoding: bytes, body: bytes) -> Callable[[Exchange], Awaitable[None]]:
    return _says(_whole(body, headers=JSON + b"Content-Encoding: " + encoding + b"\r\n"))


async def _date_in_a_minute(exchange: Exchange) -> None:
    # As the cloud's own clock has it, whatever the box's says.
    headers = f"Date: {formatdate(2e9, usegmt=True)}\r\nRetry-After: {formatdate(2e9 + 60, usegmt=True)}\r\n"
    await exchange.say(_whole(b"", status="503 Busy", headers=headers.encode()))


async def _silent(_: Exchange) -> None:
    await asyncio.Event().wait()


async def _reset(exchange: Exchange) -> None:
    exchange.reset()


async def _hung_up(exchange: Exchange) -> None:
    exchange.hang_up()


async def _applied_and(exchange: Exchange, part: float) -> None:
    """Let the cloud do what it is asked, and give this part of its answer."""
    answer = await exchange.lost()
    await exchange.say(answer[: int(len(answer) * part)])
    exchange.reset()


async def _drop_by_drop(exchange: Exchange, *, from_body: bool) -> None:
    answer = await exchange.lost()
    start = answer.index(b"\r\n\r\n") + 4 if from_body else 0
    await exchange.say(answer[:start])
    await exchange.say(*(bytes((each,)) for each in answer[start:]), pause=1.0)


async def _for_ever(exchange: Exchange, *, head: bytes, piece: bytes, pause: float = 0.0) -> None:
    await exchange.say(head)
    while True:
        await exchange.say(piece, pause=pause)


async def _half_json(exchange: Exchange) -> None:
    answer = await exchange.lost()
    body = answer.partition(b"\r\n\r\n")[2]
    await exchange.say(_whole(body[: len(body) // 2]))


async def _short(exchange: Exchange) -> None:
    await exchange.say(OK + b"Content-Length: 1000\r\n\r\n{}")
    exchange.hang_up()


def _flood(head: bytes, piece: bytes) -> Callable[[Exchange], Awaitable[None]]:
    return partial(_for_ever, head=head, piece=piece)


_DEEP = b"[" * 200_000
_BOMB = b" " * (16 * MEGABYTE)
MISSHAPEN = ("misshapen",)
GONE = ("disconnected",)

INJURIES: dict[str, Case] = {
    "500": Case(_status("500 Oops"), ("http_5xx",)),
    "503 for a year": Case(_status("503 Busy", "31536000"), ("http_5xx",), 4000.0, ("tencent",)),
    "429": Case(_status("429 Slow"), ("http_429",)),
    "429 for two seconds": Case(_status("429 Slow", "2"), ("http_429",)),
    "429 for no time": Case(_status("429 Slow", "0"), ("http_429",)),
    "429 for less than none": Case(_status("429 Slow", "-5"), ("http_429",)),
    "429 in other words": Case(_status("429 Slow", "NaN, soon \t"), ("http_429",)),
    "503 until a minute later": Case(_date_in_a_minute, ("http_5xx",)),
    "408": Case(_status("408 Timeout"), ("http_408",)),
    "captive portal": Case(_status("200 OK"), MISSHAPEN),
    "redirect": Case(
        _says(_whole(b"", status="302 Found", headers=b"Location: http://127.0.0.1:9/\r\n")), MISSHAPEN
    ),
    "nothing, with 200": Case(_says(_whole(b"")), MISSHAPEN),
    "204": Case(_says(b"HTTP/1.1 204 No Content\r\n\r\n"), MISSHAPEN),
    "403 of a proxy": Case(_status("403 Forbidden"), MISSHAPEN),
    "another protocol": Case(
        _says(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"), MISSHAPEN
    ),
    "half of the JSON": Case(_half_json, MISSHAPEN),
    "NaN": Case(_says(_whole(b"NaN")), MISSHAPEN),
    "a number of 5000 digits": Case(_says(_whole(b'{"errno":' + b"9" * 5000 + b"}")), MISSHAPEN),
    "no UTF-8": Case(_says(_whole(b'{"errno":0,"\xff\xfe":1}')), MISSHAPEN),
    "deeply nested": Case(_says(_whole(b'{"errno":0,"data":' + _DEEP)), MISSHAPEN),
    "a list": Case(_says(_whole(json.dumps([{"errno": 0}]).encode())), MISSHAPEN),
    "null": Case(_says(_whole(b"null")), MISSHAPEN),
    "an object of strangers": Case(_says(_whole(b'{"status":"ok","result":[]}')), MISSHAPEN),
    "a wrong type": Case(_says(_whole(b'{"errno":"0","code":true,"Response":[1]}')), MISSHAPEN),
    "100 MB": Case(
        _flood(OK + b"Content-Length: 104857600\r\n\r\n", b" " * MEGABYTE), ("too_large", "disconnected")
    ),
    "gzip bomb": Case(_packed(b"gzip", gzip.compress(_BOMB)), ("too_large",)),
    "deflate bomb": Case(_packed(b"deflate", zlib.compress(_BOMB)), ("too_large",)),
    "bomb in a bomb": Case(_packed(b"gzip, gzip", gzip.compress(gzip.compress(_BOMB))), GONE),
    "brotli": Case(_packed(b"br", b"\x1b\xff\xff\xff"), GONE),
    "no gzip": Case(_packed(b"gzip", b"{}"), GONE),
    "silence": Case(_silent, ("timeout",)),
    "the head drop by drop": Case(partial(_drop_by_drop, from_body=False), ("timeout",)),
    "the body drop by drop": Case(partial(_drop_by_drop, from_body=True), ("timeout",)),
    "a body that never ends": Case(
        partial(_for_ever, head=CHUNKED, piece=b"1\r\n \r\n", pause=0.5), ("timeout",)
    ),
    "reset": Case(_reset, GONE),
    "hung up": Case(_hung_up, GONE),
    "reset in the middle": Case(partial(_applied_and, part=0.7), GONE),
    "answer lost": Case(partial(_applied_and, part=0.0), GONE),
    "a short body": Case(_short, GONE),
    "no HTTP": Case(_says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), ("protocol",)),
    "two lengths": Case(_says(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "), ("protocol",)),
    "less than no length": Case(_says(OK + b"Content-Length: -1\r\n\r\n{}"), ("protocol",)),
    "a head of one line": Case(_flood(OK + b"X: ", b"x" * 65536), ("protocol",)),
    "a head of many lines": Case(_flood(OK, b"X-A: a\r\n" * 1000), ("protocol",)),
    "announcements": Case(_flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), ("too_large",)),
    "a tail of many lines": Case(
        _flood(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-A: a\r\n" * 1000), ("protocol", *GONE)
    ),
    "a chunk of words": Case(_flood(CHUNKED + b"2;", b"x" * 65536), ("too_large",)),
}
