"""The control interface, as another process uses it."""

from typing import Any

import aiohttp
import pytest
from aiohttp import ClientOSError

from tests.simulators import Record
from tests.simulators.callers import OneNetCaller, TencentCaller
from tests.simulators.onenet import OneNetCloud, State
from tests.simulators.tencent import Status, TencentCloud

Caller = TencentCaller | OneNetCaller


async def see(caller: Caller, path: str) -> Any:
    """Read from the control interface."""
    async with caller.session.get(f"{caller.url}/_sim/{path}") as response:
        assert response.status == 200
        return await response.json()


async def steer(caller: Caller, path: str, body: dict[str, Any]) -> Any:
    """Change something through the control interface."""
    async with caller.session.post(f"{caller.url}/_sim/{path}", json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_the_record_tells_the_story(tencent_app: TencentCaller) -> None:
    """Every call is there in order, with what was said, the reply and the verdict."""
    await tencent_app.report("downloading", 20)
    await tencent_app.report("done", ResultCode=9)
    await tencent_app.report("done")
    await tencent_app.report("done")
    calls = (await see(tencent_app, "record"))["calls"]
    assert [call["order"] for call in calls] == [1, 2, 3, 4]
    assert [call["said"] for call in calls] == ["downloading 20", "", "done", "done"]
    assert [call["reply"] for call in calls] == ["ok", "InvalidParameterValue", "ok", "ok"]
    assert [call["verdict"] for call in calls] == ["legal", "refused", "legal", "illegal"]
    assert calls[3]["why"] == "duplicate_terminal"
    assert calls[0]["device"] == "PR0DUCT01/dev01"


async def test_the_record_can_be_filtered(tencent_app: TencentCaller) -> None:
    """By device, verdict, order and number."""
    for state in ("downloading", "done", "done"):
        await tencent_app.report(state)
    for query, orders in [
        ("verdict=illegal", [3]),
        ("since=1", [2, 3]),
        ("limit=2", [1, 2]),
        ("device=PR0DUCT01/dev02", []),
    ]:
        found = (await see(tencent_app, f"record?{query}"))["calls"]
        assert [call["order"] for call in found] == orders


async def test_the_summary_counts(tencent_app: TencentCaller) -> None:
    """Counters for the whole, and the last state of each device."""
    for state in ("downloading", "done", "done"):
        await tencent_app.report(state)
    summary = await see(tencent_app, "summary")
    assert (summary["calls"], summary["heard"], summary["illegal"]) == (3, 3, 1)
    assert summary["terminal"] == {"done": 1, "fail": 0}
    assert summary["replies"] == {"AppReportOTAStatus": {"ok": 3}}
    assert summary["devices"]["PR0DUCT01/dev01"]["state"] == "done"
    assert "devices" not in await see(tencent_app, "summary?devices=no")


async def test_summary_mode_keeps_no_calls(tencent_app: TencentCaller) -> None:
    """In summary mode counters and last states go on, calls are not kept."""
    await steer(tencent_app, "record", {"mode": "summary"})
    await tencent_app.report("done")
    assert (await see(tencent_app, "record"))["calls"] == []
    assert (await see(tencent_app, "summary"))["heard"] == 1


async def test_the_record_can_be_cleared(tencent_app: TencentCaller) -> None:
    """A benchmark begins with a clean page; what the cloud knows stays."""
    await tencent_app.report("downloading")
    await steer(tencent_app, "record", {"clear": True})
    summary = await see(tencent_app, "summary")
    assert (summary["calls"], summary["first_at"]) == (0, None)
    assert summary["devices"]["PR0DUCT01/dev01"]["state"] == "downloading"


async def test_what_was_fetched_can_be_forgotten(tencent_app: TencentCaller) -> None:
    """The calls up to an order go, so that a record that is read on and on stays small; the counters do not."""
    for state in ("downloading", "done", "done"):
        await tencent_app.report(state)
    await steer(tencent_app, "record", {"forget": 2})
    assert [call["order"] for call in (await see(tencent_app, "record"))["calls"]] == [3]
    summary = await see(tencent_app, "summary")
    assert (summary["calls"], summary["illegal"]) == (3, 1)


async def test_a_killed_caller_is_excused_over_http(tencent_app: TencentCaller) -> None:
    """The crash harness says that the caller may repeat itself."""
    await tencent_app.report("done")
    await steer(tencent_app, "record", {"excuse_resends": True})
    await tencent_app.report("done")
    assert (await see(tencent_app, "summary"))["illegal"] == 0


def test_the_peak_is_measured() -> None:
    """The busiest second shows whether a rate was kept."""
    times = iter([1.0, 1.9, 2.0, 2.1, 2.9, 7.0])
    record = Record(lambda: next(times))
    for _ in range(6):
        record.hear("x")
    assert record.counters()["peak_per_second"] == 3


async def test_both_types_of_a_device_are_shown(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """A module task stands beside the task of the MCU."""
    onenet_cloud.create_task("527776559", "F.2", kind=1)
    shown = (await see(onenet_device, "summary"))["devices"]
    assert {name: task["version"] for name, task in shown.items()} == {
        "527776559": "2.0",
        "527776559:1": "F.2",
    }


def test_the_record_is_bounded() -> None:
    """The oldest calls go first; the counters count on."""
    record = Record(lambda: 0.0, limit=2)
    for _ in range(5):
        record.hear("x")
    assert [call.order for call in record.calls] == [4, 5]
    assert record.order == 5


async def test_faults_over_http(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Modes are set one by one, shown, and cleared; the control interface itself does not fall over."""
    await steer(tencent_app, "faults", {"seed": 3, "down": True, "status": {"code": 429, "times": 2}})
    with pytest.raises(ClientOSError):
        await tencent_app.report("done")
    await steer(tencent_app, "faults", {"down": False})
    shown = await see(tencent_app, "faults")
    assert shown["status"]["code"] == 429
    assert "down" not in shown
    assert await steer(tencent_app, "faults", {"clear": True}) == {}
    assert await tencent_app.report("done") == ""


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"earthquake": True}),
        ("faults", {"slow": {"minutes": 1}}),
        ("faults", {"slow": 3}),
        ("record", {"mode": "loud"}),
        ("tasks", {"destroy": {"devices": "*"}}),
        ("tasks", {"create": {"version": "2.0"}}),
        ("devices", []),
    ],
)
async def test_mistakes_are_named(tencent_app: TencentCaller, path: str, body: Any) -> None:
    """A wrong order is answered with 400 and the reason."""
    async with tencent_app.session.post(f"{tencent_app.url}/_sim/{path}", json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]


async def test_tencent_tokens_over_http(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A new token takes the place of the old one; it expires when told."""
    await steer(tencent_app, "token", {"token": "fresh", "expires_in": 60, "only": True})
    assert (await tencent_app.report("downloading")).endswith("InvalidAccessToken")
    assert await tencent_app.report("downloading", AccessToken="fresh") == ""
    await steer(tencent_app, "token", {"expire": "*"})
    assert (await tencent_app.report("downloading", AccessToken="fresh")).endswith("InvalidAccessToken")


async def test_tencent_devices_and_tasks_over_http(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """Hundreds of devices and their tasks are two calls."""
    bulk = {"product_id": "P", "prefix": "d", "count": 300, "version": "1.5"}
    assert (await steer(tencent_app, "devices", bulk))["devices"] == 302
    order = {"devices": "*", "version": "2.5", "confirm": True, "image_size": 1000}
    assert await steer(tencent_app, "tasks", {"create": order}) == {"created": 302}
    task = tencent_cloud.tasks["P/d000300"]
    assert (task.source, task.target, task.status) == ("1.5", "2.5", Status.WAITING_FOR_USER)
    assert tencent_cloud.firmware["P/2.5"].size == 1000
    some = {"devices": ["P/d000001", "P/unknown"]}
    assert await steer(tencent_app, "tasks", {"cancel": some}) == {"cancelled": 1}
    assert await steer(tencent_app, "tasks", {"time_out": {"devices": ["P/d000002"]}}) == {"timed_out": 1}
    assert tencent_cloud.tasks["P/d000002"].status is Status.TIMED_OUT


async def test_tencent_permission_over_http(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Only what is named changes."""
    await steer(tencent_app, "devices", {"devices": ["PR0DUCT01/dev01"], "permitted": False})
    device = tencent_cloud.devices["PR0DUCT01/dev01"]
    assert (device.permitted, device.online, device.version) == (False, True, "1.0")


async def test_onenet_over_http(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """Devices, tasks and tokens in bulk; cancel, pause and resume by device."""
    assert (await steer(onenet_device, "devices", {"prefix": "52", "count": 20, "version": "1.0"}))[
        "devices"
    ] == 21
    assert await steer(onenet_device, "tasks", {"create": {"devices": "*", "version": "3.0"}}) == {
        "created": 21
    }
    one = {"devices": ["52000020"]}
    for verb, state in [
        ("pause", State.PAUSED),
        ("resume", State.TO_BE_UPGRADED),
        ("cancel", State.CANCELLED),
    ]:
        assert await steer(onenet_device, "tasks", {verb: one}) == {verb: 1}
        assert onenet_cloud.tasks["52000020", 2].state is state
    token = await onenet_device.begin()
    await steer(onenet_device, "token", {"expire": "*"})
    assert await onenet_device.check_token(token) == 12
    summary = await see(onenet_device, "summary")
    assert summary["terminal"] == {"done": 0, "failed": 0, "cancelled": 1}
    assert summary["devices"]["52000020"]["state"] == "cancelled"


async def test_onenet_keys_over_http(onenet_device: OneNetCaller) -> None:
    """A changed key turns good headers bad, and so does a revoked one."""
    await steer(onenet_device, "token", {"resource": "products/100001", "key": "AAAA"})
    assert (await onenet_device.check())["errno"] == 1
    await steer(onenet_device, "token", {"resource": "products/100001", "revoke": True})
    assert (await onenet_device.check())["errno"] == 1


async def test_a_key_must_be_base64(onenet_device: OneNetCaller) -> None:
    """A key that cannot be decoded is refused when it is set."""
    url = f"{onenet_device.url}/_sim/token"
    async with onenet_device.session.post(url, json={"resource": "products/1", "key": "?"}) as response:
        assert response.status == 400


async def test_an_unheard_request_is_in_the_record(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """What a fault kept from the cloud is counted apart."""
    tencent_cloud.faults.down = True
    with pytest.raises(aiohttp.ClientError):
        await tencent_app.report("done")
    call = (await see(tencent_app, "record"))["calls"][0]
    assert (call["verdict"], call["reply"]) == ("unheard", "down")
