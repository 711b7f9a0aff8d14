"""What only Tencent's adapter does on the road down: four error tables, an old task's status, images and consent."""

import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from adapters.tencent import Tencent, TencentSettings
from gateway.errors import CloudError, Denied, Scope, Unavailable
from gateway.model.commands import TaskAbsent, UpdateOrdered
from gateway.model.firmware import Firmware
from gateway.model.identity import DEFAULT_MODULE, Device, Module
from gateway.model.states import State
from gateway.ports.cloud import Site
from tests.contract.servers import Server
from tests.contract.stages import ADDRESS, DEVICE_THERE, IMAGE, TencentStage
from tests.simulators import Fault, serve
from tests.simulators.tencent import Status
from tests.unit.adapters.events import DEVICE, TARGET, event
from tests.vectors import load

AGREED = event(State.WAITING_CONFIRMATION, confirmed=True)
ABSENT = TaskAbsent(device=DEVICE, module=DEFAULT_MODULE, version=TARGET)
TABLES = [
    (table["action"], code, act) for table in load("tencent")["errors"] for code, act in table["acts"].items()
]


async def act(adapter: Tencent, action: str) -> list[Any]:
    """Do what needs the action."""
    match action:
        case "AppReportOTAStatus":
            return list(await adapter.deliver(DEVICE_THERE, event(State.DOWNLOADING), None))
        case "AppGetDeviceOTAInfo":
            return list(await adapter.poll(DEVICE_THERE))
        case "AppDescribeFirmwareUpdateStatus":
            return list(await adapter.observe(DEVICE_THERE))
        case _:
            return list(await adapter.deliver(DEVICE_THERE, AGREED, None))


def word(error: CloudError) -> str:
    """Say in a word or two what an error asks."""
    match error:
        case Unavailable():
            return "retry" if error.scope is Scope.LANE else "retry device"
        case Denied():
            return f"deny {error.scope}"
        case _:
            return "reject"


@pytest.mark.parametrize(("action", "code", "wanted"), TABLES)
async def test_error_table_is_followed(account: TencentStage, action: str, code: str, wanted: str) -> None:
    """Each code of each page asks for the one act that fits it, and keeps its name."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True)
    account.cloud.faults.error = Fault(error=code, only=action)
    if wanted in ("nothing", "no task"):
        assert await act(account.adapter(), action) == ([] if wanted == "nothing" else [ABSENT])
        return

    with pytest.raises(CloudError) as caught:
        await act(account.adapter(), action)

    assert (word(caught.value), caught.value.code) == (wanted, code)


async def test_task_that_does_not_exist_teaches_so(account: TencentStage) -> None:
    """A report or a consent without a task is not applicable."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True)
    account.cloud.faults.error = Fault(error="ResourceNotFound.DeviceFirmwareTaskNotExist")

    assert await act(account.adapter(), "AppReportOTAStatus") == [ABSENT]
    assert await act(account.adapter(), "AppPublishFirmwareUpdateMessage") == [ABSENT]


async def ordered(adapter: Tencent, device: Device = DEVICE_THERE) -> UpdateOrdered:
    """Return the one order."""
    (order,) = await adapter.poll(device)
    assert isinstance(order, UpdateOrdered)
    return order


async def test_order_names_what_the_device_told(account: TencentStage) -> None:
    """UploadVersion is what the cloud believes to run."""
    account.cloud.create_task(ADDRESS, TARGET)

    order = await ordered(account.adapter())

    assert (order.source, order.handle, order.firmware.size) == ("1.0", TARGET, None)


async def test_idle_device_costs_one_call(account: TencentStage) -> None:
    """Nothing more is asked of a device without a task."""
    assert list(await account.adapter().poll(DEVICE_THERE)) == []
    assert account.actions() == ["AppGetDeviceOTAInfo"]


async def test_details_are_asked_once_an_hour(account: TencentStage) -> None:
    """Many devices with one task ask for its image's md5 once; a version may be uploaded anew."""
    adapter = account.adapter()
    for name in ("dev01", "dev02"):
        account.cloud.create_task(f"PR0DUCT01/{name}", TARGET)
        await ordered(adapter, Device(id=DEVICE._replace(name=name)))
    assert account.actions().count("AppDescribeFirmware") == 1

    account.at[0] += 3601
    await ordered(adapter)

    assert account.actions().count("AppDescribeFirmware") == 1


@pytest.mark.parametrize("code", ["InvalidParameterValue.NoPermission", "InvalidAction", "ResourceNotFound"])
async def test_account_that_may_not_ask_goes_on_without(account: TencentStage, code: str) -> None:
    """Without AppDescribeFirmware an order has no md5, and the refusal is not provoked again."""
    account.cloud.create_task(ADDRESS, TARGET)
    account.cloud.faults.error = Fault(error=code, only='AppDescribeFirmware"')
    adapter = account.adapter()

    orders = [await ordered(adapter), await ordered(adapter)]

    assert [(order.module, order.firmware.md5) for order in orders] == [(DEFAULT_MODULE, None)] * 2
    assert account.actions().count("AppDescribeFirmware") == 1


async def test_details_that_cannot_be_had_now_are_waited_for(account: TencentStage) -> None:
    """Trouble that passes is no reason to do without a digest."""
    account.cloud.create_task(ADDRESS, TARGET)
    account.cloud.faults.error = Fault(error="InternalError", only='AppDescribeFirmware"')

    with pytest.raises(Unavailable):
        await account.adapter().poll(DEVICE_THERE)


@pytest.mark.parametrize(
    ("kind", "modules", "module"),
    [
        ("mcu", None, "default"),
        ("wifi", None, "wifi"),
        ("wifi", {"wifi": "radio"}, "radio"),
        ("mcu", {}, "mcu"),
        ("", None, "default"),
    ],
)
async def test_module_is_what_the_site_calls_the_type(
    account: TencentStage, kind: str, modules: dict[str, str] | None, module: str
) -> None:
    """FwType becomes a module, by the site's own names where it has some."""
    account.cloud.create_task(ADDRESS, TARGET)
    account.cloud.firmware[f"PR0DUCT01/{TARGET}"] = replace(IMAGE, kind=kind)
    adapter = account.adapter(**({} if modules is None else {"modules": modules}))

    order = await ordered(adapter)

    assert order.module == order.firmware.module == Module(module)
    assert [view.module for view in await adapter.observe(DEVICE_THERE)] == [Module(module)]


async def test_memory_of_details_is_bounded(account: TencentStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version that was not asked for the longest is forgotten first."""
    monkeypatch.setattr("adapters.tencent.images.CACHED", 2)
    adapter = account.adapter()
    for version in ("2.0", "3.0", "2.0", "4.0", "2.0", "3.0"):
        account.cloud.create_task(ADDRESS, version)
        await ordered(adapter)

    asked = [
        call.body["FirmwareVersion"]
        for call in account.cloud.record.calls
        if call.action == "AppDescribeFirmware"
    ]
    assert asked == ["2.0", "3.0", "4.0", "3.0"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.FINISHED, Status.TIMED_OUT])
@pytest.mark.parametrize("target", ["2.0", "1.5"])
async def test_status_of_an_older_task_does_not_hide_an_order(
    account: TencentStage, target: str, status: Status
) -> None:
    """A status that is terminal counts only for the version that it names."""
    former = account.cloud.create_task(ADDRESS, target)
    former.status = status
    account.cloud.status_lag = 1
    account.cloud.create_task(ADDRESS, TARGET)
    adapter = account.adapter()

    first = list(await adapter.poll(DEVICE_THERE))
    second = list(await adapter.poll(DEVICE_THERE))

    assert (len(first), len(second)) == (0 if target == TARGET else 1, 1)


async def test_unknown_status_waits_for_nobody(account: TencentStage) -> None:
    """An absent Status is unknown: neither a confirmation is due nor is the task over."""
    account.cloud.create_task(ADDRESS, TARGET)
    account.cloud.omits_status = True

    assert not (await ordered(account.adapter())).needs_confirmation


async def test_status_that_is_not_known_for_sure_is_asked_again(account: TencentStage) -> None:
    """Whether a user must agree is never guessed: without an answer there is no order."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True)
    account.cloud.faults.status = Fault(code=503, only="AppDescribeFirmwareUpdateStatus")

    with pytest.raises(Unavailable):
        await account.adapter().poll(DEVICE_THERE)


async def test_device_may_have_another_name(account: TencentStage) -> None:
    """Every question names the device as the cloud does."""
    named = Device(id=DEVICE, external={"product_id": "OTHER", "device_name": "d-1"})
    account.cloud.firmware[f"OTHER/{TARGET}"] = IMAGE
    account.cloud.create_task("OTHER/d-1", TARGET, confirm=True)
    adapter = account.adapter()

    order = await ordered(adapter, named)
    await adapter.observe(named)
    await adapter.deliver(named, AGREED, None)

    assert (order.device, order.firmware.md5) == (DEVICE, IMAGE.md5)
    assert account.cloud.tasks["OTHER/d-1"].status is Status.DELIVERED


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "misshapen"),
        ({"FirmwareURL": "http://x.example/"}, "misshapen"),
        ({"FirmwareURL": 7, "TargetVersion": 2}, "misshapen"),
    ],
)
async def test_offer_without_sense_is_unavailable(site: Site, fields: dict[str, Any], error: str) -> None:
    """An offer without its fields orders nothing and calls nothing off."""

    async def answer(request: web.Request) -> web.Response:
        request_id = (await request.json())["RequestId"]
        return web.json_response({"Response": {**fields, "RequestId": request_id}})

    async with serve(Server(answer)) as url:
        adapter = Tencent(TencentSettings.model_validate({"url": url, "access_token": "t"}), site)
        with pytest.raises(Unavailable) as caught:
            await adapter.poll(DEVICE_THERE)

    assert caught.value.code == error


async def test_offer_of_nothing_is_none(site: Site) -> None:
    """Empty fields order nothing."""

    async def answer(request: web.Request) -> web.Response:
        fields = {"FirmwareURL": "", "TargetVersion": "", "RequestId": (await request.json())["RequestId"]}
        return web.Response(text=json.dumps({"code": 0, "msg": "", "data": fields}))

    async with serve(Server(answer)) as url:
        adapter = Tencent(TencentSettings.model_validate({"url": url, "access_token": "t"}), site)
        assert list(await adapter.poll(DEVICE_THERE)) == []


async def test_view_of_nothing_in_particular(account: TencentStage) -> None:
    """A status without a version is shown as it is."""
    account.cloud.create_task(ADDRESS, "")

    (view,) = await account.adapter().observe(DEVICE_THERE)

    assert (view.module, view.target, view.state) == (DEFAULT_MODULE, None, State.QUEUED)


@pytest.mark.parametrize("kind", ["text/html", "application/xml", "application/json;charset=UTF-8"])
async def test_page_instead_of_an_image_is_no_data(site: Site, kind: str) -> None:
    """A network that wants a login answers 200 to everything."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="please sign in", headers={"Content-Type": kind})

    async with serve(Server(answer)) as url:
        adapter = Tencent(TencentSettings.model_validate({"url": url, "access_token": "t"}), site)
        stream = adapter.fetch(Firmware(version=TARGET, url=f"{url}/image"), 0)
        with pytest.raises(Unavailable):
            await anext(aiter(stream))
