"""Trouble on request: one layer of faults in front of either cloud.

A mode is off (``False``), on until further notice (``True``), or a ``Fault`` saying how often and how hard::

    cloud.faults.down = True
    cloud.faults.status = Fault(code=429, retry_after="3", times=2)
    cloud.faults.reply_lost = Fault(chance=0.1, only="AppReportOTAStatus")

``down``, ``flapping``, ``status`` and ``html`` keep the request from the cloud. ``reply_lost``, ``slow``,
``truncated`` and ``enormous`` let it happen first and then spoil the reply. ``corrupted``, ``broken_off``
and ``trickling`` spoil images only. ``error``, ``expired_token`` and ``wrong_request_id`` (Tencent only) are
played by the cloud itself, in its own words.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields, replace
from random import Random
from typing import Any, Literal

Mode = Literal[
    "down", "flapping", "status", "html", "slow", "reply_lost", "truncated", "enormous",
    "corrupted", "broken_off", "trickling", "error", "expired_token", "wrong_request_id",
]  # fmt: skip
MODES: tuple[Mode, ...] = Mode.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """When a mode strikes, and how hard."""

    times: int | None = None  # None: until it is switched off
    chance: float = 1.0
    only: str = ""  # strikes only requests with this text in their URL or body
    seconds: float = 1.0  # slow: the delay; flapping: up for so long, then down for so long
    code: int = 503  # status
    retry_after: str | None = None  # status: the header, seconds or an HTTP date
    size: int = 64 * 1024 * 1024  # enormous, in bytes
    rate: int = 65536  # trickling, in bytes per second
    error: str = ""  # error: the cloud's own code; empty: its internal error


@dataclass(slots=True)
class Faults:
    """The switches of one cloud, to be set directly."""

    down: Fault | bool = False
    flapping: Fault | bool = False
    status: Fault | bool = False
    html: Fault | bool = False
    slow: Fault | bool = False
    reply_lost: Fault | bool = False
    truncated: Fault | bool = False
    enormous: Fault | bool = False
    corrupted: Fault | bool = False
    broken_off: Fault | bool = False
    trickling: Fault | bool = False
    error: Fault | bool = False
    expired_token: Fault | bool = False
    wrong_request_id: Fault | bool = False
    dice: Random = field(default_factory=lambda: Random(0))
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    struck: Counter[str] = field(default_factory=Counter)
    _flapping_since: float | None = None

    def take(self, mode: Mode, about: str) -> Fault | None:
        """Return the fault if it strikes this request; a count is used up by it."""
        setting: Fault | bool = getattr(self, mode)
        if setting is False:
            return None
        fault = Fault() if setting is True else setting
        if fault.only not in about or self.dice.random() >= fault.chance:
            return None
        if mode == "flapping" and not self._is_low_tide(fault.seconds):
            return None
        self._use_up(mode, fault)
        return fault

    def any_set(self) -> bool:
        """Say whether a request needs a look at all."""
        return any(getattr(self, mode) is not False for mode in MODES)

    def clear(self) -> None:
        """Switch everything off."""
        for mode in MODES:
            setattr(self, mode, False)
        self._flapping_since = None

    def set_from_json(self, settings: dict[str, Any]) -> None:
        """Set modes as in ``POST /_sim/faults``; ``clear`` comes first, ``seed`` renews the dice."""
        if settings.pop("clear", False):
            self.clear()
        if "seed" in settings:
            self.dice.seed(settings.pop("seed"))
        unknown = settings.keys() - set(MODES)
        if unknown:
            raise ValueError(f"no such mode: {sorted(unknown)}; there are {list(MODES)}")
        for mode, setting in settings.items():
            setattr(self, mode, setting if isinstance(setting, bool) else Fault(**setting))

    def as_json(self) -> dict[str, Any]:
        """Return what is set, in the form that ``set_from_json`` takes."""
        return {mode: _as_json(getattr(self, mode)) for mode in MODES if getattr(self, mode) is not False}

    def _is_low_tide(self, seconds: float) -> bool:
        now = self.clock()
        if self._flapping_since is None:
            self._flapping_since = now
        return int((now - self._flapping_since) / seconds) % 2 == 1

    def _use_up(self, mode: Mode, fault: Fault) -> None:
        self.struck[mode] += 1
        if fault.times is not None:
            left = fault.times - 1
            setattr(self, mode, replace(fault, times=left) if left > 0 else False)


def _as_json(setting: Fault | bool) -> Any:  # noqa: FBT001  a switch is a bool
    if isinstance(setting, bool):
        return setting
    return {each.name: getattr(setting, each.name) for each in fields(setting)}
