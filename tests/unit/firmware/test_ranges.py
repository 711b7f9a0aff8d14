"""Range as devices send it, Content-Range as servers do."""

import pytest

from gateway.firmware.ranges import ContentRange, Span, UnsatisfiableError, received, requested

SIZE = 100


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-9", Span(0, 9)),
        ("bytes=90-", Span(90, 99)),
        ("bytes=-5", Span(95, 99)),
        ("bytes=-500", Span(0, 99)),
        ("Bytes = 0 - 9", Span(0, 9)),
        ("bytes=0-100", Span(0, 99)),  # explorer C SDK and Python SDK of Tencent: the end is the size
        ("bytes=40-100", Span(40, 99)),
        ("bytes=0-", Span(0, 99)),  # Java SDK of Tencent
        ("0-99", Span(0, 99)),  # OneNET's SDK, without the unit
        ("01-02", Span(1, 2)),
        ("-5", Span(95, 99)),
        ("bytes=5-5", Span(5, 5)),
        ("bytes=0-999999999999999999", Span(0, 99)),
    ],
)
def test_a_range_is_understood(header: str, span: Span) -> None:
    """All forms that standards and old SDKs know; an end beyond the image is its end."""
    assert requested(header, SIZE) == span


@pytest.mark.parametrize(
    "header",
    [
        "",
        "-",
        "bytes=",
        "bytes=-",
        "bytes=9-0",
        "bytes=0-1,5-6",
        "lines=0-9",
        "bytes=a-b",
        "bytes=٠-٩",
        "bytes=1e3-",
        "bytes=0-9\r\nX: y",
        "bytes=--5",
        "bytes=" + "9" * 40 + "-",
        "0-9-10",
    ],
)
def test_what_is_no_single_range_is_no_range(header: str) -> None:
    """RFC 9110 §14.2: an invalid Range is ignored, and many at once may be."""
    assert requested(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-100", "bytes=500-600", "bytes=-0", "100-"])
def test_a_range_without_a_byte_is_unsatisfiable(header: str) -> None:
    """A device that resumes at the end is told that there is nothing."""
    with pytest.raises(UnsatisfiableError):
        requested(header, SIZE)


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        ("bytes 0-9/100", ContentRange(Span(0, 9), 100)),
        ("bytes 0-9/*", ContentRange(Span(0, 9), None)),
        ("bytes */100", ContentRange(None, 100)),
        ("bytes */*", None),
        ("bytes 9-0/100", None),
        ("bytes 0-100/100", None),
        ("bytes=0-9/100", None),
        ("", None),
        ("items 0-9/100", None),
    ],
)
def test_content_range_is_read_or_refused(header: str, meaning: ContentRange | None) -> None:
    """What contradicts itself means nothing."""
    assert received(header) == meaning
