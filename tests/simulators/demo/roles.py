"""The devices of the demo that take orders: what each is like, and which consoles have a task for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tests.simulators.demo.site import LAMP, LAMP_TARGET, PUMP, PUMP_TARGET, Member
from tests.simulators.fleet import Device, secret_of
from tests.simulators.fleet.ordered import Behaviour, Manner
from tests.simulators.fleet.saying import Word

Asked = Literal["user", "operator"]
BOTH = ("tencent", "onenet")
SIZES = {PUMP_TARGET: 2 * 2**20, LAMP_TARGET: 4 * 2**20}  # bytes of the images
PART = 65536  # bytes that a device reads at once over HTTP
CHUNK = 8192  # bytes that a device takes in one MQTT message


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One device that takes orders."""

    member: Member
    manner: Manner
    #: What happens to it, for the table.
    story: str
    #: The clouds whose consoles order its update.
    ordered_by: tuple[str, ...] = BOTH
    #: Away when the orders come, until it is woken.
    is_asleep: bool = False
    #: Who must agree before its update may begin.
    asks: Asked | None = None

    @property
    def device(self) -> Device:
        """Who it is."""
        return self.member.device

    @property
    def target(self) -> str:
        """What it is brought to."""
        return self.device.targets[0]

    @property
    def rolls_back(self) -> bool:
        """Whether the new version does not come up on it."""
        return self.manner.behaviour is Behaviour.ROLLING_BACK


def roles(pace: float) -> list[Role]:
    """Return them all; an update takes about so many seconds."""
    return [*_pumps(pace), *_lamps(pace)]


def _pumps(pace: float) -> Sequence[Role]:
    """Speak the plain dialect; two have no HTTP stack."""
    over_http = _manner(PUMP_TARGET, pace)
    over_mqtt = _manner(PUMP_TARGET, pace, part=CHUNK)
    does_not_come_up = replace(over_http, behaviour=Behaviour.ROLLING_BACK, times=100)
    loses_power = replace(over_mqtt, behaviour=Behaviour.POWER_CUT, away=pace * 0.3)
    return [
        _role(PUMP, 1, over_http, "obeys"),
        _role(PUMP, 2, over_http, "obeys", ordered_by=("tencent",)),
        _role(PUMP, 3, over_mqtt, "obeys"),
        _role(PUMP, 4, loses_power, "loses its power"),
        _role(PUMP, 5, does_not_come_up, "rolls back"),
        # Tencent's cloud is away when it wakes.
        _role(PUMP, 6, over_http, "sleeps at first", is_asleep=True),
        _role(PUMP, 7, over_http, "asks its user", ordered_by=("tencent",), asks="user"),
    ]


def _lamps(pace: float) -> Sequence[Role]:
    """Speak as Tencent's SDKs do."""
    obeys = _manner(LAMP_TARGET, pace)
    naps = replace(obeys, behaviour=Behaviour.SLEEPY, at=Word.DOWNLOADING, away=pace * 0.3)
    return [
        _role(LAMP, 1, obeys, "obeys"),
        _role(LAMP, 2, obeys, "obeys", ordered_by=("onenet",)),
        _role(LAMP, 3, naps, "disconnects"),
        # Tencent's dialect has no word for a user's consent: somebody says it to the gateway.
        _role(LAMP, 4, obeys, "asks an operator", ordered_by=("tencent",), asks="operator"),
    ]


def _manner(target: str, pace: float, *, part: int = PART) -> Manner:
    return Manner(
        fetch="chunks" if part == CHUNK else "http",
        part=part,
        part_pause=pace * 0.6 * part / SIZES[target],
        flash_pause=pace * 0.2,
        boot_pause=pace * 0.15,
    )


def _role(
    product: str,
    number: int,
    manner: Manner,
    story: str,
    *,
    ordered_by: tuple[str, ...] = BOTH,
    is_asleep: bool = False,
    asks: Asked | None = None,
) -> Role:
    name = f"{product.lower()}{number:02d}"
    device = Device(
        product=product,
        name=name,
        secret=secret_of(product, name),
        dialect="plain" if product == PUMP else "tencent",
        targets=(PUMP_TARGET if product == PUMP else LAMP_TARGET,),
    )
    dev_id = f"{63 if product == PUMP else 64}{number:06d}"
    return Role(
        member=Member(device=device, dev_id=dev_id, has_task="onenet" in ordered_by),
        manner=manner,
        story=story,
        ordered_by=ordered_by,
        is_asleep=is_asleep,
        asks=asks,
    )
