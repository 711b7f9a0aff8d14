"""File descriptors: as many as may be had are taken, and devices never get the last of them.

A flood of connections would else leave none for the clouds, for images, for the store, and for who looks what is wrong.
"""

import resource
from contextlib import suppress

import structlog

log = structlog.get_logger()

#: What everything but devices may need: lanes, transfers with their files, operators, the store and its journals.
OTHERS = 512
#: Nobody has more devices than these.
MOST = 2**20


def take_all() -> int:
    """Raise the soft limit to the hard one, where that is allowed; return how many this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)


def for_listener(wanted: int, *, available: int) -> int:
    """Return how many connections a listener beside the devices' may have.

    There are fewer where there are few descriptors, so that strangers do not get the last of them there.
    """
    return min(wanted, max(available // 8, 1))


def for_devices(wanted: int, *, available: int) -> int:
    """Return how many connections of devices there may be; 0 wants no bound of its own.

    Where there are few descriptors, half of them stay for others.
    """
    most = available - min(OTHERS, available // 2)
    if 0 < wanted <= most:
        return wanted
    log.warning("connections_limited", max_connections=most, wanted=wanted, descriptors=available)
    return most
