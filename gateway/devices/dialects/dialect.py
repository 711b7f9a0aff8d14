"""What every dialect promises: how a device speaks, as a pure translation. Its law: no clock, no I/O, no memory."""

from typing import Final, NamedTuple, Protocol

from gateway.model.commands import Instruction
from gateway.model.events import Event
from gateway.model.identity import DeviceId

#: Every word that `Reading.kind` may be.
KINDS: Final = ("version", "state", "confirm", "chunk")

#: Every word that a dialect may give to NotUnderstoodError:
#: bad_json       not UTF-8, not JSON, NaN or Infinity, a number of thousands of digits, nested too deeply, empty
#: not_object     JSON, but not an object where one must stand
#: unknown_topic  a topic that the dialect does not read
#: unknown_type   no or an unknown `type`, or one that only the other side may send
#: unknown_state  no state of the dialect, or one that is not a device's to say
#: missing_field  a field without which the message says nothing
#: bad_field      a field that cannot be used: a control character in a version, say
#: not_supported  understood, but this gateway does nothing with it
REASONS: Final = (
    "bad_json",
    "not_object",
    "unknown_topic",
    "unknown_type",
    "unknown_state",
    "missing_field",
    "bad_field",
    "not_supported",
)


class Publish(NamedTuple):
    """One message to the device."""

    topic: str
    payload: bytes


class ChunkAsked(NamedTuple):
    """The publish asks for a part of an image, see `gateway.firmware.chunks`; the answer goes to this topic."""

    topic: str


class Reading(NamedTuple):
    """What one publish meant."""

    event: Event | ChunkAsked
    #: One of KINDS, for the metrics.
    kind: str
    #: What the device waits for, to be sent after the commit.
    reply: Publish | None = None


class Dialect(Protocol):
    """How the devices of a product speak: topics and payloads into canonical events."""

    @property
    def name(self) -> str:
        """The word that the configuration uses."""
        ...

    def up_topics(self, device: DeviceId) -> frozenset[str]:
        """Return the exact topics that the device may publish on."""
        ...

    def down_filters(self, device: DeviceId) -> frozenset[str]:
        """Return the exact filters that the device may subscribe to; none matches another device's topic."""
        ...

    def write(self, instruction: Instruction) -> Publish | None:
        """Translate what the device is told; None when the dialect has no word for it."""
        ...

    def read(self, device: DeviceId, topic: str, payload: bytes) -> Reading:
        """Translate one publish on one of the device's up topics.

        Whatever the bytes are: it returns, or raises NotUnderstoodError with one of REASONS. Every text in what
        it returns can be encoded as UTF-8 and holds no NUL.
        """
        ...
