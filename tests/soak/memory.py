"""The memory of a process that is restarted now and then: its peak, and how fast its floor rises. Pure.

A stretch without a restart is a life. What comes in a life's first minutes is growth that every process has, and does
not count. Of the rest only the lowest sample of each half minute does, so that what an attack holds for a moment is no
slope. The slope is the least-squares one that all lives share, each from a level of its own: a restart, which takes the
memory back, neither hides a rise nor makes a fall.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

WARM_UP = 300.0  # seconds; by then every kind of attack has been there once or twice
BUCKET = 30.0  # seconds
#: It takes so many minutes, and so many samples, of one life or several, for a slope to say anything.
MEASURED_MINUTES, MEASURED_SAMPLES = 12.0, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a process held: the life by its number, and the seconds since it began."""

    life: int
    at: float
    mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What there is to say."""

    peak_mb: float
    last_mb: float
    #: MB an hour; None where not enough was measured.
    slope: float | None
    samples: int
    floors: int
    minutes: float
    lives: int


def measure(samples: Sequence[Sample], *, peak_mb: float) -> Memory:
    """Measure the samples, which stand in order; the kernel knows the peak."""
    lives = [_floors(list(life)) for _, life in groupby(samples, key=lambda each: each.life)]
    warm = [floors for floors in lives if len(floors) > 1]
    count = sum(map(len, warm))
    minutes = sum(floors[-1].at - floors[0].at for floors in warm) / 60
    is_enough = minutes >= MEASURED_MINUTES and count >= MEASURED_SAMPLES
    return Memory(
        peak_mb=peak_mb,
        last_mb=samples[-1].mb if samples else 0.0,
        slope=_slope(warm) * 3600 if is_enough else None,
        samples=len(samples),
        floors=count,
        minutes=minutes,
        lives=len(lives),
    )


def _floors(life: Sequence[Sample]) -> list[Sample]:
    """Return the lowest sample of each half minute after the warm-up."""
    warm = (each for each in life if each.at >= WARM_UP)
    return [
        min(bucket, key=lambda each: each.mb)
        for _, bucket in groupby(warm, key=lambda each: each.at // BUCKET)
    ]


def _slope(lives: Sequence[Sequence[Sample]]) -> float:
    points = [point for life in lives for point in _centred(life)]
    return sum(at * mb for at, mb in points) / sum(at * at for at, _ in points)


def _centred(life: Sequence[Sample]) -> Iterator[tuple[float, float]]:
    at = sum(each.at for each in life) / len(life)
    mb = sum(each.mb for each in life) / len(life)
    return ((each.at - at, each.mb - mb) for each in life)
