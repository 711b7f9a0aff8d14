"""What comes back to us: the cursor of a page, and the rows of the store."""

from gateway.model.codec import decode, encode
from gateway.model.identity import UpdateId
from gateway.ops.api import answering
from gateway.ops.problems import BadRequestError
from tests.fire.fuzz.target import Target, as_json, is_encodable
from tests.vectors import load


def cursor(data: bytes) -> None:
    """A cursor that is taken names a place that a database can look for; those that we write come back."""
    for read in (answering.name_after, answering.place_after):
        try:
            found = read(data.decode("latin-1"))
        except BadRequestError:
            continue
        if isinstance(found, tuple):
            assert is_encodable(found)
            assert found[0] - found[0] == 0, "a time is a number"
            assert answering.place_after(answering.place_cursor(found)) == found


def row(data: bytes) -> None:
    """A row is an event that can be written again, or no event."""
    try:
        event = decode(data.decode("utf-8", "replace"))
    except (ValueError, KeyError):
        return
    assert decode(encode(event)) == event
    assert isinstance(event.device.name, str)


_ROWS = as_json(
    {"product": "P", "device": "d", "state": "notified", **vector.get("event", {})}
    for name in ("plain", "tencent")
    for vector in load(f"dialects/{name}")
)
TARGETS = {
    "cursor": Target(
        cursor,
        (
            answering.cursor_after("P/dev01").encode(),
            answering.place_cursor((1893456000.25, UpdateId("P/d/default/1"))).encode(),
            b"bmFuIHg=",
            b"MSAA",
        ),
        max_bytes=256,
    ),
    "row": Target(row, _ROWS, is_json=True),
}
