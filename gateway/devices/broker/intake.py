"""The way of a publish: allowed, handed on, acknowledged after its commit; and what makes the device wait."""

import asyncio
from collections.abc import Callable

import structlog

from gateway.devices.broker.acknowledgements import Acknowledgements
from gateway.devices.broker.brakes import Brake, Brakes
from gateway.devices.broker.errors import Ending
from gateway.devices.broker.framing import Publish
from gateway.devices.broker.limits import TokenBucket, weight
from gateway.devices.broker.premises import Premises
from gateway.devices.broker.surplus import KEPT_BYTES, Piece
from gateway.model.identity import DeviceId
from gateway.ports.devices import Objection, Settle

_NOTES = {
    Objection.FORBIDDEN_TOPIC: (Ending.ACL, "publish_forbidden"),
    Objection.OVERSIZED: (Ending.PACKET_SIZE, "publish_oversized"),
}
"""How each is counted among what breaks MQTT or a limit, and the word for the log."""

log = structlog.get_logger()


def _nothing(committed: bool, /) -> None:  # noqa: FBT001 - the shape of ports.devices.Settle
    """Settle a publish of QoS 0."""
    del committed


class Intake:
    """Takes the publishes of one device."""

    __slots__ = (
        "_acks",
        "_brakes",
        "_bucket",
        "_device",
        "_loop",
        "_max_unacknowledged",
        "_pause",
        "_premises",
        "_write",
    )

    def __init__(
        self,
        device: DeviceId,
        premises: Premises,
        brakes: Brakes,
        loop: asyncio.AbstractEventLoop,
        *,
        write: Callable[[bytes], None],
        pause: Callable[[float], None],
        on_refused: Callable[[], None],
    ) -> None:
        """`pause`: read the device later, by so many seconds.

        `on_refused`: a publish was not committed, so that the connection must be closed.
        """
        limits = premises.limits
        self._device = device
        self._premises = premises
        self._brakes = brakes
        self._loop = loop
        self._write = write
        self._pause = pause
        self._acks = Acknowledgements(on_ready=self._acknowledge_soon, on_refused=on_refused)
        self._max_unacknowledged = limits.max_unacknowledged
        rate = limits.publishes_per_second
        self._bucket = TokenBucket(rate, limits.publish_burst, loop.time()) if rate else None

    def take(self, publish: Publish | Piece) -> None:
        """Take one publish, or throw away a part of one that is too long; hold a brake when it was one too many."""
        if isinstance(publish, Piece):
            self.pace(weight(publish.length))
            return
        premises = self._premises
        settle = self._acks.expect(publish.packet_id) if publish.packet_id else _nothing
        if not premises.access.may_publish(self._device, publish.topic):
            self._set_aside(publish, settle, Objection.FORBIDDEN_TOPIC, "not one of the device's own topics")
        elif publish.oversize:
            allowed = f"{publish.oversize} bytes; at most {premises.limits.max_packet_bytes} are taken"
            self._set_aside(publish, settle, Objection.OVERSIZED, allowed)
        else:
            premises.receiver.received(
                self._device, publish.topic, publish.payload, settle, redelivered=publish.is_redelivered
            )
        if 0 < self._max_unacknowledged <= len(self._acks):
            self._brakes.hold(Brake.UNACKNOWLEDGED)
        self.pace(weight(len(publish.topic) + len(publish.payload)))
        if not premises.receiver.has_room:
            premises.rooms.hold(self._brakes)

    def end(self) -> None:
        """Write what may be acknowledged and forget the rest: the device will send it again."""
        self._acknowledge()
        self._acks.drop()

    def pace(self, cost: int) -> None:
        """Charge the device for a packet, of whatever type; read it later when it was one too many."""
        bucket = self._bucket
        if bucket is None:
            return
        bucket.take(cost)
        if wait_s := bucket.wait_s(self._loop.time()):
            self._pause(wait_s)

    def _acknowledge_soon(self) -> None:
        # One write for all that are settled in this turn of the loop.
        self._loop.call_soon(self._acknowledge)

    def _acknowledge(self) -> None:
        if released := self._acks.take():
            self._write(released)
        if Brake.UNACKNOWLEDGED in self._brakes.held and len(self._acks) <= self._max_unacknowledged // 2:
            self._brakes.release(Brake.UNACKNOWLEDGED)

    def _set_aside(self, publish: Publish, settle: Settle, reason: Objection, detail: str) -> None:
        """Put into quarantine, cut to what people need, what sending it again cannot help."""
        premises, device = self._premises, self._device
        ending, event = _NOTES[reason]
        topic = publish.topic[: premises.limits.max_topic_bytes]
        premises.tally.count(ending)
        suppressed = premises.news.suppressed(device, event)
        if suppressed is not None:
            log.warning(event, device=str(device), topic=topic, detail=detail, suppressed=suppressed)
        payload = publish.payload[:KEPT_BYTES]
        premises.receiver.set_aside(device, topic, payload, settle, reason=reason, detail=detail)
