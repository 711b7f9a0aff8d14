"""Devices that do as they are told, over real MQTT and HTTP: the lower road seen from its far end.

    meter = OrderedDevice(Device(product="METER", name="m1", secret=SECRET), ("127.0.0.1", 1883))
    async with meter.powered():
        ...                                      # a cloud orders 2.0, the gateway passes it on
        await meter.until_reported("2.0")
    assert meter.flashes == {"2.0": 1}

`Manner` makes one that is not obedient: it rolls back, fails, sleeps, asks its user, hears nothing, or loses its power
in the state of your choice, once or as often as you like::

    Manner(behaviour=Behaviour.POWER_CUT, at=Word.INSTALLING, away=0.5)
    Manner(fetch="chunks", part=512)             # without an HTTP stack

What was in its working memory is gone after a reset: what it had to say, what it had heard, where it was. What was in
its flash is not: the version that runs, and the part of the image that had come. An order for the version that runs is
answered and never flashed; `flashes` counts every slot that was written to its end, `orders` and `repeats` what came.
"""

from tests.simulators.fleet.ordered.behaviour import Behaviour, Manner
from tests.simulators.fleet.ordered.device import OrderedDevice
from tests.simulators.fleet.ordered.fleet import OrderedFleet
from tests.simulators.fleet.ordered.order import Cancel, Order

__all__ = ["Behaviour", "Cancel", "Manner", "Order", "OrderedDevice", "OrderedFleet"]
