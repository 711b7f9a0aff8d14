"""What a cloud may do to those who follow its tasks: confirm, time out, lag behind, and say less."""

from typing import Any

import pytest
from aiohttp import ServerDisconnectedError

from tests.simulators import Fault
from tests.simulators.callers import TencentCaller, error_of
from tests.simulators.tencent import Status, TencentCloud

ADDRESS = "PR0DUCT01/dev01"
NO_TASK = "ResourceNotFound.DeviceFirmwareTaskNotExist"
NO_PERMISSION = "InvalidParameterValue.NoPermission"


async def seen(app: TencentCaller) -> dict[str, Any]:
    """Return the fields of AppDescribeFirmwareUpdateStatus."""
    fields: dict[str, Any] = (await app.act("AppDescribeFirmwareUpdateStatus"))["Response"]
    return fields


async def confirm(app: TencentCaller) -> str:
    """Confirm as the user, and return the error code or nothing."""
    return error_of(await app.act("AppPublishFirmwareUpdateMessage"))


async def steer(app: TencentCaller, path: str, body: dict[str, Any]) -> Any:
    """Change something through the control interface."""
    async with app.session.post(f"{app.url}/_sim/{path}", json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_the_way_to_a_confirmed_update(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Status 8, the user's yes, 2, and then as any other update."""
    tencent_cloud.create_task(ADDRESS, "3.0", confirm=True)
    assert (await seen(tencent_app))["Status"] == 8
    assert await confirm(tencent_app) == ""
    assert (await seen(tencent_app))["Status"] == 2
    await tencent_app.report("done", Version="3.0")
    assert await confirm(tencent_app) == "ResourceNotFound.DeviceHasNoFirmware"
    assert tencent_cloud.record.illegal == 0


async def test_a_device_that_sleeps_is_confirmed_later(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """DeviceOffline leaves the task waiting."""
    tencent_cloud.create_task(ADDRESS, "3.0", confirm=True)
    tencent_cloud.devices[ADDRESS].online = False
    assert await confirm(tencent_app) == "FailedOperation.DeviceOffline"
    tencent_cloud.devices[ADDRESS].online = True
    assert await confirm(tencent_app) == ""
    assert tencent_cloud.record.illegal == 0


async def test_confirming_again_is_marked(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Once is enough, except where the reply was lost."""
    tencent_cloud.create_task(ADDRESS, "3.0", confirm=True)
    tencent_cloud.faults.reply_lost = Fault(times=1)
    with pytest.raises(ServerDisconnectedError):
        await confirm(tencent_app)
    assert await confirm(tencent_app) == ""
    assert tencent_cloud.record.illegal == 0
    assert await confirm(tencent_app) == ""
    assert tencent_cloud.record.reasons == {"confirmed_again": 1}


async def test_a_killed_caller_may_confirm_again(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """After a kill the caller cannot know that it has confirmed."""
    await confirm(tencent_app)
    tencent_cloud.record.excuse_resends()
    await confirm(tencent_app)
    assert tencent_cloud.record.illegal == 0


async def test_beginning_without_a_yes_is_marked(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """No progress before the user has agreed; the task still waits."""
    tencent_cloud.create_task(ADDRESS, "3.0", confirm=True)
    assert await tencent_app.report("downloading", 1, Version="3.0") == ""
    assert tencent_cloud.record.reasons == {"unconfirmed": 1}
    assert tencent_cloud.tasks[ADDRESS].status is Status.WAITING_FOR_USER


async def test_a_refusal_needs_no_yes(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The user's no is told as a failure."""
    tencent_cloud.create_task(ADDRESS, "3.0", confirm=True)
    await tencent_app.report("fail", Version="3.0", ResultCode=-5, ResultMsg="DENIED_BY_USER")
    assert tencent_cloud.record.illegal == 0
    assert (await seen(tencent_app))["Status"] == 5


async def test_a_task_may_hide_until_it_is_confirmed(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """Whether an unconfirmed task is offered is written nowhere; both can be had."""
    tencent_cloud.create_task(ADDRESS, "3.0", confirm=True)
    assert error_of(await tencent_app.act("AppGetDeviceOTAInfo")) == ""
    tencent_cloud.hides_unconfirmed = True
    assert error_of(await tencent_app.act("AppGetDeviceOTAInfo")) == NO_TASK
    await confirm(tencent_app)
    assert error_of(await tencent_app.act("AppGetDeviceOTAInfo")) == ""


@pytest.mark.parametrize("begin", [confirm, lambda app: app.report("downloading", 1)])
async def test_a_task_times_out(tencent_cloud: TencentCloud, tencent_app: TencentCaller, begin: Any) -> None:
    """So long after its delivery or first report it is over, and what comes then comes too late."""
    tencent_cloud.clock = lambda: 0.0
    tencent_cloud.task_timeout = 120.0
    tencent_cloud.create_task(ADDRESS, "2.0")
    tencent_cloud.clock = lambda: 1000.0
    await begin(tencent_app)
    tencent_cloud.clock = lambda: 1119.0
    assert (await seen(tencent_app))["Status"] in (2, 3)
    tencent_cloud.clock = lambda: 1120.0
    assert (await seen(tencent_app))["Status"] == 10
    assert error_of(await tencent_app.act("AppGetDeviceOTAInfo")) == NO_TASK
    await tencent_app.report("done")
    assert (await seen(tencent_app))["Status"] == 10


async def test_a_new_order_may_show_late(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """For a while the query still shows the end of the task before; DstVersion tells them apart."""
    await tencent_app.report("done")
    tencent_cloud.status_lag = 2
    tencent_cloud.create_task(ADDRESS, "3.0")
    shown = [await seen(tencent_app) for _ in range(3)]
    assert [(each["DstVersion"], each["Status"]) for each in shown] == [("2.0", 6), ("2.0", 6), ("3.0", 1)]


@pytest.mark.parametrize("status", [0, 7, 99, -1])
async def test_any_status_can_be_shown(tencent_app: TencentCaller, status: int) -> None:
    """Numbers that no rule of this cloud leads to, and ones that no page lists."""
    show = {"devices": [ADDRESS], "status": status}
    assert await steer(tencent_app, "tasks", {"show": show}) == {"shown": 1}
    assert (await seen(tencent_app))["Status"] == status
    await steer(tencent_app, "tasks", {"show": {**show, "status": None}})
    assert (await seen(tencent_app))["Status"] == 1


async def test_checking_for_an_update(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """AppCheckFirmwareUpdate names both versions; without a task there is no second one."""
    fields = (await tencent_app.act("AppCheckFirmwareUpdate"))["Response"]
    assert (fields["CurrentVersion"], fields["DstVersion"]) == ("1.0", "2.0")
    tencent_cloud.tasks.clear()
    assert (await tencent_app.act("AppCheckFirmwareUpdate"))["Response"]["DstVersion"] == ""


async def test_a_version_that_does_not_fit_the_task(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """A device that has reported another version since is outdated information."""
    tencent_cloud.devices[ADDRESS].version = "1.5"
    check = await tencent_app.act("AppCheckFirmwareUpdate")
    assert error_of(check) == "FailedOperation.DeviceInfoOutdated"


async def test_versions_by_module(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """AppDescribeDeviceVersion lists what was reported, or has nothing to list."""
    await steer(tencent_app, "devices", {"devices": [ADDRESS], "modules": {"wifi": "1.1"}})
    versions = (await tencent_app.act("AppDescribeDeviceVersion"))["Response"]["DeviceVersions"]
    assert versions == [{"Version": "1.0", "Module": "mcu"}, {"Version": "1.1", "Module": "wifi"}]
    await steer(tencent_app, "devices", {"devices": [ADDRESS], "modules": {}, "version": ""})
    assert error_of(await tencent_app.act("AppDescribeDeviceVersion")) == NO_TASK


async def test_firmware_details_can_be_forbidden(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """An account may not be allowed to ask, and fields may be null."""
    asked = {"ProductID": "PR0DUCT01", "FirmwareVersion": "2.0"}
    await steer(tencent_app, "settings", {"forbids_firmware_details": True})
    assert error_of(await tencent_app.act("AppDescribeFirmware", **asked)) == NO_PERMISSION
    await steer(tencent_app, "settings", {"forbids_firmware_details": False})
    order = {"devices": [ADDRESS], "version": "2.0", "fw_type": "", "md5": ""}
    await steer(tencent_app, "tasks", {"create": order})
    details = (await tencent_app.act("AppDescribeFirmware", **asked))["Response"]
    assert (details["Md5sum"], details["FwType"]) == (None, None)


async def test_a_task_with_a_limit_over_http(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Each order may bring its own time-out."""
    order = {"devices": [ADDRESS], "version": "3.0", "timeout": 900}
    await steer(tencent_app, "tasks", {"create": order})
    assert tencent_cloud.tasks[ADDRESS].timeout == 900


async def test_settings_over_http(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Switches are set by name, all or none, and shown."""
    shown = await steer(tencent_app, "settings", {"skew": 60, "task_timeout": 120, "envelope": "client"})
    assert (shown["skew"], shown["task_timeout"], shown["omits_status"]) == (60.0, 120.0, False)
    async with tencent_app.session.get(f"{tencent_app.url}/_sim/settings") as response:
        assert await response.json() == shown
    wrong: list[dict[str, Any]] = [{"x": 1}, {"skew": "soon"}, {"skew": 1, "one_login": 1}, {"envelope": "?"}]
    for each in wrong:
        async with tencent_app.session.post(f"{tencent_app.url}/_sim/settings", json=each) as response:
            assert response.status == 400
    assert tencent_cloud.skew == 60.0


async def test_calls_are_counted_by_device(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """What an update or an idle hour costs can be computed, in summary mode as well."""
    tencent_cloud.record.mode = "summary"
    for state in ("downloading", "done"):
        await tencent_app.report(state)
    await tencent_app.act("AppGetDeviceOTAInfo")
    counted = tencent_cloud.record.by_device[ADDRESS]
    assert counted == {"AppReportOTAStatus": 2, "AppGetDeviceOTAInfo": 1}
    assert "calls_by_device" not in tencent_cloud.summary(devices=False)
    assert tencent_cloud.summary()["tasks"][ADDRESS]["status"] == 6
