"""The answers by which OneNET refuses an image and looks as if it sent one. Pure: they raise, or say nothing."""

from collections.abc import Callable
from types import MappingProxyType

from gateway.ports.cloud import Answer, CloudError, Denied, Rejected, Scope, Unavailable

OTA_ERRNO = "ota-errno"


def _never(code: str) -> Callable[[str], CloudError]:
    return lambda text: Rejected(code, text)


def _later(text: str) -> CloudError:
    return Unavailable(text, code="download_failed")


def _not_us(text: str) -> CloudError:
    return Denied(Scope.DEVICE, "download_denied", text)


#: South: a body of one byte without a length. Pages print a digit, the vendor's SDK reads the number itself.
_BYTES = MappingProxyType(
    {
        1: _never("not_found"),
        2: _never("wrong_size"),
        3: _never("url_expired"),
        4: _later,
        5: _never("bad_request"),
        # The limit of a NB-IoT cell, which passes.
        6: _later,
    }
)
#: Fuse: the header Ota-Errno, beside any HTTP status.
_ERRNOS = MappingProxyType(
    {
        "1": _never("not_found"),
        "2": _never("not_found"),
        "3": _never("not_found"),
        "4": _never("wrong_size"),
        "5": _never("url_expired"),
        "6": _not_us,
    }
)


def judge_south(answer: Answer) -> None:
    """Refuse what is no image in the south."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if len(answer.short_body) == 1:
        number = (
            int(answer.short_body.decode("latin-1")) if answer.short_body.isdigit() else answer.short_body[0]
        )
        raise _BYTES.get(number, _later)(f"instead of the image came the byte {number}")
    _refuse_shapes(headers, answer)


def judge_fuse(answer: Answer) -> None:
    """Refuse what is no image in the fuse interface."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    number = headers.get(OTA_ERRNO, "0").strip()
    if number not in ("", "0"):
        raise _ERRNOS.get(number, _later)(f"instead of the image came Ota-Errno {number[:20]}")
    _refuse_shapes(headers, answer)


def _refuse_shapes(headers: dict[str, str], answer: Answer) -> None:
    if answer.status not in (200, 206):
        return  # for the reader, which knows what each status means
    kind = headers.get("content-type", "")
    if "content-length" not in headers:
        raise Unavailable("the image comes without its length", code="misshapen")
    if "json" in kind or "html" in kind:
        raise Unavailable(f"instead of the image came {kind[:40]}", code="misshapen")
