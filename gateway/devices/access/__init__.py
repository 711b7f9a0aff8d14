"""Who a device is, and what it may touch.

Its law: identity comes from what was proved at login, never from a topic or a payload.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable

import structlog

from gateway.core.news import News
from gateway.devices.access.hashing import hash_secret, verify_secret
from gateway.devices.access.judges import Judges
from gateway.devices.access.product import Authentication, Credential, Product
from gateway.devices.access.throttle import Attempt, Throttle, attempt_of
from gateway.model.identity import DeviceId
from gateway.ports.devices import Login

__all__ = [
    "Authentication",
    "Credential",
    "DeviceAccess",
    "Judges",
    "Product",
    "hash_secret",
    "verify_secret",
]


#: What the log is told a minute of guessing.
_LINES = 60

log = structlog.get_logger()


class DeviceAccess:
    """Access for the devices of the configured products, each product with its own way to log in.

    Raises ConfigError, with all problems at once, when a device could never log in. `denied` are SHA-256 fingerprints
    of certificates that open nothing any more. `wall_clock` gives Unix seconds.
    """

    def __init__(
        self,
        products: Iterable[Product],
        *,
        denied: Collection[str] = (),
        wall_clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall_clock = wall_clock
        self._judges = self.judges(products, denied=denied)
        self._throttle = Throttle(monotonic)
        self._news = News(monotonic, max_lines=_LINES)

    def judges(self, products: Iterable[Product], *, denied: Collection[str] = ()) -> Judges:
        """Make what may take the place of the judges; raises ConfigError as the access itself does."""
        return Judges(products, denied=denied, wall_clock=self._wall_clock)

    def replace(self, judges: Judges) -> Callable[[DeviceId, str | None], bool]:
        """Let others judge from now on; return who, with which certificate, is not there by right any more."""
        before, self._judges = self._judges, judges
        news = judges.denied - before.denied

        def must_go(device: DeviceId, fingerprint: str | None) -> bool:
            return fingerprint in news or not before.agree_on(device, judges)

        return must_go

    async def authenticate(self, login: Login) -> DeviceId | None:
        """Return the device that this login proves to be, or None; who guessed too often is not judged."""
        attempt = attempt_of(login)
        why = self._throttle.holds_back(attempt)
        if why is not None:
            self._say("logins_held_back", attempt, too_many_of=why)
            return None
        try:
            device = await self._identify(login, attempt)
        except asyncio.CancelledError:
            self._throttle.withdrawn(attempt)
            raise
        if device is None:
            self._throttle.failed(attempt)
        else:
            self._throttle.proved(attempt)
        return device

    async def _identify(self, login: Login, attempt: Attempt) -> DeviceId | None:
        while True:
            judges = self._judges
            if login.certificate_fingerprint in judges.denied:
                # Whatever else it offers: its key is in wrong hands.
                self._say("certificate_denied", attempt, fingerprint=login.certificate_fingerprint)
                return None
            device = await judges.identify(login)
            if judges is self._judges:
                return device
            # Others judge by now.

    def _say(self, event: str, attempt: Attempt, **facts: str | None) -> None:
        suppressed = self._news.suppressed(attempt.network, event)
        if suppressed is not None:
            log.warning(event, address=attempt.address, **facts, suppressed=suppressed)

    def may_publish(self, device: DeviceId, topic: str) -> bool:
        """Whether the topic is one of the device's own up topics."""
        return self._judges.rights.may_publish(device, topic)

    def may_subscribe(self, device: DeviceId, topic_filter: str) -> bool:
        """Whether the filter matches nothing but the device's own down topics."""
        return self._judges.rights.may_subscribe(device, topic_filter)
