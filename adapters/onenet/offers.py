"""What OneNET says of a task, in either generation. Pure; the recorded forms stand in `tests/vectors/onenet.json`."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.model.firmware import Md5, read_md5
from gateway.model.identity import DeviceId
from gateway.ports.cloud import Firmware, Module, UpdateOrdered, Version

PAUSE = 60.0  # seconds
_ODD = 2**53  # a number from here on is no size
_NO_ADVICE = 10**7  # nor one from here on a percentage, a number of tries, or seconds to wait
_LONGEST = 1024  # characters of a version or a token
DELTA = 2


class Address(NamedTuple):
    """What the cloud keeps one task for: a device, and 1 (FOTA, module) or 2 (SOTA, MCU)."""

    device: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The cloud's order, with the token (south) or the number (fuse) that speaks for it."""

    token: str
    target: Version
    fetched_at: float
    size: int | None = None
    md5: Md5 | None = None
    is_delta: bool = False
    #: Advice to the device; the cloud only passes it on. None where it gives none.
    signal: int | None = None
    power: int | None = None
    retry: int | None = None
    interval: int | None = None

    @property
    def pause(self) -> float:
        """How many seconds the cloud would have the device wait before it asks again."""
        return PAUSE if self.interval is None else float(self.interval)

    def order(self, device: DeviceId, module: Module, *, url: str, handle: str) -> UpdateOrdered:
        """Say it in canonical words."""
        firmware = Firmware(version=self.target, module=module, url=url, size=self.size, md5=self.md5)
        return UpdateOrdered(
            device=device,
            module=module,
            version=self.target,
            firmware=firmware,
            handle=handle,
            is_delta=self.is_delta,
            min_power=self.power,
            min_signal=self.signal,
            retries=self.retry,
            retry_interval=None if self.interval is None else float(self.interval),
        )


def read_task(data: dict[str, Any], now: float) -> Task | None:
    """Read the data of `check` or `tasking`; None when it names no target, or nothing to speak for it."""
    match data:
        case {"target": str(target), "token": str(token)} if _is_name(target) and _is_name(token):
            pass
        case {"target": str(target), "tid": int(number)} if _is_name(target) and abs(number) < _ODD:
            token = str(number)
        case _:
            return None
    return Task(
        token=token,
        target=Version(target),
        fetched_at=now,
        size=_positive(data.get("size")),
        md5=_md5(data.get("md5")),
        is_delta=data.get("type") == DELTA,
        signal=_advice(data.get("signal")),
        power=_advice(data.get("power")),
        retry=_advice(data.get("retry")),
        interval=_advice(data.get("interval")),
    )


def _is_name(text: str) -> bool:
    # Half a surrogate pair, which JSON can smuggle in, fits into no request; a megabyte fits, for each of thousands of
    # devices, and would be remembered.
    return 0 < len(text) <= _LONGEST and text.isprintable()


def _positive(value: Any, odd: int = _ODD) -> int | None:
    return value if type(value) is int and 0 < value < odd else None


def _advice(value: Any) -> int | None:
    # 0 stands for no wish: "retry 0, interval 0" is no policy.
    return _positive(value, _NO_ADVICE)


def _md5(value: Any) -> Md5 | None:
    try:
        return read_md5(value) if isinstance(value, str) else None
    except ValueError:
        return None
