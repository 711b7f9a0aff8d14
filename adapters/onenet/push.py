"""What OneNET's task push service sends to a site's own address. Pure.

Law: a push is only a hint to poll. Its signature is an MD5, in one variant even a constant, so that it proves little
and what it says is asked for again.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gateway.ports.cloud import PushAnswer, PushRequest

PASSED, FAILED = "PASSED", "FAILED"
_MESSAGE = re.compile(r'"msg"\s*:\s*')
_PLACES = 4  # at which the message is looked for: whoever sends more of them wants to keep us busy
#: Kinds that repeat what the gateway itself has reported.
_ECHOES = frozenset({2, 3, 4})

#: In the order in which the vendor's demo declares them, and so signs them.
_MEMBERS = ("uid", "pid", "at", "dids", "type", "startTime", "version")


class PushError(ValueError):
    """The push is none."""


class SignatureError(PushError):
    """The push is not signed by who knows the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A hint that something happened to these devices' tasks."""

    dev_ids: tuple[str, ...]
    #: 1 a new task, 2 download begun, 3 download done, 4 upgraded; None where the push does not say.
    kind: int | None = None
    version: str | None = None


def answer(request: PushRequest, *, token: str, uid: str) -> PushAnswer:
    """Answer the console's GET, or take a push; whatever is neither is refused with a status."""
    match request.method:
        case "GET":
            signature = request.query.get("signature", "")
            return PushAnswer(body=answer_to_verification(signature, token=token, uid=uid))
        case "POST":
            return _answer_to_push(request.body, token, uid)
        case _:
            return PushAnswer(status=405)


def answer_to_verification(signature: str, *, token: str, uid: str) -> str:
    """Return what the GET that verifies an address wants to read."""
    return PASSED if _is(signature, token + uid) else FAILED


def read_push(body: bytes, *, token: str, uid: str) -> Push:
    """Read the POST of either variant; `uid` is the configured one, for the body's own proves nothing."""
    try:
        text = body.decode()
        push: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PushError("not JSON") from error
    match push:
        case {"signature": str(signature), "nonce": str(nonce), "msg": dict(message)}:
            spellings = _spellings(text, message)
            is_signed = any(_is(signature, token + nonce + spelling) for spelling in spellings)
        case {"signature": str(signature), "msg": dict(message)}:
            is_signed = _is(signature, token + uid)
        case _:
            raise PushError("not in the shape of a push")
    if not is_signed:
        raise SignatureError("wrong signature")
    return _push(message)


def _answer_to_push(body: bytes, token: str, uid: str) -> PushAnswer:
    try:
        push = read_push(body, token=token, uid=uid)
    except SignatureError:
        return PushAnswer(status=403)
    except (PushError, RecursionError):
        return PushAnswer(status=400)
    return PushAnswer(names=frozenset() if push.kind in _ECHOES else frozenset(push.dev_ids))


def _spellings(text: str, message: dict[str, Any]) -> Iterator[str]:
    """Yield the message as it was sent, then as others would write it: the vendor's demo signs its own spelling."""
    decoder = json.JSONDecoder()
    for mark in islice(_MESSAGE.finditer(text), _PLACES):
        value, end = decoder.raw_decode(text, mark.end())
        if value == message:
            yield text[mark.end() : end]
    ordered = {name: message[name] for name in (*_MEMBERS, *sorted(message)) if name in message}
    for each in (message, ordered):
        yield json.dumps(each, ensure_ascii=False, separators=(",", ":"))


def _is(signature: str, text: str) -> bool:
    digest = hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return hmac.compare_digest(signature.lower().encode("utf-8", "replace"), digest.encode())


def _push(message: dict[str, Any]) -> Push:
    dev_ids, kind, version = message.get("dids"), message.get("type"), message.get("version")
    return Push(
        dev_ids=tuple(str(each) for each in dev_ids if isinstance(each, int | str))
        if isinstance(dev_ids, list)
        else (),
        kind=kind if type(kind) is int else None,
        version=version if isinstance(version, str) else None,
    )
