"""Devices over real MQTT: two dialects, several plots, bad habits, and a ledger of what is certain to have arrived.

    fleet = Fleet(("127.0.0.1", 1883), cast("PLAIN", 25) + cast("TENCENT", 25, dialect="tencent"), seed=7)
    await fleet.run()                            # survives a broker that is killed and started again
    assert fleet.sent == fleet.acknowledged
    for device, versions in fleet.truth.items():
        for version, result in versions.items():
            ...                                  # result.ending: what each cloud must have heard in the end

Every publish has QoS 1. A device that loses its connection comes back and sends what was not acknowledged, in
order and marked DUP, and nothing else twice. ``python -m tests.simulators.fleet`` is a fleet as a process.
"""

from tests.simulators.fleet.cast import cast, secret_of
from tests.simulators.fleet.device import Device
from tests.simulators.fleet.ending import DONE, ROLLED_BACK, Ending, Result
from tests.simulators.fleet.fleet import Fleet

__all__ = ["DONE", "ROLLED_BACK", "Device", "Ending", "Fleet", "Result", "cast", "secret_of"]
