"""How often a stranger may guess: the same names from the same address, one address, and one device.

Its law: whoever has not failed lately is always heard, so that nobody can shut a device out by guessing at it from
somewhere else; who shares the address can delay it by a minute, its whole network by seconds. What is refused here is
not judged, costs nothing and looks like any other refusal. Memory is bounded: who was seen least lately goes first.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.core.networks import Recent, network_of, plain
from gateway.ports.devices import Login

#: Wrong tries of one device from one address before it has to wait, 1 s after the last of them, then twice that.
FREE_TRIES: Final = 5
LONGEST_WAIT: Final = 60.0  # seconds
#: After so many quiet seconds nothing is held against anybody.
FORGIVEN_AFTER: Final = 600.0
#: Wrong tries of one network, whatever the device: a second's worth, and how many seconds' worth may come at once.
NETWORK_RATE: Final = 5.0
NETWORK_BURST: Final = 20.0  # seconds
#: Wrong tries at one device from networks that have failed before.
DEVICE_RATE: Final = 0.5
DEVICE_BURST: Final = 60.0  # seconds
#: What may be owed beyond the burst, by tries that were judged at the same time.
_DEBT: Final = 10.0  # seconds
_MAX_NAME: Final = 128


class Attempt(NamedTuple):
    """Who tries, from where, and whom it says to be."""

    address: str
    #: What one owner has: an IPv4 address, or the /64 of an IPv6 one.
    network: str
    name: str


class _Strikes(NamedTuple):
    tries: int
    until: float


class Throttle:
    """Says of each login whether it is judged; then it is told what came of it: proved, failed or withdrawn."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._now = monotonic
        self._strikes: Recent[tuple[str, str], _Strikes] = Recent()
        #: When what was done would be paid off, by network and by device.
        self._networks: Recent[str, float] = Recent()
        self._devices: Recent[str, float] = Recent()
        #: From where a device came in last.
        self._homes: Recent[str, str] = Recent()

    def holds_back(self, attempt: Attempt) -> str | None:
        """Say why the login is not judged; None, and one try of the device from there is gone, where it is."""
        now, pair = self._now(), (attempt.address, attempt.name)
        count, until = self._strikes.get(pair, _Strikes(0, now))
        if now < until:
            return "this device from this address"
        if self._homes.get(attempt.name) != attempt.address:
            if self._networks.get(attempt.network, now) - now >= NETWORK_BURST:
                return "this network"
            if (
                self._has_failed(attempt.network)
                and self._devices.get(attempt.name, now) - now >= DEVICE_BURST
            ):
                return "this device"
        count = 1 if now - until > FORGIVEN_AFTER else min(count + 1, 32)
        self._strikes.put(pair, _Strikes(count, now + _wait(count)))
        return None

    def proved(self, attempt: Attempt) -> None:
        """Take note that the login was right."""
        self._strikes.pop((attempt.address, attempt.name), None)
        self._homes.put(attempt.name, attempt.address)

    def failed(self, attempt: Attempt) -> None:
        """Take note that it was wrong."""
        _charge(self._devices, attempt.name, 1 / DEVICE_RATE, DEVICE_BURST, self._now())
        _charge(self._networks, attempt.network, 1 / NETWORK_RATE, NETWORK_BURST, self._now())

    def withdrawn(self, attempt: Attempt) -> None:
        """Give the try back: who left before the answer has learned nothing."""
        pair, now = (attempt.address, attempt.name), self._now()
        count, _ = self._strikes.get(pair, _Strikes(0, now))
        if count:
            self._strikes.put(pair, _Strikes(count - 1, now))

    def _has_failed(self, network: str) -> bool:
        return self._now() - self._networks.get(network, -FORGIVEN_AFTER) <= FORGIVEN_AFTER


def attempt_of(login: Login) -> Attempt:
    """Tell whom a login is a guess at, however its vendor spells that, and whatever else changes from try to try."""
    username = login.username or login.certificate_name or ""
    spelled, has_more, _ = username.partition(";")
    name = spelled if has_more or "/" in username else f"{username}/{login.client_id}"
    return Attempt(plain(login.address), network_of(login.address), name[:_MAX_NAME])


def _wait(count: int) -> float:
    return 0.0 if count < FREE_TRIES else min(2.0 ** (count - FREE_TRIES), LONGEST_WAIT)


def _charge(debts: Recent[str, float], key: str, price: float, burst: float, now: float) -> None:
    debts.put(key, min(max(debts.get(key, now), now) + price, now + burst + _DEBT))
