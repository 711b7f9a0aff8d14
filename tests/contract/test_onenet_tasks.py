"""What only OneNET's adapter does on the road down: side effects that it avoids, requirements, modules."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import CloudError, Denied, Rejected, Scope, Unavailable
from gateway.model.commands import UpdateOrdered
from gateway.model.identity import DEFAULT_MODULE, Device, Module, Version
from gateway.model.states import State
from tests.contract.stages import DEV_ID, KNOWN, OneNetStage
from tests.simulators import Fault
from tests.simulators.onenet import Device as CloudDevice
from tests.unit.adapters.events import DEVICE, TARGET, event

NAMELESS = replace(KNOWN, external={"dev_id": DEV_ID})
HOUR = 3600.0


async def ordered(stage: OneNetStage, device: Device = KNOWN) -> UpdateOrdered:
    """Return the one order."""
    (order,) = await stage.adapter.poll(device)
    assert isinstance(order, UpdateOrdered)
    return order


async def test_version_is_reported_when_it_is_news(stage: OneNetStage) -> None:
    """The version goes before the first check, and again only when it is another one."""
    await stage.adapter.poll(KNOWN)
    assert stage.actions() == ["version", "check"]
    await stage.adapter.poll(KNOWN)
    assert stage.actions() == ["check"]
    await stage.adapter.poll(replace(KNOWN, running=Version("1.1")))

    assert stage.actions() == ["version", "check"]
    assert stage.cloud.devices[DEV_ID].versions == {2: "1.1"}


async def test_version_that_was_not_taken_is_reported_again(stage: OneNetStage) -> None:
    """A report whose reply was lost is no news that has arrived."""
    stage.cloud.faults.reply_lost = Fault(times=1, only="/ota/device/version")
    with pytest.raises(Unavailable):
        await stage.adapter.poll(KNOWN)
    await stage.adapter.poll(KNOWN)

    assert stage.actions() == ["version", "version", "check"]


async def test_running_target_closes_the_task(stage: OneNetStage) -> None:
    """A device that runs the target has nothing to do, and the cloud learns so by its version."""
    assert list(await stage.adapter.poll(replace(KNOWN, running=TARGET))) == []
    assert stage.cloud.tasks[DEV_ID, 2].state == "done"


@pytest.mark.parametrize("device", [NAMELESS, replace(KNOWN, running=None)])
async def test_guess_is_never_asked_with(stage: OneNetStage, device: Device) -> None:
    """Without all facts the task is looked for by the call that changes nothing, and found while its token lives."""
    order = await ordered(stage, device)
    assert "check" not in stage.actions()
    stage.cloud.tokens.clear()

    assert list(await stage.adapter.poll(device)) == []
    assert order.version == TARGET
    assert stage.cloud.devices[DEV_ID].versions == {2: "1.0"}


async def test_device_that_the_cloud_cannot_know_is_not_asked_about(stage: OneNetStage) -> None:
    """A device without dev_id has no task there, and costs no call."""
    assert list(await stage.adapter.poll(Device(id=DEVICE, running=Version("1.0")))) == []
    assert list(await stage.adapter.observe(Device(id=DEVICE))) == []
    assert stage.actions() == []


async def test_order_hands_on_the_requirements(stage: OneNetStage) -> None:
    """What the cloud wants of battery, signal and retries goes to the gateway; 0 wants nothing."""
    task = stage.cloud.tasks[DEV_ID, 2]
    order = await ordered(stage)
    assert (order.min_power, order.min_signal, order.retries, order.retry_interval) == (50, 10, None, None)
    task.power, task.signal, task.retry, task.interval, task.is_delta = 0, 0, 3, 30, True
    order = await ordered(stage)

    assert (order.min_power, order.min_signal, order.retries, order.retry_interval) == (None, None, 3, 30.0)
    assert order.is_delta


async def test_order_shows_no_token(stage: OneNetStage) -> None:
    """A token lives for two days and opens the image: it is found anew when it is needed."""
    order = await ordered(stage)

    assert stage.cloud.tasks[DEV_ID, 2].token not in f"{order} {order.firmware.url} {order.handle}"
    assert (order.handle, order.firmware.size) == (f"2/{TARGET}/{order.firmware.md5}", 22)


async def test_handle_outlives_the_token(stage: OneNetStage) -> None:
    """A new token is no new task."""
    first = await ordered(stage)
    stage.wait(50 * HOUR)
    second = await ordered(stage)

    assert (second.handle, second.firmware) == (first.handle, first.firmware)


async def test_paused_task_orders_nothing(stage: OneNetStage) -> None:
    """A pause is no order, and no trouble of the cloud."""
    stage.cloud.tasks[DEV_ID, 2].pause()

    assert list(await stage.adapter.poll(KNOWN)) == []


@pytest.mark.parametrize(
    ("errno", "error"),
    [
        ("8", Denied),
        ("9", Denied),
        ("32", Denied),
        ("5116", Denied),
        ("2", Rejected),
        ("27", Rejected),
        ("7", Unavailable),
    ],
)
async def test_errno_of_a_check_is_judged(stage: OneNetStage, errno: str, error: type[CloudError]) -> None:
    """What a person must mend parks the device; what passes is asked again."""
    stage.cloud.faults.error = Fault(error=errno, only="check")

    with pytest.raises(error) as caught:
        await stage.adapter.poll(KNOWN)

    assert caught.value.code == errno
    assert getattr(caught.value, "scope", Scope.DEVICE) is (Scope.LANE if errno == "7" else Scope.DEVICE)


@pytest.mark.parametrize("errno", ["4", "10", "11", "12", "13", "20", "22"])
async def test_errno_of_no_task_orders_nothing(stage: OneNetStage, errno: str) -> None:
    """However a cloud says that there is no task, there is none."""
    stage.cloud.faults.error = Fault(error=errno, only="check")

    assert list(await stage.adapter.poll(KNOWN)) == []


async def test_refused_version_report_is_judged(stage: OneNetStage) -> None:
    """A version that the cloud cannot carry is said to be one."""
    with pytest.raises(Rejected) as caught:
        await stage.adapter.poll(replace(KNOWN, running=Version("a version much too long for it")))

    assert caught.value.code == "27"


async def test_each_module_has_its_task(stage: OneNetStage) -> None:
    """A second module is asked for without the first one's version."""
    stage.restart(modules={"default": 2, "radio": 1, "modem": 1})
    stage.cloud.issue_token(stage.cloud.create_task(DEV_ID, "9.0", kind=1))

    orders: list[Any] = list(await stage.adapter.poll(KNOWN))
    views = await stage.adapter.observe(KNOWN)

    assert [(order.module, order.version) for order in orders] == [
        (DEFAULT_MODULE, "2.0"),
        (Module("radio"), "9.0"),
    ]
    assert [(view.module, view.target) for view in views] == [
        (DEFAULT_MODULE, "2.0"),
        (Module("radio"), "9.0"),
    ]
    assert stage.actions() == ["version", "check", "tasking", "tasking", "tasking"]
    assert stage.cloud.devices[DEV_ID].versions == {2: "1.0"}


async def test_open_task_is_seen_without_a_side_effect(stage: OneNetStage) -> None:
    """This interface tells that a task is open, and no more; a pause is seen as well."""
    (view,) = await stage.adapter.observe(KNOWN)
    assert (view.target, view.state, view.detail) == (TARGET, None, "open")
    stage.cloud.faults.error = Fault(error="19")
    (view,) = await stage.adapter.observe(KNOWN)

    assert (view.state, view.detail) == (None, "paused")
    assert set(stage.actions()) == {"tasking"}


@pytest.mark.parametrize(("errno", "error"), [("1", Denied), ("7", Unavailable), ("2", Rejected)])
async def test_errno_of_a_look_is_judged(stage: OneNetStage, errno: str, error: type[CloudError]) -> None:
    """What is no answer about a task is an error."""
    stage.cloud.faults.error = Fault(error=errno)

    with pytest.raises(error):
        await stage.adapter.observe(KNOWN)


async def test_consent_has_no_word(stage: OneNetStage) -> None:
    """Nobody asks users here, so that nothing is told."""
    assert await stage.tell(event(State.WAITING_CONFIRMATION, confirmed=True)) == []
    assert stage.actions() == []


async def test_old_numbers_are_understood(stage: OneNetStage) -> None:
    """The numbers of the older manual lead to the same end."""
    stage.cloud.edition = "old"
    after = None
    for state in (State.DOWNLOADING, State.DOWNLOADED, State.INSTALLING, State.SUCCEEDED):
        await stage.tell(event(state, percent=30), after)
        after = state

    assert stage.cloud.tasks[DEV_ID, 2].state == "done"
    assert stage.cloud.record.illegal == 0


async def test_memory_of_versions_is_bounded(stage: OneNetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that was forgotten is told again, which changes nothing."""
    monkeypatch.setattr("adapters.onenet.tasks.TOLD", 1)
    for dev_id in (DEV_ID, "1", DEV_ID):
        stage.cloud.devices.setdefault(dev_id, CloudDevice({2: "1.0"}))
        await stage.adapter.poll(replace(KNOWN, external={**KNOWN.external, "dev_id": dev_id}))

    assert stage.actions() == ["version", "check"] * 3
