"""What is told of a packet that broke MQTT, once a minute for each device and kind: to the log, and to people who look.

Such a packet ends its connection, and a device may send it again for ever; without a trace nobody would know why it
never says anything.
"""

import structlog

from gateway.devices.broker.errors import PacketError
from gateway.devices.broker.premises import Premises
from gateway.devices.broker.surplus import KEPT_BYTES
from gateway.model.identity import DeviceId
from gateway.ports.devices import Objection

log = structlog.get_logger()


def note_breach(error: PacketError, device: DeviceId | None, address: str, premises: Premises) -> None:
    """Log it, and put into quarantine what a device published; who has not logged in has said nothing."""
    news = premises.strangers if device is None else premises.news
    suppressed = news.suppressed(address if device is None else device, error.ending)
    if suppressed is None:
        return
    log.info(
        "packet_refused",
        device=None if device is None else str(device),
        address=address,
        reason=error.ending,
        detail=error.detail,
        suppressed=suppressed,
    )
    if device is not None and error.published is not None:
        topic, payload = error.published
        premises.receiver.set_aside(
            device,
            topic[: premises.limits.max_topic_bytes],
            payload[:KEPT_BYTES],
            _unanswered,
            reason=Objection.QOS2,
            detail=error.detail,
        )


def _unanswered(committed: bool, /) -> None:  # noqa: FBT001 - the shape of ports.devices.Settle
    """Settle what ended its connection."""
    del committed
