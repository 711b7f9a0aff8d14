"""The clients count only what was asked for and came; these tests prove them."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.bench.images_load import Load, WrongError, digest_of

IMAGE = bytes(range(256)) * 40
Answer = Callable[[str], bytes]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Answer every request on every connection, and give the URL."""

    def serve(line: socket.socket) -> None:
        with contextlib.suppress(ConnectionError), line, line.makefile("rb") as asked:
            request = ""
            for text in asked:
                request += text.decode()
                if text == b"\r\n":
                    line.sendall(answer(request))
                    request = ""

    def listen() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(line,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/image"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def well(request: str) -> bytes:
    """Serve the whole, or the part."""
    if "Range:" not in request:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(IMAGE), IMAGE)
    first, last = map(int, request.partition("bytes=")[2].partition("\r\n")[0].split("-"))
    place = b"Content-Range: bytes %d-%d/%d\r\n" % (first, last, len(IMAGE))
    length = b"Content-Length: %d\r\n\r\n" % (last + 1 - first)
    return b"HTTP/1.1 206 Partial Content\r\n" + place + length + IMAGE[first : last + 1]


@pytest.mark.parametrize("part", [None, 4096, 1000])
def test_what_came_is_counted(part: int | None) -> None:
    """Whole images on new connections, parts on old ones, the last part shorter than the others."""
    with answering(well) as url, Load([url] * 3, len(IMAGE), part) as load:
        taken = load.run(0.2)
    assert taken.answers > 3
    mean = len(IMAGE) / (1 if part is None else -(-len(IMAGE) // part))
    assert taken.body_bytes == pytest.approx(taken.answers * mean, rel=0.2)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-4096/10240\r\nContent-Length: 4096\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4095/10240\r\nContent-Length: 4095\r\n\r\n",
    ],
    ids=["refusal", "place", "length"],
)
def test_another_answer_is_no_measurement(answer: bytes) -> None:
    """A refusal, another place, another length end the run."""
    with (
        answering(lambda _: answer) as url,
        Load([url], len(IMAGE), 4096) as load,
        pytest.raises(WrongError, match="was expected"),
    ):
        load.run(1)


def test_both_ways_of_fetching_see_the_same_image() -> None:
    """The digest is that of the whole."""
    with answering(well) as one, answering(well) as other:
        assert digest_of(one) == digest_of(other)
