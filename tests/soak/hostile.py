"""``python -m tests.soak.hostile KIND PORT SECONDS SEED``: one hostile visit, in a process of its own.

It prints how many streams it made as JSON. That a gateway ends a connection, or is not there, is its good right:
nothing but a mistake of this program makes it end otherwise than well.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from tests.fire.mqtt.attacks import Target, strikes
from tests.fire.mqtt.by_name import ENDED, attack_of
from tests.fire.mqtt.test_fuzz import VALID
from tests.integration.broker.mqtt import connect, publish

CROWD = 100
REPORTS = (
    b'{"type":"state","version":"9.9","state":"succeeded"}',
    b'{"type":"state","version":"9.9","state":"failed","phase":"download","reason":"LOW_BATTERY","detail":"3.1 V"}',
    b'{"type":"state","version":"9.8","state":"rejected","reason":"OUTSIDE_WINDOW"}',
    b'{"type":"version","version":"1.0","module":"mcu"}',
    b'{"type":"confirm","version":"9.9","accept":true}',
    b'{"type":"state","version":' + b'"9' * 300 + b"}",
    b'{"type":"state","version":"9.9","state":"failed","percent":-1e999,"phase":null,"reason":[]}',
    b"[" * 5000,
    b'{"type":"state","state":"succeeded","version":"\\ud800"}',
    b"\xff\xfe" * 200,
)


PATHS = (b"/api/v1/status", b"/api/v1/updates?limit=-1", b"/../../etc/passwd", b"/metrics", b"/%00")
IMAGE_PATHS = (b"/f/", b"/f/" + b"A" * 90, b"/f/../f/%2e%2e/x", b"/f/x?y=%ff", b"http://h/f/x")


def mutated(dice: Random, whole: bytes) -> bytes:
    """Change, leave out, put in and cut off a few bytes."""
    said = bytearray(whole)
    for _ in range(dice.randrange(4)):
        at = dice.randrange(len(said) + 1)
        match dice.randrange(4):
            case 0:
                said[at : at + 1] = dice.randbytes(1)
            case 1:
                del said[at : at + dice.randrange(1, 4)]
            case 2:
                said[at:at] = dice.randbytes(dice.randrange(1, 4))
            case _:
                del said[at + dice.randrange(80) :]
    return bytes(said)


def packets(dice: Random) -> bytes:
    """Return packets in any order, damaged."""
    begins = dice.choice((connect(f"bad{dice.randrange(500)}"), b""))
    return mutated(dice, begins + b"".join(dice.choices(VALID, k=dice.randrange(6))))


def payloads(dice: Random) -> bytes:
    """Return a login and reports that are nonsense, or illegal, or damaged."""
    name = f"bad{dice.randrange(500)}"
    said = [mutated(dice, dice.choice(REPORTS)) for _ in range(5)]
    return connect(name) + b"".join(
        publish(f"ota/P/{name}/report", each, 7 + n) for n, each in enumerate(said)
    )


def http(dice: Random) -> bytes:
    """Return requests to the operators' door that no client would make."""
    return _request(dice, PATHS)


def images(dice: Random) -> bytes:
    """Return such requests to the image server."""
    return _request(dice, IMAGE_PATHS)


def _request(dice: Random, paths: Sequence[bytes]) -> bytes:
    path = dice.choice(paths)
    head = dice.choice((b"GET ", b"POST ", b"BREW ", b"")) + path + b" HTTP/1.1\r\nHost: x\r\n"
    more = dice.choice(
        (b"", b"Content-Length: 99999999\r\n", b"Transfer-Encoding: chunked\r\n", b"X: " + b"y" * 9000)
    )
    return mutated(dice, head + more + b"\r\n" + dice.randbytes(dice.randrange(50)))


FUZZED: Mapping[str, Callable[[Random], bytes]] = {
    "packets": packets,
    "payloads": payloads,
    "http": http,
    "images": images,
}


def visit(kind: str, seed: str) -> Callable[[Target], Coroutine[Any, Any, int]]:
    """Return a visit of that kind; it says how many streams it made, where it counts them."""
    dice, made = Random(seed), 0

    async def fuzz(target: Target) -> int:
        def say(_: int) -> bytes:
            nonlocal made
            made += 1
            return FUZZED[kind](dice)

        with suppress(*ENDED):
            await strikes(target, say)
        return made

    async def attack(target: Target) -> int:
        with suppress(*ENDED):
            await attack_of(kind)(target)
        return 1

    return fuzz if kind in FUZZED else attack


def main() -> None:
    """Visit once."""
    kind, port, seconds, seed = sys.argv[1:]
    target = Target(int(port), float(seconds), CROWD)
    print(json.dumps({"streams": asyncio.run(visit(kind, seed)(target))}))


if __name__ == "__main__":
    main()
