"""Changes JSON as a tree: bytes alone would seldom get past the JSON parser."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

#: Written as they stand: some are no JSON, some are numbers that no float holds.
_RAW = (
    "null", "true", "false", "0", "-0", "-1", "1.5", "100", "101", "2147483648", "9007199254740993", "1e999", "-1e999",
    "NaN", "Infinity", "9" * 400, "9" * 5000, '""', '"\\u0000"', '"\\ud800"', '"\\udc00x"', '" "', '"1"', '"-5"',
    '"١٢"', '"é"', '"\\r\\n"', "[]", "{}", "[[[]]]", "[" * 200 + "]" * 200, "[" * 990 + "]" * 990, "[" * 1500,
    '{"a":' * 300 + "1" + "}" * 300,
)  # fmt: skip


def mutated(data: bytes, words: list[str], max_bytes: int, seed: int) -> bytes | None:
    """Change one to three places of the JSON in the data; None where there is none."""
    chance = random.Random(seed)
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return None
    for _ in range(chance.randint(1, 3)):
        tree = _changed(tree, words, chance)
    try:
        text = json.dumps(tree, ensure_ascii=chance.random() < 0.5)
    except (ValueError, RecursionError):
        return None
    for raw in _RAW:
        text = text.replace(f'"{_mark(raw)}"', raw)
    return text.encode("utf-8", "surrogatepass")[:max_bytes]


def _mark(raw: str) -> str:
    return f"@raw {_RAW.index(raw)}@"


def _changed(tree: Any, words: list[str], chance: random.Random) -> Any:
    places = list(_places(tree))
    if not places:
        return _value(words, chance)
    holder, key = chance.choice(places)
    kind = chance.randrange(5)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[chance.choice(words) if words else ""] = holder[key]
    elif kind == 2 and isinstance(holder, list):
        holder.extend([holder[key]] * chance.randint(1, 20))
    else:
        holder[key] = _value(words, chance)
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    inner: list[Any] = [tree]
    while inner:
        holder = inner.pop()
        if isinstance(holder, dict | list):
            for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
                yield holder, key
                inner.append(value)


def _value(words: list[str], chance: random.Random) -> Any:
    if words and chance.random() < 0.4:
        return chance.choice(words)
    if chance.random() < 0.1:
        return chance.choice(words)[:3] * chance.randint(1, 400) if words else ""
    return _mark(chance.choice(_RAW))


def words_of(seeds: tuple[bytes, ...]) -> list[str]:
    """Return every text and key of the seeds."""
    found: dict[str, None] = {}
    for seed in seeds:
        _gather(json.loads(seed), found)
    return list(found)


def _gather(tree: Any, found: dict[str, None]) -> None:
    if isinstance(tree, str):
        found[tree] = None
    for inner in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        _gather(inner, found)
    for key in tree if isinstance(tree, dict) else ():
        found[key] = None


Mutate = Callable[[bytes, int, int], bytes]


def mutator(seeds: tuple[bytes, ...], bytewise: Callable[[bytes, int], bytes]) -> Mutate:
    """Return a mutator for libFuzzer: three times in four of the tree, else of the bytes."""
    words = words_of(seeds)

    def mutate(data: bytes, max_bytes: int, seed: int) -> bytes:
        changed = mutated(data, words, max_bytes, seed) if seed % 4 else None
        return bytewise(data, max_bytes) if changed is None else changed

    return mutate
