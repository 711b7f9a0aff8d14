"""Who sends what: logins by number and payloads in the gateway's plain dialect."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from tests.bench.packets import RING, epoch_mark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Kind = Literal["progress", "lifecycle"]
KINDS: tuple[Kind, ...] = get_args(Kind)

PRODUCT = "BENCH"
PAYLOAD_BYTES = 150
LIFECYCLE = (
    ("downloading", 10),
    ("downloading", 50),
    ("downloaded", None),
    ("installing", None),
    ("succeeded", None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What one connection presents, and the topic that it reports on."""

    client_id: str
    username: str
    password: str
    topic: str


def device_name(index: int) -> str:
    """Name the device of one connection."""
    return f"dev{index:04d}"


def device_secret(index: int) -> str:
    """Give the password of one device."""
    return f"bench-secret-of-{device_name(index)}"


def device(index: int) -> Login:
    """Log in as the gateway's `password` authentication wants it."""
    name = device_name(index)
    return Login(
        client_id=f"{PRODUCT}-{name}",
        username=f"{PRODUCT}/{name}",
        password=device_secret(index),
        topic=f"ota/{PRODUCT}/{name}/report",
    )


def template(*, client_id: str, username: str, password: str, topic: str) -> Callable[[int], Login]:
    """Make logins from texts in which `{index}` stands for the connection's number."""

    def login(index: int) -> Login:
        parts = (text.format(index=index) for text in (client_id, username, password, topic))
        return Login(**dict(zip(Login.__slots__, parts, strict=True)))

    return login


def payloads(kind: Kind, epoch: int) -> Sequence[bytes]:
    """Give one ring of payloads; `lifecycle` names a new version of the epoch for every update."""
    if kind == "progress":
        return [_padded(b'"version":"2.0"', "downloading", percent % 100) for percent in range(RING)]
    steps = len(LIFECYCLE)
    versions = [epoch_mark(epoch) + b'%d"' % (10 + update) for update in range(RING // steps)]
    return [_padded(version, state, percent) for version in versions for state, percent in LIFECYCLE]


def _padded(version: bytes, state: str, percent: int | None) -> bytes:
    facts = {"state": state, **({} if percent is None else {"percent": percent}), "detail": ""}
    rest = json.dumps(facts, separators=(",", ":")).encode()[1:-2]
    head = b'{"type":"state",' + version + b"," + rest
    return head + b"." * (PAYLOAD_BYTES - len(head) - 2) + b'"}'
