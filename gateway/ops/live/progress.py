"""How a campaign came to where it is: read from its updates' own times, so that no start of the gateway loses it."""

from collections.abc import Iterable
from typing import Any

from gateway.model.states import State
from gateway.model.update import Update

BINS = 120

_ENDED_WELL = State.SUCCEEDED
#: The bands of the plot.
_OPEN, _WELL, _OTHERWISE = "open", "succeeded", "ended_otherwise"


def progress(updates: Iterable[Update], *, now: float, ahead: float) -> dict[str, Any]:
    """Count at BINS moments from the first update's beginning until now: under way, succeeded, ended otherwise.

    Of an update only its beginning and its last step are known, so that what stood between is one band.
    """
    chosen = list(updates)
    if not chosen:
        return {"at": [], _OPEN: [], _WELL: [], _OTHERWISE: []}
    first = min(update.opened_at for update in chosen)
    width = max(now - first, 1.0) / (BINS - 1)
    steps = {band: [0] * (BINS + 1) for band in (_OPEN, _WELL, _OTHERWISE)}
    for update in chosen:
        steps[_OPEN][_bin(update.opened_at - first, width)] += 1
        if update.state.is_terminal:
            at = _bin(update.entered_at - first, width)
            steps[_OPEN][at] -= 1
            steps[_WELL if update.state is _ENDED_WELL else _OTHERWISE][at] += 1
    return {
        "at": [round(first + index * width + ahead) for index in range(BINS)],
        **{band: _sums(counts) for band, counts in steps.items()},
    }


def _bin(after: float, width: float) -> int:
    """The first moment at which something that happened so long after the first had happened."""
    return min(max(-int(-after // width), 0), BINS - 1)


def _sums(counts: list[int]) -> list[int]:
    total, found = 0, []
    for count in counts[:BINS]:
        total += count
        found.append(total)
    return found
