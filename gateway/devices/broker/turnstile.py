"""How often sockets may come: so many a second for the site, and a share of that for each network.

Its law: whoever comes seldom is let in, however often another network comes. What nobody else wants one network may
have, so that hundreds of devices behind one router come back as fast as hundreds with addresses of their own.
"""

from typing import Final

from gateway.core.networks import Recent
from gateway.devices.broker.limits import TokenBucket

SHARES: Final = 10
"""How many networks the rate is enough for, each with its share; the share is that of a second, too."""


class Turnstile:
    """Says of each new socket whether it may come."""

    def __init__(self, rate: float, now: float) -> None:
        #: What stays for networks that are within their share: a second's worth; as much again is for all.
        self._reserve = max(rate, 1)
        self._bucket = TokenBucket(rate, 2 * self._reserve, now)
        self._share = max(rate / SHARES, 1)
        #: When each network will have paid for all that it took, in the seconds of its own share.
        self._owed: Recent[str, float] = Recent()

    def lets_in(self, network: str, now: float) -> bool:
        """Whether one from there may come now; then it has come."""
        owed = max(self._owed.get(network, now), now)
        is_within = owed - now < 1
        if self._bucket.left(now) < (1 if is_within else self._reserve + 1):
            return False
        self._bucket.take()
        # Nothing beyond its share is held against it: nobody else wanted that.
        self._owed.put(network, min(owed, now + 1) + 1 / self._share)
        return True
