"""What all connections of one broker share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.core.news import News
from gateway.devices.broker.brakes import RoomWatch
from gateway.devices.broker.crowd import Crowd
from gateway.devices.broker.errors import PROTOCOL_ERRORS, REFUSALS, Ending
from gateway.devices.broker.limits import Limits
from gateway.devices.broker.registry import KeptSessions, Registry
from gateway.metrics import Metrics, initialise
from gateway.ports.devices import Access, Receiver

if TYPE_CHECKING:
    # The connection needs what stands here.
    from gateway.devices.broker.front import Connection


class Tally:
    """Counts endings where monitoring looks for them."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        initialise(metrics.connections_refused, REFUSALS)
        initialise(metrics.auth_failures, (Ending.REFUSED,))
        initialise(metrics.protocol_errors, PROTOCOL_ERRORS)

    def count(self, ending: Ending) -> None:
        """Count, if it is an ending that counts."""
        if ending in REFUSALS:
            self._metrics.connections_refused.labels(ending).inc()
        elif ending in PROTOCOL_ERRORS:
            self._metrics.protocol_errors.labels(ending).inc()
        elif ending is Ending.REFUSED:
            self._metrics.auth_failures.labels(ending).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """Everything that a connection needs besides its socket."""

    access: Access
    receiver: Receiver
    limits: Limits
    tally: Tally
    crowd: Crowd
    registry: Registry
    kept: KeptSessions
    rooms: RoomWatch
    #: What the log is told of devices.
    news: News
    #: What it is told of those who have not logged in; apart, so that they cannot silence the devices.
    strangers: News
    #: All sockets are read into it, one after the other.
    buffer: memoryview
    #: Let amqtt serve a connection that is logged in, until it ends.
    serve: Callable[[Connection], Awaitable[None]]
