"""What is fuzzed, and the laws that hold for all of it."""

import gc
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

MAX_CPU_S = 0.5
"""Of one input, instrumented; what is fed has at most `max_bytes`."""

MAX_MB = 512
"""Resident, with interpreter, libraries and everything that the fuzzer itself remembers."""


class Target(NamedTuple):
    """One reader of foreign bytes."""

    #: Reads and judges: raises when a law is broken.
    judge: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    #: Whether a part of the input is JSON, worth changing as a tree.
    is_json: bool = False
    max_bytes: int = 4096


def watched(target: Target) -> Callable[[bytes], None]:
    """Return the target's judge, with the law of time."""

    def judge(data: bytes) -> None:
        start = time.process_time()
        target.judge(data)
        spent = time.process_time() - start
        assert spent < MAX_CPU_S, f"{spent:.2f} s for {len(data)} bytes"

    # The collector would charge one input for the garbage of a million others.
    gc.freeze()
    return judge


def as_json(values: Iterable[Any]) -> tuple[bytes, ...]:
    """Write seeds."""
    return tuple(json.dumps(value, ensure_ascii=False).encode() for value in values)


def is_encodable(value: object) -> bool:
    """Whether every text in it is UTF-8 without NUL."""
    if isinstance(value, str):
        return "\0" not in value.encode().decode()
    if isinstance(value, Mapping):
        return all(is_encodable(key) and is_encodable(inner) for key, inner in value.items())
    if isinstance(value, tuple | list | frozenset):
        return all(map(is_encodable, value))
    return True
