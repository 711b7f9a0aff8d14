"""Chunks over MQTT: the form that firmware engineers read in the manual."""

import pytest

from gateway.firmware.chunks import (
    BadRequestError,
    Chunk,
    Request,
    Status,
    read_chunk,
    read_request,
    tag_of,
    write_chunk,
    write_error,
    write_request,
)
from gateway.model.identity import DeviceId


@pytest.mark.parametrize("letter", ["x", "名"])
def test_the_longest_names_can_be_asked_for(letter: str) -> None:
    """An update is named after product, device and module, and a device gives that name back as it came."""
    device = DeviceId(letter * 48, letter * 48)
    longest = Request(f"{device}/{letter * 64}/1234567", 2**32 - 1, 8192)
    assert read_request(write_request(longest)) == longest


def test_the_answer_is_as_the_manual_says() -> None:
    """Byte for byte, with the check value of the CRC's own definition."""
    packet = write_chunk(Request("123456789", 0x1000, 512), 0x20000, b"123456789")
    assert packet.hex(" ") == (
        "4f 43 01 00 cb f4 39 26 00 00 10 00 00 02 00 00 cb f4 39 26 31 32 33 34 35 36 37 38 39"
    )


def test_an_error_carries_its_word() -> None:
    """The status for the program, the word for its log."""
    packet = write_error(Status.OUT_OF_RANGE, id="u1", offset=7, total=5)
    assert read_chunk(packet) == Chunk(Status.OUT_OF_RANGE, tag_of("u1"), 7, 5, b"out_of_range")


@pytest.mark.parametrize(
    ("payload", "request_"),
    [
        (b'{"id":"u1","offset":0,"length":1024}', Request("u1", 0, 1024)),
        (b'{"id":"u1","offset":4096}', Request("u1", 4096, 512)),
        (b'{"id":"u1","offset":4096.0,"length":64.0,"extra":[]}', Request("u1", 4096, 64)),
        (b'{"id":"u1","offset":4294967295,"length":4294967295}', Request("u1", 4294967295, 8192)),
    ],
)
def test_a_request_is_read(payload: bytes, request_: Request) -> None:
    """Length has a default and a limit; numbers may come as floats."""
    assert read_request(payload) == request_


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"1",
        b"{",
        b"[" * 512,
        b'{"id":"u1"}',
        b'{"offset":0}',
        b'{"id":7,"offset":0}',
        b'{"id":"","offset":0}',
        b'{"id":"' + b"x" * 193 + b'","offset":0}',
        b'{"id":"u1","offset":-1}',
        b'{"id":"u1","offset":4294967296}',
        b'{"id":"u1","offset":0.5}',
        b'{"id":"u1","offset":NaN}',
        b'{"id":"u1","offset":1e999}',
        b'{"id":"u1","offset":true}',
        b'{"id":"u1","offset":"0"}',
        b'{"id":"u1","offset":0,"length":63}',
        b'{"id":"u1","offset":0,"length":null}',
        b'{"id":"u1","offset":0,"pad":"' + b" " * 1280 + b'"}',
    ],
)
def test_what_is_no_request_is_refused(payload: bytes) -> None:
    """A device that has room for less than 64 bytes must not be sent more than it asked for."""
    with pytest.raises(BadRequestError):
        read_request(payload)


def test_a_refusal_can_still_be_told_to_its_request() -> None:
    """What could be made out of a bad request goes into the answer."""
    with pytest.raises(BadRequestError) as caught:
        read_request(b'{"id":"u1","offset":64,"length":1}')
    assert (caught.value.id, caught.value.offset) == ("u1", 64)


def test_a_damaged_answer_is_not_taken() -> None:
    """Short, of another format, or with a flipped bit."""
    packet = write_chunk(Request("u1", 0), 100, b"data")
    for damaged in (packet[:19], b"XX" + packet[2:], packet[:2] + b"\2" + packet[3:], packet[:-1] + b"x"):
        with pytest.raises(ValueError):  # noqa: PT011 - each in its own words
            read_chunk(damaged)


def test_what_a_device_writes_is_read() -> None:
    """The request of one end is that of the other."""
    request = Request("u1", 4096, 1024)
    assert read_request(write_request(request)) == request
