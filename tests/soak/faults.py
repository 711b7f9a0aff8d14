"""The faults: each begins, lasts, and heals, by its name in the schedule."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.e2e.reloading import hang_up
from tests.fire.box.injuries import FalseClock, frozen, locked
from tests.fire.fuzz import missing
from tests.integration.store.postgresql import Cluster
from tests.simulators.demo.clouds import Cloud
from tests.simulators.proxy import INJURIES, WELL, Proxy
from tests.soak.disk import Disk
from tests.soak.lives import Obeyer, Reporter
from tests.soak.site import House
from tests.soak.visits import Visits


class SkippedError(Exception):
    """The fault cannot be played on this machine; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """What there is to strike."""

    house: House
    clouds: Mapping[str, Cloud]
    disk: Disk
    #: Between the gateway and some of its devices.
    line: Proxy
    #: Where the store is a server's.
    cluster: Cluster | None
    reporters: Sequence[Reporter]
    obeyers: Sequence[Obeyer]
    visits: Visits
    #: The gateway's; None where it has none that can be set.
    clock: FalseClock | None
    dice: Random


#: Ends when it has healed.
Fault = Callable[[Arena, float], Awaitable[None]]

RELOAD = 60.0  # seconds
POLLS, POLLS_LESS = "polls_per_second = 20", "polls_per_second = 18"
_TAKEN_UP = "ota_gateway_config_last_reload_success_timestamp_seconds"
_IS_GOOD = "ota_gateway_config_last_reload_successful"

#: What a cloud does meanwhile: the modes of its simulator.
CLOUD_MODES: Mapping[str, dict[str, Any]] = {
    "down": {"down": True},
    "flapping": {"flapping": {"seconds": 1.5}},
    "unavailable": {"status": {"code": 503}},
    "throttled": {"status": {"code": 429, "retry_after": "2", "chance": 0.5}},
    "internal_error": {"status": {"code": 500, "chance": 0.5}},
    "reply_lost": {"reply_lost": {"chance": 0.4}},
    "slow": {"slow": {"seconds": 2.0, "chance": 0.5}},
    "truncated": {"truncated": {"chance": 0.4}},
    "html": {"html": {"chance": 0.5}},
    "enormous": {"enormous": {"times": 3, "size": 8 * 2**20}},
    "image_corrupted": {"corrupted": {"times": 1}},
    "image_broken_off": {"broken_off": {"chance": 0.5}},
    "image_trickling": {"trickling": {"rate": 65536}},
}

#: Where the gateway's clock stands, seen from now.
YEARS: Mapping[str, float] = {
    "not set at boot": -55,
    "years ahead": 10,
    "years behind": -3,
    "an hour ahead": 1 / 24 / 365.25,
}


def fault(track: str, kind: str) -> Fault:
    """Return what plays a fault of the schedule."""
    match track:
        case "tencent" | "onenet":
            return _at_cloud(track, CLOUD_MODES[kind])
        case "hostile":
            return _hostile(kind)
        case "line":
            return _on_the_line(kind)
        case "fuzz":
            return _fuzz(kind)
        case "clock":
            return _clock_says(YEARS[kind])
        case _:
            return _FAULTS[kind]


def _at_cloud(name: str, modes: dict[str, Any]) -> Fault:
    async def play(arena: Arena, seconds: float) -> None:
        cloud = arena.clouds[name]
        await cloud.set_faults(**modes)
        try:
            await asyncio.sleep(seconds)
        finally:
            await cloud.set_faults(**dict.fromkeys(modes, False))

    return play


def _hostile(kind: str) -> Fault:
    async def play(arena: Arena, seconds: float) -> None:
        await arena.visits.attack(kind, seconds)

    return play


def _fuzz(target: str) -> Fault:
    async def play(arena: Arena, seconds: float) -> None:
        if lack := missing():
            raise SkippedError(lack)
        await arena.visits.fuzz(target, seconds)

    return play


def _clock_says(years: float) -> Fault:
    """Set the gateway's wall clock, which it notices as it is, and set it right again."""

    async def play(arena: Arena, seconds: float) -> None:
        if arena.clock is None:
            raise SkippedError("there is no C compiler for a clock that jumps (Debian: gcc)")
        arena.clock.set(years=years)
        try:
            await asyncio.sleep(seconds)
        finally:
            arena.clock.set(years=0)

    return play


async def _kill(arena: Arena, _seconds: float) -> None:
    """Pull the plug, and start again."""
    await arena.house.kill()
    for cloud in arena.clouds.values():
        # What was on the wire is told again, once: at least once is the promise.
        await cloud.excuse_resends()
    await arena.house.begin()


async def _terminate(arena: Arena, _seconds: float) -> None:
    """Restart it in order; it must say that it ended well."""
    code = await arena.house.end()
    assert code == 0, f"the gateway ended with {code} on SIGTERM"
    await arena.house.begin()


async def _freeze(arena: Arena, seconds: float) -> None:
    """Stop its process, as a hypervisor does, and let it go on."""
    assert arena.house.pid is not None
    with frozen(arena.house.pid):
        await asyncio.sleep(seconds)


async def _reload_good(arena: Arena, _seconds: float) -> None:
    """Change what the clouds may be asked, and have the file read again."""
    text = arena.house.config.read_text()
    is_high = POLLS in text
    arena.house.config.write_text(
        text.replace(POLLS, POLLS_LESS) if is_high else text.replace(POLLS_LESS, POLLS)
    )
    await _reload(arena.house, is_good=True)


async def _reload_bad(arena: Arena, _seconds: float) -> None:
    """Write a mistake, which must change nothing, and mend it."""
    good = arena.house.config.read_text()
    arena.house.config.write_text(good.replace('success = "on_done"', 'success = "maybe"'))
    try:
        await _reload(arena.house, is_good=False)
    finally:
        arena.house.config.write_text(good)
    await _reload(arena.house, is_good=True)


async def _reload(house: House, *, is_good: bool) -> None:
    """Send SIGHUP, and wait until the gateway says what it made of it."""
    before = await house.metric(_TAKEN_UP)
    hang_up(house)
    try:
        async with asyncio.timeout(RELOAD):
            if is_good:
                while await house.metric(_TAKEN_UP) == before:  # its clock may have been set back
                    await asyncio.sleep(0.2)
            while await house.metric(_IS_GOOD) != is_good:
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"after {RELOAD:.0f} s SIGHUP was not answered") from None


async def _disk_full(arena: Arena, seconds: float) -> None:
    """Let somebody else fill the disk."""
    if arena.disk.small is None:
        raise SkippedError("the disk is not the soak's own: that takes root, and a container that may mount")
    try:
        await asyncio.to_thread(arena.disk.small.fill)
        await asyncio.sleep(seconds)
    finally:
        arena.disk.small.relieve()


async def _store_locked(arena: Arena, seconds: float) -> None:
    """Let somebody else hold the database's lock, as a careless backup does; a server is away instead."""
    if arena.cluster is not None:
        await _away(arena.cluster, seconds)
        return
    try:
        with locked(arena.house.data / "gateway.db"):
            await asyncio.sleep(seconds)
    except sqlite3.OperationalError as err:
        raise SkippedError(f"the lock was not to be had: {err}") from err


async def _away(cluster: Cluster, seconds: float) -> None:
    await asyncio.to_thread(cluster.kill)
    try:
        await asyncio.sleep(seconds)
    finally:
        await asyncio.to_thread(cluster.start)


def _on_the_line(kind: str) -> Fault:
    """Injure the connections of half of the devices that report, at the TCP that MQTT knows nothing of."""

    async def play(arena: Arena, seconds: float) -> None:
        arena.line.injury = INJURIES[kind]
        try:
            await asyncio.sleep(seconds)
        finally:
            arena.line.injury = WELL

    return play


async def _power_cut(arena: Arena, seconds: float) -> None:
    """Take the power of some devices that take orders."""
    for each in arena.dice.sample(arena.obeyers, max(len(arena.obeyers) // 4, 1)):
        each.taker.cut_power(seconds)
    await asyncio.sleep(seconds)


async def _reconnect_storm(arena: Arena, _seconds: float) -> None:
    """Break every connection that there is, as a switch does that starts anew."""
    for reporter in arena.reporters:
        reporter.cut()
    for obeyer in arena.obeyers:
        obeyer.taker.cut_power(0.1)


_FAULTS: Mapping[str, Fault] = {
    "kill": _kill,
    "terminate": _terminate,
    "freeze": _freeze,
    "reload_good": _reload_good,
    "reload_bad": _reload_bad,
    "disk_full": _disk_full,
    "store_locked": _store_locked,
    "power_cut": _power_cut,
    "reconnect_storm": _reconnect_storm,
}
