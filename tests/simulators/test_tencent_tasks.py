"""The Actions about tasks, and the image behind FirmwareURL."""

from typing import Any

import pytest

from tests.simulators.callers import TencentCaller, error_of
from tests.simulators.tencent import Status, TencentCloud

ADDRESS = "PR0DUCT01/dev01"
NO_TASK = "ResourceNotFound.DeviceFirmwareTaskNotExist"


async def status_of(app: TencentCaller) -> dict[str, Any]:
    """Return the fields of AppDescribeFirmwareUpdateStatus."""
    fields: dict[str, Any] = (await app.act("AppDescribeFirmwareUpdateStatus"))["Response"]
    return fields


async def url_of(app: TencentCaller) -> str:
    """Return the FirmwareURL of the device's task."""
    url: str = (await app.act("AppGetDeviceOTAInfo"))["Response"]["FirmwareURL"]
    return url


async def test_an_open_task_is_offered(tencent_app: TencentCaller) -> None:
    """AppGetDeviceOTAInfo names the image, the target and what the device runs."""
    info = (await tencent_app.act("AppGetDeviceOTAInfo"))["Response"]
    assert info.keys() == {"FirmwareURL", "TargetVersion", "UploadVersion", "RequestId"}
    assert (info["TargetVersion"], info["UploadVersion"]) == ("2.0", "1.0")


@pytest.mark.parametrize("end", ["done", "fail"])
async def test_a_finished_task_is_offered_no_more(tencent_app: TencentCaller, end: str) -> None:
    """After the end there is nothing to fetch."""
    await tencent_app.report(end)
    assert error_of(await tencent_app.act("AppGetDeviceOTAInfo")) == NO_TASK


async def test_no_task(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Without a task each Action has its own word for it."""
    tencent_cloud.tasks.clear()
    assert error_of(await tencent_app.act("AppGetDeviceOTAInfo")) == NO_TASK
    assert error_of(await tencent_app.act("AppDescribeFirmwareUpdateStatus")) == NO_TASK
    publish = await tencent_app.act("AppPublishFirmwareUpdateMessage")
    assert error_of(publish) == "ResourceNotFound.DeviceHasNoFirmware"


@pytest.mark.parametrize(
    ("state", "percent", "status"),
    [
        ("downloading", 20, 3),
        ("downloading", 100, 20),
        ("burning", None, 4),
        ("updating", None, 4),
        ("done", 100, 6),
        ("fail", None, 5),
    ],
)
async def test_reports_move_the_status(
    tencent_app: TencentCaller, state: str, percent: int | None, status: int
) -> None:
    """What was reported can be queried."""
    await tencent_app.report(state, percent)
    shown = await status_of(tencent_app)
    assert shown["Status"] == status
    assert shown["Percent"] == (percent or 0)


async def test_the_failure_text_is_shown(tencent_app: TencentCaller) -> None:
    """ErrMsg is the ResultMsg of the failure; the code is shown nowhere."""
    await tencent_app.report("fail", ResultCode=-4, ResultMsg="md5")
    assert (await status_of(tencent_app))["ErrMsg"] == "md5"


async def test_done_makes_the_target_the_devices_version(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """``done`` closes the task without asking for the version."""
    await tencent_app.report("done")
    assert tencent_cloud.devices[ADDRESS].version == "2.0"


async def test_a_report_about_another_version_leaves_the_task(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """A task hears only about its own target."""
    await tencent_app.report("done", Version="1.9")
    assert tencent_cloud.tasks[ADDRESS].status is Status.PENDING


async def test_an_offline_device(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """An offline device shows as 0 while its task is open, and cannot be sent a confirmation."""
    tencent_cloud.devices[ADDRESS].online = False
    assert (await status_of(tencent_app))["Status"] == 0
    publish = await tencent_app.act("AppPublishFirmwareUpdateMessage")
    assert error_of(publish) == "FailedOperation.DeviceOffline"


async def test_the_user_confirms(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A task that waits for its user goes on when AppPublishFirmwareUpdateMessage says so."""
    tencent_cloud.create_task(ADDRESS, "3.0", confirm=True)
    assert (await status_of(tencent_app))["Status"] == 8
    await tencent_app.act("AppPublishFirmwareUpdateMessage")
    assert (await status_of(tencent_app))["Status"] == 2


async def test_a_status_can_be_absent(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The page's own sample has no Status."""
    tencent_cloud.omits_status = True
    assert "Status" not in await status_of(tencent_app)


async def test_a_cancelled_task_shows_as_failed_for_good(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """Cancelling tells the device nothing, and what it still says changes nothing."""
    tencent_cloud.tasks[ADDRESS].cancel()
    await tencent_app.report("downloading", 50)
    assert (await status_of(tencent_app))["Status"] == 5


async def test_no_permission_for_any_action(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Permission is asked for by every Action about a device."""
    tencent_cloud.devices[ADDRESS].permitted = False
    for action in (
        "AppGetDeviceOTAInfo",
        "AppDescribeFirmwareUpdateStatus",
        "AppPublishFirmwareUpdateMessage",
    ):
        assert error_of(await tencent_app.act(action)) == "InvalidParameterValue.NoPermission"


async def test_the_firmware_is_described(tencent_app: TencentCaller) -> None:
    """AppDescribeFirmware has the md5 and the module; its parameter is ProductID."""
    described = await tencent_app.act("AppDescribeFirmware", ProductID="PR0DUCT01", FirmwareVersion="2.0")
    missing = await tencent_app.act("AppDescribeFirmware", ProductID="PR0DUCT01", FirmwareVersion="9")
    assert described["Response"]["Md5sum"] == "ad2f4e4ea2a27eace7e4913139f8f01a"
    assert described["Response"]["FwType"] == "mcu"
    assert error_of(missing) == "ResourceNotFound"


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("", 200, b"1" * 14 + b"2" * 8),
        ("bytes=0-15", 206, b"1" * 14 + b"22"),
        ("bytes=20-22", 206, b"22"),
        ("bytes=21-", 206, b"2"),
        ("bytes=22-", 416, b""),
    ],
)
async def test_the_image_is_served_in_parts(
    tencent_app: TencentCaller, asked: str, status: int, body: bytes
) -> None:
    """The store serves ranges, tolerates an end past the last byte, and refuses a start past it."""
    url = await url_of(tencent_app)
    async with tencent_app.session.get(url, headers={"Range": asked} if asked else {}) as response:
        assert response.status == status
        assert await response.read() == body


async def test_the_url_expires(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A URL is good for its lifetime, then 403; a forged one is never good."""
    url = await url_of(tencent_app)
    tencent_cloud.clock = lambda: 2.0**33
    async with tencent_app.session.get(url) as late, tencent_app.session.get(url + "0") as forged:
        assert (late.status, forged.status) == (403, 403)


async def test_an_image_that_is_gone(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The URL of a deleted image is 404."""
    url = await url_of(tencent_app)
    tencent_cloud.firmware.clear()
    async with tencent_app.session.get(url) as response:
        assert response.status == 404
