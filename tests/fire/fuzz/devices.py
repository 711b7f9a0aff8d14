"""What devices write into a payload, a request for a chunk, a link and a header."""

from dataclasses import asdict
from datetime import timedelta

from gateway.devices.dialects import DIALECTS, KINDS, REASONS
from gateway.devices.dialects import payload as fields
from gateway.errors import NotUnderstoodError
from gateway.firmware import chunks, ranges
from gateway.firmware.links import MAX_SUBJECT, ExpiredError, ForgedError, Links
from gateway.model.codec import decode, encode
from gateway.model.events import StateReported
from gateway.model.firmware import Sha256
from gateway.model.identity import DeviceId
from tests.fire.fuzz.target import Target, as_json, is_encodable
from tests.vectors import load

DEVICE = DeviceId("PR0DUCT01", "dev01")


def dialect(name: str) -> Target:
    """Whatever the payload: an event that can be stored and read again, or one refusal of those that are declared."""
    spoken = DIALECTS[name]
    [topic] = [topic for topic in spoken.up_topics(DEVICE) if "chunk" not in topic]

    def judge(data: bytes) -> None:
        try:
            event, kind, reply = spoken.read(DEVICE, topic, data)
        except NotUnderstoodError as error:
            assert error.reason in REASONS
            assert error.detail.isprintable()
            assert is_encodable(error.detail)
            return
        assert kind in KINDS
        assert not isinstance(event, tuple)
        assert is_encodable(tuple(asdict(event).values()))
        if isinstance(event, StateReported):
            assert decode(encode(event)) == event
        if reply is not None:
            fields.parse(reply.payload)

    samples = [vector["payload"] for vector in load(f"dialects/{name}") if "payload" in vector]
    return Target(judge, as_json(samples), is_json=True)


def chunk(data: bytes) -> None:
    """A request that is taken can be written again; one that is not has an answer that a device can read."""
    try:
        request = chunks.read_request(data)
    except chunks.BadRequestError as error:
        answer = chunks.write_error(chunks.Status.BAD_REQUEST, id=error.id, offset=error.offset)
        assert chunks.read_chunk(answer).status is chunks.Status.BAD_REQUEST
        return
    assert chunks.MIN_LENGTH <= request.length <= chunks.MAX_LENGTH
    if len(chunks.write_request(request)) <= chunks.MAX_REQUEST:
        assert chunks.read_request(chunks.write_request(request)) == request
    assert chunks.read_chunk(chunks.write_chunk(request, 9, b"data")).data == b"data"


def chunk_answer(data: bytes) -> None:
    """A device reads an answer or sees that it is none."""
    try:
        answer = chunks.read_chunk(data)
    except ValueError:
        return
    assert len(answer.data) == len(data) - 20


_LINKS = Links(b"k" * 32, "http://192.0.2.10:8070", lambda: 1_000_000.0)
_SHA = Sha256("ab" * 32)


def link(data: bytes) -> None:
    """No token opens anything but those that were made; what was made reads back."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        claim = _LINKS.read(text)
    except (ForgedError, ExpiredError):
        pass
    else:
        # Bits that base64 does not use, and its other alphabet, may vary: the content may not.
        assert claim.subject == "P/dev"
        assert claim.sha256 == _SHA
    subject = data[: MAX_SUBJECT // 2].decode("utf-8", "replace")
    try:
        url = _LINKS.make(_SHA, subject, timedelta(seconds=1 + len(data)))
    except ValueError:
        return
    assert _LINKS.read(url.rpartition("/")[2]).subject == subject


def http_range(data: bytes) -> None:
    """Two bytes of size, then the header: a span lies within the image, Content-Range within what it says."""
    size = int.from_bytes(data[:2])
    header = data[2:].decode("latin-1")
    try:
        span = ranges.requested(header, size)
    except ranges.UnsatisfiableError:
        span = None
    assert span is None or 0 <= span.first <= span.last < size
    told = ranges.received(header)
    if told is not None and told.span is not None:
        assert 0 <= told.span.first <= told.span.last
        assert told.size is None or told.span.last < told.size


def scalars(data: bytes) -> None:
    """Each reader of one field takes any JSON value, and returns what can be stored."""
    try:
        value = fields.parse(b'{"v":' + data + b"}").get("v")
    except NotUnderstoodError:
        return
    for read in (fields.version, fields.required_version, fields.module):
        try:
            name = read(value)
        except NotUnderstoodError as error:
            assert error.reason in REASONS
        else:
            assert name is None or 0 < len(name) <= fields.MAX_NAME_CHARS
            assert is_encodable(name)
    try:
        assert fields.required_bool(value, "v") in (True, False)
    except NotUnderstoodError as error:
        assert error.reason in REASONS
    percent, whole = fields.percent(value), fields.whole(value)
    assert percent is None or 0 <= percent <= 100
    assert whole is None or abs(whole) < 2**31
    assert is_encodable(fields.text(value))
    assert fields.shown(value).isprintable()


_RANGES = (
    "bytes=0-99",
    "bytes=100-",
    "bytes=-5",
    "0-10",
    "bytes 0-9/10",
    "bytes */10",
    "bytes 0-9/*",
    "bytes=1-2,3-4",
)
TARGETS = {
    **{name: dialect(name) for name in DIALECTS},
    "payload": Target(
        scalars, as_json(["2.0", "-97 dBm", "20 %", "yes", 20.5, True, None, [], {}, "٣"]), is_json=True
    ),
    "chunk": Target(chunk, as_json([{"id": "P/d/default/1", "offset": 0, "length": 1024}]), is_json=True),
    "chunk_answer": Target(
        chunk_answer,
        (
            chunks.write_chunk(chunks.Request("a", 0), 9, b"data"),
            chunks.write_error(chunks.Status.GONE, id="a", offset=7),
        ),
    ),
    "link": Target(
        link,
        (
            _LINKS.make(_SHA, "P/dev", timedelta(hours=1)).rpartition("/")[2].encode(),
            _LINKS.make(_SHA, "P/dev", timedelta(hours=-1)).rpartition("/")[2].encode(),
            b"",
        ),
    ),
    "range": Target(http_range, tuple(b"\0\x64" + each.encode() for each in _RANGES), max_bytes=512),
}
