"""OneNET OTA, south interface and fuse interface, with their state, simulated from the documents.

    cloud = OneNetCloud(devices=["527776559"])
    cloud.create_task("527776559", "2.0")
    header = {"Authorization": sign(resource=RESOURCE, key=KEY, expires=2**33)}
    async with serve(cloud) as url:
        query = {"dev_id": "527776559", "manuf": "100", "model": "10001", "type": "2", "version": "1.0"}
        async with session.get(url + "/ota/south/check", params=query, headers=header) as response:
            token = (await response.json())["data"]["token"]
        ...                          # token check, download, progress, then 101 and 201 to /ota/south/report
        cloud.tasks["527776559", 2].cancel()            # from here on: errno 22
    assert cloud.record.illegal == 0

The same tasks are seen through ``/fuse-ota/100001/{device}/…`` by those who prefer names and task numbers.
"""

from tests.simulators.onenet.authorization import sign, verify
from tests.simulators.onenet.cloud import KEY, RESOURCE, OneNetCloud
from tests.simulators.onenet.download import Mistake, OtaErrno
from tests.simulators.onenet.push import Pusher, signature_a, signature_b
from tests.simulators.onenet.task import Device, State, Task

__all__ = [
    "KEY",
    "RESOURCE",
    "Device",
    "Mistake",
    "OneNetCloud",
    "OtaErrno",
    "Pusher",
    "State",
    "Task",
    "sign",
    "signature_a",
    "signature_b",
    "verify",
]
