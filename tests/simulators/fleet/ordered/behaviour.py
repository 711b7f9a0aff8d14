"""What an ordered device is like: obedient, or one of the ways in which devices are not."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from tests.simulators.fleet.saying import Failure, Word


class Behaviour(StrEnum):
    """How it takes an order; all but the first show so many ``times``, and then it obeys."""

    #: Fetches, checks, flashes, boots and reports the new version.
    OBEDIENT = "obedient"
    #: Flashes, boots, does not come up, and runs the old version again.
    ROLLING_BACK = "rolling_back"
    #: Gives up after it said ``at``, with ``failure``.
    FAILING = "failing"
    #: Its user agrees to whatever waits, ``away`` seconds after a boot and again, until an order comes.
    AGREEING = "agreeing"
    #: Its user refuses whatever waits, likewise; an order that comes all the same is rejected.
    REFUSING = "refusing"
    #: Disconnects politely for ``away`` seconds after it said ``at``, and goes on where it was.
    SLEEPY = "sleepy"
    #: Loses its power for ``away`` seconds after ``at`` was acknowledged, and all that was not in its flash.
    POWER_CUT = "power_cut"
    #: Hears an order and does nothing, as if it had been lost on the way.
    DEAF = "deaf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """Behaviour, and how an order is carried out."""

    behaviour: Behaviour = Behaviour.OBEDIENT
    #: The word after which a FAILING, SLEEPY or POWER_CUT device disturbs; of downloading, from this percent on.
    at: Word = Word.DOWNLOADING
    percent: int = 50
    times: int = 1
    #: Seconds.
    away: float = 0.2
    #: What a FAILING device says; a failed installation if left out.
    failure: Failure | None = None
    fetch: Literal["http", "chunks"] = "http"
    #: Bytes that it can take at once.
    part: int = 4096
    #: Seconds between parts, and seconds that flashing takes, and booting.
    part_pause: float = 0.0
    flash_pause: float = 0.0
    boot_pause: float = 0.0
    #: Percent between two reports of a download.
    step: int = 10
    #: Seconds that it waits for bytes or a chunk, how often in vain, and seconds before it asks again.
    patience: float = 5.0
    tries: int = 20
    retry_pause: float = 0.1
    #: What it says beside its version.
    battery: int | None = None
    signal: int | None = None
