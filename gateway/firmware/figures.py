"""What the cache has done and holds, for metrics and people."""

from collections import Counter
from dataclasses import dataclass, field

from gateway.ports.firmware import Trouble


@dataclass(slots=True)
class Tally:
    """Counts since the start."""

    #: Images wanted that were here.
    hits: int = 0
    #: Images fetched to their end.
    fetched: int = 0
    #: Bytes that came from sources.
    bytes_fetched: int = 0
    #: Fetches that went on where an earlier one had ended.
    resumed: int = 0
    #: Fetches that began again from the first byte.
    restarted: int = 0
    #: Images and partial images that went to make room.
    evicted: int = 0
    #: Images that were no longer what had been proven.
    damaged: int = 0
    #: Fetches that failed, by reason.
    failed: Counter[Trouble] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the cache holds now."""

    quota: int
    #: Bytes of images, of partial images, and those promised to fetches that run.
    taken: int
    images: int
    partials: int
    fetching: int
