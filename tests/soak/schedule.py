"""What strikes when: a pure function of the seed and the minutes.

Each track is a part of the site. On one track a fault ends, and there is a pause, before the next one begins; the
tracks know nothing of each other, so that faults of different parts mix. Every kind of a track comes before any comes
twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from tests.fire.fuzz import MODULES

#: Nothing strikes before the devices are there.
QUIET = 5.0  # seconds
#: Up to so many minutes a soak is brief: all comes faster, and ends sooner.
BRIEF = 5.0
#: Faults that end a process come in these parts of the time only: the stretch between them is for the memory.
RESTARTING = ((0.0, 0.35), (0.88, 1.0))
RESTARTS = frozenset({"kill", "terminate"})
REUSABLE = ("freeze", "reload_good", "reload_bad")


class Range(NamedTuple):
    """Seconds, from and to."""

    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The faults of one part of the site."""

    kinds: Sequence[str]
    lasts: Range
    pause: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One fault to come."""

    at: float  # seconds from the beginning
    seconds: float
    track: str
    kind: str


_CLOUD = Track(
    kinds=(
        "down",
        "flapping",
        "unavailable",
        "throttled",
        "internal_error",
        "reply_lost",
        "slow",
        "truncated",
        "html",
        "enormous",
        "image_corrupted",
        "image_broken_off",
        "image_trickling",
    ),
    lasts=Range(5, 30),
    pause=Range(5, 30),
)
HOSTILE = (
    "half_a_connect", "most_of_a_connect", "silence", "half_a_publish", "deafness", "no_keep_alive", "one_name",
    "one_name_at_once", "strangers", "crowds", "masses", "subscriptions", "the_same_subscription", "pings", "pubacks",
    "reports", "retained", "topics", "giants", "wills", "qos_2", "garbage", "siege_noise", "packets", "payloads",
    "http", "images", "tls_slow_handshakes", "tls_half_handshakes", "tls_silence", "tls_many_handshakes",
    "tls_plaintext", "tls_garbage_records", "tls_garbage_within",
)  # fmt: skip
#: Where the gateway's wall clock stands meanwhile.
CLOCK = ("not set at boot", "years ahead", "years behind", "an hour ahead")
#: Of `tests.simulators.proxy`.
LINE = (
    "reset",
    "deaf",
    "answers lost",
    "cut in the head",
    "cut in the body",
    "closed after each answer",
    "trickling",
    "slow",
)
TRACKS: Mapping[str, Track] = {
    "gateway": Track(
        kinds=("kill", "terminate", "freeze", "reload_good", "reload_bad"),
        lasts=Range(1, 8),
        pause=Range(15, 75),
    ),
    "tencent": _CLOUD,
    "onenet": _CLOUD,
    "store": Track(kinds=("disk_full", "store_locked"), lasts=Range(2, 12), pause=Range(60, 180)),
    "devices": Track(kinds=("power_cut", "reconnect_storm"), lasts=Range(1, 4), pause=Range(15, 60)),
    "line": Track(kinds=LINE, lasts=Range(2, 12), pause=Range(10, 40)),
    "clock": Track(kinds=CLOCK, lasts=Range(5, 30), pause=Range(30, 90)),
    "fuzz": Track(kinds=tuple(MODULES), lasts=Range(3, 8), pause=Range(10, 30)),
    "hostile": Track(kinds=HOSTILE, lasts=Range(1, 4), pause=Range(3, 15)),
}


def schedule(seed: int, minutes: float) -> list[Planned]:
    """Return all that will strike, in order."""
    planned = [each for name in TRACKS for each in _track(name, seed, minutes)]
    return sorted(planned, key=lambda each: (each.at, each.track))


def _track(name: str, seed: int, minutes: float) -> Iterator[Planned]:
    track, end = TRACKS[name], minutes * 60
    dice = Random(f"{seed}/{name}")
    pace = min(1.0, max(minutes / BRIEF, 0.2))
    deck, at = list[str](), QUIET + dice.uniform(0, track.pause.least) * pace
    while True:
        deck = deck or dice.sample(track.kinds, len(track.kinds))
        seconds = dice.uniform(*track.lasts) * max(pace, 0.5)
        if at + seconds > end:
            return
        kind = _next(deck, at / end)
        yield Planned(at=round(at, 2), seconds=round(seconds, 2), track=name, kind=kind)
        at += seconds + dice.uniform(*track.pause) * pace


def _next(deck: list[str], part: float) -> str:
    """Take the next card that may be played now; those that may not stay where they are."""
    may_restart = any(begin <= part < end for begin, end in RESTARTING)
    for place, kind in enumerate(deck):
        if may_restart or kind not in RESTARTS:
            return deck.pop(place)
    deck += REUSABLE  # what is left waits for the stretch to end
    return deck.pop()
