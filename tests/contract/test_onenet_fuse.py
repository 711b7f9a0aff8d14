"""What is different about OneNET's fuse interface: names, numbers of its own, and both versions at once."""

from dataclasses import replace

import pytest

from gateway.errors import CloudError, Denied, Scope
from gateway.model.commands import Command, TaskAbsent, TaskCanceled, TaskConflict, UpdateOrdered
from gateway.model.events import StateReported
from gateway.model.firmware import Firmware
from gateway.model.identity import DEFAULT_MODULE, Device, DeviceId, Version
from gateway.model.states import Phase, Reason, State
from tests.contract.stages import DEV_ID, OneNetStage
from tests.simulators import Fault
from tests.simulators.onenet.download import OtaErrno
from tests.unit.adapters.events import DEVICE, TARGET, event

THERE = Device(id=DEVICE, running=Version("1.0"), external={"device_name": DEV_ID})
FAILED = event(State.FAILED, phase=Phase.INSTALL, reason=Reason.UNKNOWN)


@pytest.fixture
def fuse(stage: OneNetStage) -> OneNetStage:
    """The same task, by way of the younger interface."""
    stage.restart(api="fuse")
    return stage


async def ordered(fuse: OneNetStage) -> UpdateOrdered:
    """Return the one order."""
    (order,) = await fuse.adapter.poll(THERE)
    assert isinstance(order, UpdateOrdered)
    return order


async def read(fuse: OneNetStage, firmware: Firmware) -> bytes:
    """Read an image."""
    return b"".join([chunk async for chunk in fuse.adapter.fetch(firmware, 0)])


async def tell(fuse: OneNetStage, told: StateReported, after: State | None = None) -> list[Command]:
    """Deliver."""
    return await fuse.tell(told, after, THERE)


async def test_report_opens_the_task_by_its_first_step(fuse: OneNetStage) -> None:
    """The way to success is the south's: opened, 101, 201."""
    await tell(fuse, event(State.SUCCEEDED))

    assert fuse.actions() == [
        "fuse_query_version",
        "fuse_check",
        "fuse_check_task",
        "fuse_status",
        "fuse_status",
        "fuse_status",
    ]
    assert fuse.cloud.tasks[DEV_ID, 2].state == "done"
    assert fuse.cloud.record.illegal == 0


async def test_expiry_is_told_in_a_number_that_is_on_the_list(fuse: OneNetStage) -> None:
    """208 is not, and 207 is the nearest."""
    await tell(fuse, event(State.TIMED_OUT, reason=Reason.TASK_EXPIRED))

    assert fuse.cloud.tasks[DEV_ID, 2].result == 207


async def test_order_is_named_by_its_number(fuse: OneNetStage) -> None:
    """A task's number lives as long as the task, and is no secret."""
    order = await ordered(fuse)

    number = fuse.cloud.tasks[DEV_ID, 2].number
    assert order.handle == str(number)
    assert order.firmware.url == f"{fuse.url}/fuse-ota/100001/{DEV_ID}/{number}/download"
    assert (order.min_power, order.min_signal, order.firmware.size) == (None, None, 22)


@pytest.mark.parametrize("stored", [{2: "1.0"}, {1: "7.7", 2: "0.9"}])
async def test_other_version_goes_along_as_the_cloud_has_it(
    fuse: OneNetStage, stored: dict[int, str]
) -> None:
    """The call wants both versions; the one that is not ours is given back, and none is made up."""
    fuse.cloud.devices[DEV_ID].versions = dict(stored)
    await ordered(fuse)

    assert fuse.actions() == ["fuse_query_version", "fuse_version", "fuse_check"]
    assert fuse.cloud.devices[DEV_ID].versions == {**stored, 2: "1.0"}


async def test_task_of_an_unknown_device_is_none(fuse: OneNetStage) -> None:
    """Code 12012 is how this interface says that there is nothing."""
    stranger = Device(id=DeviceId("P", "nobody"), running=Version("1.0"))

    assert list(await fuse.adapter.poll(stranger)) == []
    assert list(await fuse.adapter.observe(stranger)) == []


async def test_nothing_is_asked_without_a_version(fuse: OneNetStage) -> None:
    """`check` is the only way to a task here, and it writes the version down."""
    nameless = replace(THERE, running=None)

    assert list(await fuse.adapter.poll(nameless)) == []
    assert list(await fuse.adapter.observe(nameless)) == []
    absent = [TaskAbsent(device=DEVICE, module=DEFAULT_MODULE, version=TARGET)]
    assert await fuse.tell(event(State.DOWNLOADING), None, nameless) == absent
    assert fuse.actions() == []


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        ("to_be_upgraded", State.QUEUED),
        ("downloading", State.DOWNLOADING),
        ("upgrading", State.INSTALLING),
        ("done", State.SUCCEEDED),
        ("failed", State.FAILED),
        ("cancelled", State.CANCELED),
    ],
)
async def test_status_is_seen(fuse: OneNetStage, state: str, seen: State) -> None:
    """A task that is known by its number tells where it stands to its end."""
    await ordered(fuse)
    task = fuse.cloud.tasks[DEV_ID, 2]
    task.state = type(task.state)(state)

    (view,) = await fuse.adapter.observe(THERE)

    assert (view.target, view.state) == (TARGET, seen)


async def test_status_is_seen_after_a_restart(fuse: OneNetStage) -> None:
    """A task whose number was forgotten is found by what is true of the device."""
    await tell(fuse, event(State.DOWNLOADED))
    fuse.restart(api="fuse")

    (view,) = await fuse.adapter.observe(THERE)

    assert (view.target, view.state) == (TARGET, State.INSTALLING)


async def test_task_that_succeeded_is_seen_by_what_runs(fuse: OneNetStage) -> None:
    """Code 12013: the task that led to the running version is done."""
    fuse.cloud.tasks[DEV_ID, 2].runs(TARGET)

    (view,) = await fuse.adapter.observe(replace(THERE, running=TARGET))

    assert (view.target, view.state) == (TARGET, State.SUCCEEDED)


async def test_end_is_learned_in_the_same_words(fuse: OneNetStage) -> None:
    """Cancelled and contradicted tasks teach what they teach in the south."""
    await ordered(fuse)
    fuse.cloud.tasks[DEV_ID, 2].cancel()
    assert await tell(fuse, event(State.DOWNLOADING), State.NOTIFIED) == [
        TaskCanceled(device=DEVICE, module=DEFAULT_MODULE, version=TARGET)
    ]
    fuse.cloud.create_task(DEV_ID, TARGET)
    await ordered(fuse)
    fuse.cloud.tasks[DEV_ID, 2].runs(TARGET)
    assert await tell(fuse, FAILED, State.DOWNLOADED) == [
        TaskConflict(device=DEVICE, module=DEFAULT_MODULE, version=TARGET)
    ]


async def test_number_that_the_cloud_forgot_is_asked_for_once(fuse: OneNetStage) -> None:
    """A task that was made anew is found by one more check within the same delivery."""
    await ordered(fuse)
    fuse.cloud.all_tasks.clear()
    fuse.cloud.create_task(DEV_ID, TARGET)

    assert await tell(fuse, event(State.SUCCEEDED), State.NOTIFIED) == []
    assert fuse.cloud.tasks[DEV_ID, 2].state == "done"


@pytest.mark.parametrize(
    ("errno", "code"),
    [
        (OtaErrno.NO_DEVICE, "not_found"),
        (OtaErrno.NO_FILE, "not_found"),
        (OtaErrno.NO_OBJECT, "not_found"),
        (OtaErrno.SIZE_MISMATCH, "wrong_size"),
        (OtaErrno.EXPIRED, "url_expired"),
        (OtaErrno.AUTH_FAILED, "download_denied"),
    ],
)
async def test_errno_instead_of_an_image_is_never_data(fuse: OneNetStage, errno: OtaErrno, code: str) -> None:
    """The header counts, beside HTTP 200 too."""
    order = await ordered(fuse)
    fuse.cloud.fuse_mistake = errno

    with pytest.raises(CloudError) as caught:
        await read(fuse, order.firmware)

    assert caught.value.code == code


async def test_image_needs_nothing_but_its_address(fuse: OneNetStage) -> None:
    """The number stands in the address."""
    order = await ordered(fuse)
    fuse.restart(api="fuse")
    fuse.actions()

    assert await read(fuse, order.firmware) == fuse.cloud.tasks[DEV_ID, 2].firmware.image
    assert fuse.actions() == ["fuse_download"]


@pytest.mark.parametrize("path", ["/1/2/download", "/1/2/3/status", "", "/1/2/3/4/download"])
async def test_address_of_elsewhere_gets_no_signature(fuse: OneNetStage, path: str) -> None:
    """The signature goes nowhere but to an image of this product's cloud."""
    for base in (f"{fuse.url}/fuse-ota", "http://169.254.1.1/fuse-ota/1/2/3/download"):
        with pytest.raises(CloudError) as caught:
            await read(fuse, Firmware(version=TARGET, url=base + path))
        assert caught.value.code == "url_forbidden"

    assert fuse.actions() == []


@pytest.mark.parametrize(
    ("resource", "external", "where"),
    [
        ("products/100001", {}, "100001/dev01"),
        ("products/100001/devices/dev01", {}, "100001/dev01"),
        ("userid/42", {}, "PR0DUCT01/dev01"),
        ("userid/42", {"product_id": "p q", "device_name": "a/b"}, "p%20q/a%2Fb"),
    ],
)
async def test_device_is_called_by_product_and_name(
    fuse: OneNetStage, resource: str, external: dict[str, str], where: str
) -> None:
    """The product is the configured one, or that of the signature, or the site's own."""
    fuse.restart(api="fuse", resource=resource)
    fuse.cloud.faults.error = Fault(error="12012")

    name = fuse.adapter._interface.name_of(Device(id=DEVICE, external=external))

    assert name == where


async def test_distrust_has_its_number(fuse: OneNetStage) -> None:
    """Code 10403 is this interface's errno 1, and is shown as it came."""
    fuse.cloud.keys.clear()

    with pytest.raises(Denied) as caught:
        await fuse.adapter.poll(THERE)

    assert (caught.value.scope, caught.value.code) == (Scope.LANE, "10403")
