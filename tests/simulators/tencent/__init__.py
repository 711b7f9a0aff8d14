"""Tencent Cloud IoT Explorer, application side: login and token API, with their state, from the documents.

cloud = TencentCloud(devices=["PR0DUCT01/dev01"])
cloud.create_task("PR0DUCT01/dev01", "2.0")
async with serve(cloud) as url:
    async with session.post(url + PATH, json={
        "AccessToken": TOKEN, "RequestId": str(uuid4()), "Action": "AppReportOTAStatus",
        "ProductId": "PR0DUCT01", "DeviceName": "dev01",
        "Version": "2.0", "State": "downloading", "ResultCode": 0, "Persent": 20,
    }) as response:
        assert response.status == 200          # business errors come with 200 as well
    cloud.tokens.clear()                       # from here on: InvalidParameterValue.InvalidAccessToken
assert cloud.histories["PR0DUCT01/dev01", "2.0"].states == ["downloading"]
assert cloud.tasks["PR0DUCT01/dev01"].status is Status.DOWNLOADING
"""

from tests.simulators.tencent.account import APP_KEY, APP_SECRET, EMAIL, PASSWORD, Account, signature_of
from tests.simulators.tencent.cloud import LOGIN_PATH, PATH, TOKEN, TencentCloud
from tests.simulators.tencent.history import History
from tests.simulators.tencent.task import Device, Status, Task

__all__ = [
    "APP_KEY",
    "APP_SECRET",
    "EMAIL",
    "LOGIN_PATH",
    "PASSWORD",
    "PATH",
    "TOKEN",
    "Account",
    "Device",
    "History",
    "Status",
    "Task",
    "TencentCloud",
    "signature_of",
]
