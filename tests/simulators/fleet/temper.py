"""The tempers: how a device disturbs its own story without changing what it says in the end. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from tests.simulators.fleet.device import Temper
from tests.simulators.fleet.story import Act, Babble, Say, Sleep

#: Nobody can understand these, in no dialect.
GARBAGE = (
    b'{"type":"state","version":"2.0","state":"downl',
    b'{"type":"dance"}',
    b"[1, 2, 3]",
    b"\xfe\xff\x00\x01",
    b"AT+FWUPD?\r\n",
    b"[" * 2000,
)


def disturb(acts: Sequence[Act], temper: Temper, dice: Random) -> list[Act]:
    """Return the acts as a device of this temper plays them."""
    match temper:
        case "steady":
            return list(acts)
        case "flapping":
            return list(_flap(acts, dice))
        case "duplicating":
            return [each for act in acts for each in ((act, act) if isinstance(act, Say) else (act,))]
        case "garbling":
            return list(_garble(acts, dice))
        case "sleepy":
            return list(_doze(acts, dice))


def _flap(acts: Sequence[Act], dice: Random) -> Iterator[Act]:
    for act, is_hit in _marked(acts, dice, chance=0.15):
        yield replace(act, is_cut=True) if is_hit and isinstance(act, Say) else act


def _garble(acts: Sequence[Act], dice: Random) -> Iterator[Act]:
    for act, is_hit in _marked(acts, dice, chance=0.1):
        yield act
        if is_hit:
            yield Babble(dice.choice(GARBAGE))


def _doze(acts: Sequence[Act], dice: Random) -> Iterator[Act]:
    for act, is_hit in _marked(acts, dice, chance=0.2):
        yield act
        if is_hit:
            yield Sleep(0.1 * dice.random())


def _marked(acts: Sequence[Act], dice: Random, *, chance: float) -> Iterator[tuple[Act, bool]]:
    """Mark sayings by chance, but one of them for certain."""
    places = [place for place, act in enumerate(acts) if isinstance(act, Say)]
    certain = dice.choice(places)
    for place, act in enumerate(acts):
        yield act, isinstance(act, Say) and (place == certain or dice.random() < chance)
