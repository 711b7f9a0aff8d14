"""The promise between the site's MQTT side and the core: a publish is settled only after its commit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.model.commands import Instruction
from gateway.model.events import Event
from gateway.model.identity import DeviceId

#: Called once per publish, in the order of arrival: True after the commit (PUBACK now), False when the commit
#: failed or was refused (close the connection, so that the device sends again).
Settle = Callable[[bool], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a CONNECT says of its sender."""

    client_id: str
    username: str | None
    password: str | None = field(repr=False)
    #: The peer's address without port.
    address: str
    #: Subject common name of a verified TLS client certificate.
    certificate_name: str | None = None
    #: SHA-256 of that certificate, in hexadecimal.
    certificate_fingerprint: str | None = None


class Objection(StrEnum):
    """Why a publish is set aside before anybody reads what it says."""

    FORBIDDEN_TOPIC = "forbidden_topic"
    """Not one of the device's own up topics."""
    OVERSIZED = "oversized"
    """Longer than a packet may be (`mqtt.limits.max_packet`)."""
    QOS2 = "qos2"
    """At QoS 2, which ends the connection."""


class Access(Protocol):
    """Who a device is and what it may touch."""

    async def authenticate(self, login: Login) -> DeviceId | None:
        """Return the device that this login proves to be, or None; identity never comes from a payload."""
        ...

    def may_publish(self, device: DeviceId, topic: str) -> bool:
        """Whether the topic is one of the device's own up topics."""
        ...

    def may_subscribe(self, device: DeviceId, topic_filter: str) -> bool:
        """Whether the filter matches nothing but the device's own down topics."""
        ...


class Receiver(Protocol):
    """Who takes what devices publish."""

    def received(
        self, device: DeviceId, topic: str, payload: bytes, settle: Settle, *, redelivered: bool = False
    ) -> None:
        """Take one publish; never raises, never blocks; `settle` follows later (for QoS 0 it is a no-op).

        `redelivered`: the device sent it before and had no PUBACK (DUP).
        """
        ...

    def set_aside(
        self, device: DeviceId, topic: str, payload: bytes, settle: Settle, *, reason: Objection, detail: str
    ) -> None:
        """Take one publish that is not to be read, into quarantine; as `received` otherwise.

        Sending it again cannot help. `topic` and `payload` may be no more than their beginnings; whoever calls this
        has told the log.
        """
        ...

    @property
    def has_room(self) -> bool:
        """False while so much waits for commit that reading from sockets should pause."""
        ...

    async def room(self) -> None:
        """Wait until has_room."""
        ...

    def connected(self, device: DeviceId) -> None:
        """Tell that the device came; called again, without `disconnected` before, never."""
        ...

    def disconnected(self, device: DeviceId) -> None:
        """Tell that the device went."""
        ...

    def subscribed(self, device: DeviceId, topic_filter: str) -> None:
        """Tell that the device now listens on this filter; after its SUBACK was written.

        Also told of each filter that was kept for a device that comes again, after its CONNACK; and again whenever
        the device subscribes again, as often as it likes. Between `connected` and `disconnected`; never raises,
        never blocks; `Downlink.send` works within the call.
        """
        ...


class Inbox(Protocol):
    """What the core offers to the site side: one way in for everything that devices say."""

    def accept(self, event: Event, settle: Settle, *, said: bytes = b"") -> None:
        """Take an understood event, and what the device said in its own words; never raises.

        `settle` follows its commit.
        """
        ...

    def set_aside(
        self, device: DeviceId, topic: str, payload: bytes, *, reason: str, detail: str, settle: Settle
    ) -> None:
        """Put input that could not be understood into quarantine; `settle` follows its commit."""
        ...

    @property
    def has_room(self) -> bool:
        """False while so much waits for commit that reading from sockets should pause."""
        ...

    async def room(self) -> None:
        """Wait until has_room."""
        ...


class Outlet(Protocol):
    """What the site side offers to the core: one way to tell a device something."""

    def tell(self, instruction: Instruction) -> bool:
        """Say it in the device's dialect; False when it is not there, does not listen, or has no word for it."""
        ...


class Downlink(Protocol):
    """The way to one device."""

    def send(self, device: DeviceId, topic: str, payload: bytes) -> bool:
        """Publish at QoS 0 to that device only, if it is connected, subscribed to the topic and not too slow.

        True when the bytes went to its socket, which is no proof that they arrive; False when they would wait behind
        more than a device may leave unread (`mqtt.limits.max_downlink`): nothing is kept to be sent later. Never
        walks other devices' subscriptions.
        """
        ...

    def is_listening(self, device: DeviceId, topic: str) -> bool:
        """Whether that device is connected and subscribed to the topic now."""
        ...
