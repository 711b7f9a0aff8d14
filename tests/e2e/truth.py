"""What devices got acknowledged against what both clouds heard: nothing lost, nothing twice, nothing illegal."""

from collections.abc import Sequence

from tests.e2e.devices import dev_id
from tests.simulators.fleet import Device, Ending, Fleet
from tests.simulators.onenet import OneNetCloud
from tests.simulators.onenet.task import Device as OneNetDevice
from tests.simulators.tencent import TencentCloud

AUTHENTICATION = {"plain": "password", "tencent": "tencent"}


def products(devices: Sequence[Device], *, more: str = 'rollback_after = "1s"') -> str:
    """Write the configuration of the devices' products, each bound to both clouds."""
    lines = []
    for name, dialect in sorted({(device.product, device.dialect) for device in devices}):
        lines += [f"[products.{name}]", f'dialect = "{dialect}"', more]
        lines += [f'authentication = "{AUTHENTICATION[dialect]}"', 'clouds = ["tencent", "onenet"]']
        for device in devices:
            if device.product == name:
                known_as = dev_id(name, device.name)
                lines += [f"[products.{name}.devices.{device.name}]", f'secret = "{device.secret}"']
                lines.append(f'onenet = {{ dev_id = "{known_as}", manuf = "100", model = "10001" }}')
    return "\n".join(lines) + "\n"


def order(onenet: OneNetCloud, devices: Sequence[Device], version: str = "2.0") -> None:
    """Give every device a task at OneNET, which listens to no report without one."""
    for device in devices:
        known_as = dev_id(device.product, device.name)
        onenet.devices[known_as] = OneNetDevice({2: device.version})
        onenet.create_task(known_as, version)


def agree(fleet: Fleet, tencent: TencentCloud, onenet: OneNetCloud) -> None:
    """Assert that each cloud has every acknowledged ending, once, legally, and as the device meant it."""
    devices, endings = fleet.devices, _endings(fleet)
    assert fleet.sent == fleet.acknowledged
    assert _tencent_endings(tencent) == {a: (e.state, e.tencent) for a, e in endings.items()}
    results = {a: onenet.tasks[dev_id(d.product, d.name), 2].result for a, d in devices.items()}
    assert results == {a: e.onenet for a, e in endings.items()}
    assert (tencent.record.illegal, onenet.record.illegal) == (0, 0)


def _endings(fleet: Fleet) -> dict[str, Ending]:
    found = {address: results["2.0"].ending for address, results in fleet.truth.items()}
    return {address: ending for address, ending in found.items() if ending is not None}


def _tencent_endings(cloud: TencentCloud) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for call in cloud.record.calls:
        word, *_ = call.said.split(" ")
        if call.verdict == "legal" and word in ("done", "fail"):
            assert call.device not in found, f"{call.device} ended twice"
            found[call.device] = (word, int(call.body["ResultCode"]))
    return found
