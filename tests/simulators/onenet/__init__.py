"""OneNET OTA, south interface of ota.heclouds.com, with its state, simulated from the documents.

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

This is the generation with numeric device ids and task tokens; those with names in the path are another API.
"""

from tests.simulators.onenet.authorization import sign, verify
from tests.simulators.onenet.cloud import KEY, RESOURCE, OneNetCloud
from tests.simulators.onenet.task import Device, State, Task

__all__ = ["KEY", "RESOURCE", "Device", "OneNetCloud", "State", "Task", "sign", "verify"]
