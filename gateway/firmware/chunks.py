"""Images in chunks over MQTT, for a `plain` device that has no HTTP stack. Pure: bytes in, bytes out.

The device asks, the gateway answers, one answer per request, at QoS 0: nothing is repeated that was not asked for
again. So the device sets the pace, may ask in any order, and goes on after a reboot wherever it likes.

**Request**, on `ota/{product}/{device}/chunk/get`, a JSON object of at most 1280 bytes:

    {"id": "…", "offset": 4096, "length": 1024}

| field  | meaning |
|--------|---------|
| id     | the `id` of the update command, text |
| offset | the first byte wanted, from 0 |
| length | the most bytes that the device can take in one answer, 64 or more; 512 if left out |

**Answer**, on `ota/{product}/{device}/chunk`: a header of 20 bytes, all numbers big-endian, then the data.

| at | bytes | field  | meaning |
|----|-------|--------|---------|
| 0  | 2     | magic  | `4F 43` ("OC") |
| 2  | 1     | format | 1; ignore an answer with another number |
| 3  | 1     | status | 0 = data follows; otherwise see below |
| 4  | 4     | tag    | CRC-32 of the request's `id`: an answer to an older order has another one |
| 8  | 4     | offset | of the first byte of the data, as it was asked for |
| 12 | 4     | total  | bytes of the whole image; 0 while it is unknown |
| 16 | 4     | crc    | CRC-32 of the data |
| 20 | …     | data   | to the end of the packet; never more than `length`, nor than the gateway's limit (8192) |

CRC-32 is that of Ethernet, zlib and PNG (reflected, polynomial 04C11DB7, start and end FFFFFFFF; `"123456789"` gives
CBF43926). The next offset to ask for is offset + number of data bytes; the image is whole when that equals total. Then
the device checks its md5 or sha256, which came with the command. No answer within some seconds: ask again.

| status | word         | what the device does |
|--------|--------------|----------------------|
| 0      | ok           | takes the data |
| 1      | bad_request  | the request cannot be read, or length is below 64: a bug in the device |
| 2      | unknown_id   | no such order for this device (any more): stops, and waits for a new command |
| 3      | out_of_range | offset is not below total: starts over, or is done |
| 4      | not_ready    | the gateway is still fetching the image: asks again in a minute |
| 5      | busy         | too many ask at once: asks again in some seconds |
| 6      | gone         | the image was lost: waits for a new command |

In such an answer the data is the word, for a log.
"""

import json
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

MIN_LENGTH: Final = 64
MAX_LENGTH: Final = 8192
DEFAULT_LENGTH: Final = 512
# The longest id: product and device of 48 characters, a module of 64, a number; as JSON, each may take six bytes.
MAX_ID: Final = 192  # characters
MAX_REQUEST: Final = 1280  # bytes of JSON
MAX_TOTAL: Final = 2**32 - 1

_HEADER: Final = struct.Struct(">2sBBIIII")
_MAGIC: Final = b"OC"
_FORMAT: Final = 1


class Status(IntEnum):
    """What an answer is."""

    OK = 0
    BAD_REQUEST = 1
    UNKNOWN_ID = 2
    OUT_OF_RANGE = 3
    NOT_READY = 4
    BUSY = 5
    GONE = 6


@dataclass(frozen=True, slots=True)
class Request:
    """Which bytes a device wants."""

    id: str
    offset: int
    length: int = DEFAULT_LENGTH


@dataclass(frozen=True, slots=True)
class Chunk:
    """An answer."""

    status: Status
    tag: int
    offset: int
    total: int
    data: bytes


class BadRequestError(ValueError):
    """The request cannot be read; `id` and `offset` are what could be made out of it."""

    def __init__(self, why: str, *, id: str = "", offset: int = 0) -> None:  # noqa: A002 - the field's name
        super().__init__(why)
        self.id = id
        self.offset = offset


def tag_of(id: str) -> int:  # noqa: A002 - the field's name
    """Return the tag by which a device knows an answer to its own order."""
    return zlib.crc32(id.encode(errors="replace"))


def read_request(payload: bytes, *, limit: int = MAX_LENGTH) -> Request:
    """Read a request, its length cut to the gateway's limit; raises BadRequestError."""
    if len(payload) > MAX_REQUEST:
        raise BadRequestError(f"the request has {len(payload)} bytes; {MAX_REQUEST} is the most")
    try:
        asked = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise BadRequestError("the request is no JSON") from error
    if not isinstance(asked, dict):
        raise BadRequestError("the request is no JSON object")
    return _checked(asked, limit)


def _checked(asked: dict[str, Any], limit: int) -> Request:
    name = asked.get("id")
    offset = _whole(asked.get("offset"))
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ID:
        raise BadRequestError("id must be the id of the update command", offset=offset or 0)
    if offset is None:
        raise BadRequestError("offset must be a whole number from 0 to 4294967295", id=name)
    length = _whole(asked.get("length", DEFAULT_LENGTH))
    if length is None or length < MIN_LENGTH:
        raise BadRequestError(f"length must be {MIN_LENGTH} or more", id=name, offset=offset)
    return Request(name, offset, min(length, limit))


def _whole(value: Any) -> int | None:
    """Return a number that may have come as 1024.0: in Lua and JavaScript there are no others."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TOTAL:
        return None
    return int(value) if value == int(value) else None


def write_request(request: Request) -> bytes:
    """Write a request as a device does."""
    asked = {"id": request.id, "offset": request.offset, "length": request.length}
    return json.dumps(asked, separators=(",", ":")).encode()


def write_chunk(request: Request, total: int, data: bytes) -> bytes:
    """Write an answer with data."""
    return _packet(Status.OK, tag_of(request.id), request.offset, total, data)


def write_error(status: Status, *, id: str, offset: int, total: int = 0) -> bytes:  # noqa: A002 - the field's name
    """Write an answer without."""
    return _packet(status, tag_of(id), offset, total, status.name.lower().encode())


def _packet(status: Status, tag: int, offset: int, total: int, data: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, _FORMAT, status, tag, offset, total, zlib.crc32(data)) + data


def read_chunk(packet: bytes) -> Chunk:
    """Read an answer as a device does; raises ValueError when it is none, or damaged."""
    if len(packet) < _HEADER.size:
        raise ValueError(f"the packet has {len(packet)} bytes; its header alone has {_HEADER.size}")
    magic, form, status, tag, offset, total, crc = _HEADER.unpack_from(packet)
    data = packet[_HEADER.size :]
    if magic != _MAGIC or form != _FORMAT:
        raise ValueError("the packet is no chunk of format 1")
    if zlib.crc32(data) != crc:
        raise ValueError("the data is damaged")
    return Chunk(Status(status), tag, offset, total, data)
