"""What HTTP answers mean, as a table."""

import pytest
from multidict import CIMultiDict

from gateway.errors import Rejected, Unavailable
from gateway.firmware.replies import NOTHING, Body, weigh

Headers = dict[str, str]


@pytest.mark.parametrize(
    ("status", "headers", "start", "size", "body"),
    [
        (200, {"content-length": "100"}, 0, 100, Body(100, 100)),
        (200, {"Content-Length": "100"}, 0, None, Body(100, 100)),
        (200, {}, 0, 100, Body(None, None)),
        (206, {"Content-Range": "bytes 40-99/100", "Content-Length": "60"}, 40, 100, Body(60, 100)),
        (206, {"Content-Range": "bytes 40-49/100"}, 40, None, Body(10, 100)),
        (206, {"Content-Range": "bytes 40-99/*"}, 40, 100, Body(60, None)),
        (416, {"Content-Range": "bytes */100"}, 100, None, NOTHING),
        (200, {"Content-Length": "100", "Content-Encoding": "identity"}, 0, 100, Body(100, 100)),
    ],
)
def test_a_body_is_taken(status: int, headers: Headers, start: int, size: int | None, body: Body) -> None:
    """Whole at the start, the right part later, nothing at the end."""
    assert weigh(status, CIMultiDict(headers), start=start, size=size) == body


@pytest.mark.parametrize(
    ("status", "headers", "start", "code"),
    [
        (200, {"Content-Length": "99"}, 0, "wrong_size"),
        (200, {"Content-Length": "1"}, 0, "wrong_size"),
        (200, {"Content-Length": "100", "Content-Encoding": "gzip"}, 0, "encoded"),
        (200, {"Content-Length": "100"}, 40, "range_refused"),
        (206, {"Content-Range": "bytes 0-99/100"}, 40, "range_refused"),  # OneNET, from beyond the end
        (206, {"Content-Range": "bytes 0-99/100"}, 0, "range_refused"),
        (206, {}, 40, "range_refused"),
        (206, {"Content-Range": "bytes 40-99/100", "Content-Length": "100"}, 40, "range_refused"),
        (206, {"Content-Range": "bytes 40-98/99"}, 40, "wrong_size"),
        (416, {}, 40, "range_refused"),
        (416, {"Content-Range": "bytes */30"}, 40, "range_refused"),
        (416, {}, 0, "http_status"),
        (302, {"Location": "http://127.0.0.1/"}, 0, "redirected"),
        (304, {}, 0, "redirected"),
        (403, {}, 0, "url_expired"),
        (401, {}, 0, "url_expired"),
        (404, {}, 0, "not_found"),
        (410, {}, 40, "not_found"),
        (400, {}, 0, "http_status"),
        (204, {}, 0, "http_status"),
    ],
)
def test_a_body_is_refused(status: int, headers: Headers, start: int, code: str) -> None:
    """What was not asked for is never data."""
    with pytest.raises(Rejected) as caught:
        weigh(status, CIMultiDict(headers), start=start, size=100)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("status", "after", "wish"),
    [(503, "7", 7.0), (500, "", None), (429, "99999", 3600.0), (408, "soon", None)],
)
def test_some_answers_mean_later(status: int, after: str, wish: float | None) -> None:
    """The source's own wish is passed on, an hour at most."""
    with pytest.raises(Unavailable) as caught:
        weigh(status, CIMultiDict({"Retry-After": after}), start=0, size=None)
    assert caught.value.retry_after == wish
