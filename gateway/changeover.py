"""From the configuration in force to the next one, part by part, while everything that it does not touch goes on.

Law: whatever can fail is made ready first. What follows is done in one turn of the loop, so that no device, no cloud
and no person ever meets a gateway that is half of each.
"""

import asyncio
import ssl
from dataclasses import dataclass

from gateway import logs, wiring
from gateway.assembly import Gateway
from gateway.clouds import registry
from gateway.clouds.session import HttpSession
from gateway.config import Config
from gateway.config.difference import Difference
from gateway.devices.access import Judges
from gateway.lanes import Crew
from gateway.model.identity import DeviceId, Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Changeover:
    """All that takes another's place."""

    difference: Difference
    judges: Judges
    tls: ssl.SSLContext | None
    #: For lanes that are new or begin anew.
    crews: list[Crew]

    @property
    def leaving(self) -> list[Lane]:
        """The lanes whose work ends."""
        clouds = self.difference.clouds
        return [wiring.lane_of(name) for name in (*clouds.removed, *clouds.changed)]


async def prepare(gateway: Gateway, difference: Difference) -> Changeover:
    """Make everything ready; raises ConfigError or OSError, and nothing has changed."""
    config = difference.in_force
    judges, tls = await asyncio.to_thread(_judges_and_tls, gateway, config)
    names = {*difference.clouds.added, *difference.clouds.changed}
    prepared = registry.prepare({name: config.clouds[name] for name in sorted(names)})
    crews = [gateway.lanes.crew(each, config) for each in prepared]
    return Changeover(difference=difference, judges=judges, tls=tls, crews=crews)


def _judges_and_tls(gateway: Gateway, config: Config) -> tuple[Judges, ssl.SSLContext | None]:
    judges = gateway.access.judges(wiring.products(config), denied=config.mqtt.denied_certificates)
    files = [listener.tls for listener in wiring.listeners(config) if listener.tls is not None]
    return judges, files[0].context() if files else None


async def apply(gateway: Gateway, changeover: Changeover, group: asyncio.TaskGroup) -> int:
    """Change over; return how many devices have to come again."""
    await gateway.lanes.end(changeover.leaving)
    ended = _exchange_lanes(gateway, changeover)
    disconnected = _exchange_rules(gateway, changeover)
    _begin(gateway, changeover, group)
    for session in ended:
        await session.close()
    return disconnected


def _exchange_lanes(gateway: Gateway, changeover: Changeover) -> list[HttpSession]:
    """Let new crews have their lanes; return the sessions of those that ended."""
    gateway.config = changeover.difference.in_force
    removed = [gateway.lanes.remove(wiring.lane_of(name)) for name in changeover.difference.clouds.removed]
    replaced = [before for crew in changeover.crews if (before := gateway.lanes.take_on(crew))]
    return removed + replaced


def _exchange_rules(gateway: Gateway, changeover: Changeover) -> int:
    config, now_wrong = gateway.config, gateway.access.replace(changeover.judges)
    logs.set_level(config.gateway.log_level)
    gateway.link.replace(wiring.dialects(config))
    gateway.record.replace(wiring.product_rules(config))
    gateway.engine.limit(config.store.lane_quota)
    gateway.store.keep_within(lane_quota=config.store.lane_quota, keep=wiring.keep(config))
    gateway.broker.limit(wiring.limits(config))
    trusts_less = changeover.tls is not None and gateway.broker.renew(changeover.tls)
    wiring.initialise_lanes(gateway.metrics, config)
    gateway.on_config(config)
    # Nobody looks again by whom a certificate was signed: whoever has shown one shows it again.
    return gateway.broker.dismiss(
        lambda device, shown: now_wrong(device, shown) or (trusts_less and shown is not None)
    )


def _begin(gateway: Gateway, changeover: Changeover, group: asyncio.TaskGroup) -> None:
    renewed = [crew.lane for crew in changeover.crews]
    if gateway.down is not None:
        gateway.down.reconfigured(renewed)
    for lane in renewed:
        # Whoever changed the settings may have mended what kept it shut.
        gateway.lanes.gates[lane].hurry()
        gateway.lanes.begin(lane, group, gateway.lane_works(lane))
    if gateway.down is not None:
        for device in [*gateway.link.devices]:
            if _is_concerned(device, changeover.difference, renewed):
                gateway.down.reconsider(device)


def _is_concerned(device: DeviceId, difference: Difference, renewed: list[Lane]) -> bool:
    """Whether other clouds may be asked about it, or others ask."""
    products = difference.products
    if device.product_id in (*products.added, *products.removed, *products.changed):
        return True
    product = difference.in_force.products.get(device.product_id)
    return product is not None and any(wiring.lane_of(cloud) in renewed for cloud in product.clouds)
