"""The answers by which OneNET refuses an image: never data."""

import pytest

from adapters.onenet.images import judge_fuse, judge_south
from gateway.errors import CloudError, Unavailable
from gateway.ports.cloud import Answer
from tests.vectors import load

VECTORS = load("onenet")
BYTES, ERRNOS = VECTORS["south_bytes"]["codes"], VECTORS["fuse_errnos"]["codes"]
BINARY = {"Content-Type": "application/octet-stream", "Content-Length": "22"}


@pytest.mark.parametrize("number", BYTES)
@pytest.mark.parametrize("is_digit", [True, False])
def test_byte_instead_of_an_image_is_an_error(number: str, is_digit: bool) -> None:  # noqa: FBT001
    """The byte is a digit on the pages, and the number itself in the vendor's SDK."""
    body = number.encode() if is_digit else bytes([int(number)])

    with pytest.raises(CloudError) as caught:
        judge_south(Answer(200, {"Content-Type": "application/octet-stream"}, body))

    assert caught.value.code == BYTES[number]


@pytest.mark.parametrize("number", ERRNOS)
@pytest.mark.parametrize("status", [200, 404])
def test_errno_beside_an_image_is_an_error(number: str, status: int) -> None:
    """The header Ota-Errno counts, in any case and beside any status."""
    with pytest.raises(CloudError) as caught:
        judge_fuse(Answer(status, {**BINARY, "OTA-errno": number}))

    assert caught.value.code == ERRNOS[number]


@pytest.mark.parametrize("judge", [judge_south, judge_fuse])
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/octet-stream"},
        {**BINARY, "content-type": "application/json;charset=UTF-8"},
        {"content-length": "400", "Content-Type": "text/html"},
    ],
)
def test_shape_that_no_image_has_is_an_error(judge: object, headers: dict[str, str]) -> None:
    """An image has a length, and is neither a page nor an answer."""
    assert callable(judge)
    with pytest.raises(Unavailable):
        judge(Answer(200, headers))


@pytest.mark.parametrize("judge", [judge_south, judge_fuse])
@pytest.mark.parametrize(
    "answer", [Answer(200, BINARY), Answer(206, {**BINARY, "Ota-Errno": "0"}), Answer(503, {})]
)
def test_image_is_let_through(judge: object, answer: Answer) -> None:
    """A judge says nothing of an image, nor of a status that its reader knows."""
    assert callable(judge)
    judge(answer)
