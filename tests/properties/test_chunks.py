"""Ranges and chunks: for every image and every request, exactly the right bytes or a refusal."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.firmware.chunks import (
    MAX_TOTAL,
    MIN_LENGTH,
    BadRequestError,
    Request,
    read_chunk,
    read_request,
    tag_of,
    write_chunk,
    write_request,
)
from gateway.firmware.ranges import Span, UnsatisfiableError, received, requested

sizes = st.integers(1, 10**12)
numbers = st.integers(0, 10**13)


def asked(header: str, size: int) -> Span | str | None:
    """Return what a server makes of a header, an unsatisfiable one as a word."""
    try:
        return requested(header, size)
    except UnsatisfiableError:
        return "unsatisfiable"


@given(header=st.text(max_size=60), size=sizes)
def test_no_header_leads_out_of_the_image(header: str, size: int) -> None:
    """Whatever is sent, the span lies within the image."""
    span = asked(header, size)
    if isinstance(span, Span):
        assert 0 <= span.first <= span.last < size
        assert len(span) >= 1


@given(first=numbers, last=numbers, size=sizes, unit=st.sampled_from(["bytes=", ""]))
def test_a_range_is_what_python_slices(first: int, last: int, size: int, unit: str) -> None:
    """`bytes=a-b` is [a:b+1], where that is not empty and not backwards."""
    span = asked(f"{unit}{first}-{last}", size)
    wanted = range(size)[first : last + 1]
    if last < first:
        assert span is None
    elif not wanted:
        assert span == "unsatisfiable"
    else:
        assert span == Span(wanted[0], wanted[-1])


@given(first=numbers, size=sizes)
def test_open_ranges_are_slices_too(first: int, size: int) -> None:
    """`bytes=a-` is [a:], `bytes=-n` is the last n."""
    rest, tail = range(size)[first:], range(size)[-first:] if first else range(0)
    assert asked(f"bytes={first}-", size) == (Span(rest[0], rest[-1]) if rest else "unsatisfiable")
    assert asked(f"bytes=-{first}", size) == (Span(tail[0], tail[-1]) if tail else "unsatisfiable")


@given(header=st.text(max_size=60))
def test_content_range_never_contradicts_itself(header: str) -> None:
    """Whatever a server sends, what is read of it is possible."""
    read = received(header)
    if read is not None and read.span is not None:
        assert read.span.first <= read.span.last
        assert read.size is None or read.span.last < read.size


@given(first=numbers, length=st.integers(1, 10**9), rest=st.integers(0, 10**9))
def test_content_range_is_read_back(first: int, length: int, rest: int) -> None:
    """What our own server writes, our own source understands."""
    last = first + length - 1
    read = received(f"bytes {first}-{last}/{last + 1 + rest}")
    assert read is not None
    assert (read.span, read.size) == (Span(first, last), last + 1 + rest)


requests = st.builds(
    Request,
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
    st.integers(0, MAX_TOTAL),
    st.integers(MIN_LENGTH, 8192),
)


@given(request=requests)
def test_a_request_is_read_back(request: Request) -> None:
    """Whatever a device may ask for."""
    assert read_request(write_request(request)) == request


@given(request=requests, total=st.integers(0, MAX_TOTAL), data=st.binary(max_size=300))
def test_a_chunk_is_read_back(request: Request, total: int, data: bytes) -> None:
    """Tag, offset, total and data arrive as they were."""
    chunk = read_chunk(write_chunk(request, total, data))
    assert (chunk.tag, chunk.offset, chunk.total, chunk.data) == (
        tag_of(request.id),
        request.offset,
        total,
        data,
    )


@given(
    payload=st.binary(max_size=600) | st.text(max_size=200).map(lambda text: text.encode(errors="replace"))
)
def test_a_payload_is_read_or_refused(payload: bytes) -> None:
    """There is no third way."""
    try:
        request = read_request(payload)
    except BadRequestError:
        return
    assert MIN_LENGTH <= request.length <= 8192


@given(
    request=requests, data=st.binary(min_size=1, max_size=200), place=st.integers(0), flip=st.integers(1, 255)
)
def test_a_flipped_byte_of_data_never_passes(request: Request, data: bytes, place: int, flip: int) -> None:
    """A burst of up to 32 bits is always seen by a CRC-32."""
    packet = bytearray(write_chunk(request, 1000, data))
    packet[20 + place % len(data)] ^= flip
    try:
        read_chunk(bytes(packet))
    except ValueError:
        return
    raise AssertionError("a damaged chunk was taken")
