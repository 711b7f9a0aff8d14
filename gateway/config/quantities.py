"""Numbers; sizes and durations as people write them: "64KiB", "2GiB", "30s", "15m", "2h"."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

_SIZE = re.compile(r"(\d{1,15})(B|KiB|MiB|GiB|TiB)")
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)")
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
#: What every database can add to without going beyond its own numbers.
_MOST = 2**53
_LONGEST = timedelta(days=3650)


def _size(value: Any) -> int:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = int(found[1]) * _BYTES[found[2]] if found else value
    if isinstance(size, int) and not isinstance(size, bool) and 0 < size <= _MOST:
        return size
    raise PydanticCustomError("size", 'it must be a size above 0 such as "64KiB", "256MiB" or "2GiB"')


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise PydanticCustomError(
            "duration",
            'it must be a duration above 0 with its unit such as "500ms", "30s", "15m", "2h" or "90d"',
        )
    return timedelta(seconds=seconds)


Count = Annotated[int, Field(ge=1, le=_MOST)]
Rate = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
#: Bytes.
Size = Annotated[int, BeforeValidator(_size)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
