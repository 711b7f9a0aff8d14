"""What the site may ask of the broker: bounds with defaults for a small box, and the bucket that holds a rate."""

from dataclasses import dataclass
from datetime import timedelta

_WEIGHED_BYTES = 4096


def weight(length: int) -> int:
    """Return how many ordinary packets one of so many bytes costs: reports are small, and who floods is not."""
    return 1 + length // _WEIGHED_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the broker; 0 lifts a bound where that is said."""

    #: Open sockets, logged in or not; 0: unlimited.
    max_connections: int = 10_000
    #: New sockets, with bursts of one second's worth, and another second's worth for addresses that come seldom,
    #: see Turnstile; 0: unlimited.
    connects_per_second: float = 200
    #: From accept to the end of the login, TLS handshake included.
    connect_timeout: timedelta = timedelta(seconds=10)
    #: Remaining length of a CONNECT: what a stranger may make the broker hold.
    max_connect_bytes: int = 16_384
    max_client_id_bytes: int = 256
    #: Remaining length of every other packet; a PUBLISH that is longer is acknowledged and not read.
    max_packet_bytes: int = 65_536
    #: Of a filter, and what is kept of a topic that is not allowed.
    max_topic_bytes: int = 512
    max_topic_levels: int = 16
    #: Filters of one device.
    max_subscriptions: int = 32
    #: Per connection; over it, its socket is read later, and cut where Departure says; 0: unlimited.
    #: Every other packet counts as well, every filter in it, and each 4 KB of any packet: see `weight`.
    publishes_per_second: float = 50
    publish_burst: int = 100
    #: QoS 1 publishes of one connection that wait for their commit; at it, its socket is read later; 0: unlimited.
    max_unacknowledged: int = 1000
    #: Bytes that may wait in one connection for its device to read; 0: unlimited.
    max_downlink_bytes: int = 262_144
    #: Used where a device asks for more, or for none; 0: the device decides.
    max_keep_alive: timedelta = timedelta(minutes=30)
    #: How long the subscriptions of a device that left are kept, when it asked for that (clean session 0).
    session_expiry: timedelta = timedelta(days=7)
    #: Devices whose subscriptions are kept after they left; the ones that left first go first.
    max_kept_sessions: int = 10_000

    def keep_alive_s(self, asked_s: int) -> float:
        """Return the keep-alive to enforce, in seconds; 0 for none."""
        longest = self.max_keep_alive.total_seconds()
        return min(asked_s or longest, longest or asked_s)


class TokenBucket:
    """A rate with a burst; the time is passed in."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, count: int = 1) -> None:
        """Take tokens, on credit where there are too few; may be called only when `wait_s` said 0."""
        self._tokens -= count

    def left(self, now: float) -> float:
        """Return how many tokens are there."""
        if now > self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
        return self._tokens

    def wait_s(self, now: float) -> float:
        """Return the seconds until a token is there, 0 when one is."""
        left = self.left(now)
        return 0 if left >= 1 else (1 - left) / self._rate
