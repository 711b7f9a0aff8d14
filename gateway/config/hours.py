"""Hours of the day, in which updates may begin: "22:00-06:00", and the time zone in which they are meant."""

import re
from dataclasses import dataclass
from datetime import time
from difflib import get_close_matches
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


@dataclass(frozen=True, slots=True)
class Hours:
    """From a time to another, across midnight where the end is before the start."""

    start: time
    end: time

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def _hours_or_any(value: Any) -> Hours | None:
    if value in ("", None):
        return None
    if isinstance(value, Hours):
        return value
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError(
            "hours", 'it must be "HH:MM-HH:MM" such as "22:00-06:00", or "" for any time of the day'
        )
    hours = Hours(time(int(found[1]), int(found[2])), time(int(found[3] or 0), int(found[4] or 0)))
    if hours.start == hours.end:
        raise PydanticCustomError(
            "hours", 'it must end at another time than it begins, or be "" for any time'
        )
    return hours


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, LookupError, ValueError):
        near = "".join(
            f'; did you mean "{zone}"?' for zone in get_close_matches(name, available_timezones(), n=1)
        )
        raise PydanticCustomError(
            "time_zone", 'it must be "UTC" or an IANA name such as "Asia/Shanghai"{near}', {"near": near}
        ) from None
    return name


#: None means any time of the day.
OptionalHours = Annotated[Hours | None, BeforeValidator(_hours_or_any)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
