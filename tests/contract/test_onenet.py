"""What only OneNET's adapter does: tasks, their tokens, and side effects that it avoids."""

from dataclasses import replace

import pytest

from gateway.errors import Rejected, Unavailable
from gateway.model.commands import Command, TaskAbsent, TaskCanceled, TaskConflict
from gateway.model.events import StateReported
from gateway.model.identity import Device, DeviceId, Module
from gateway.model.states import Phase, Reason, State
from tests.contract.stages import DEV_ID, KNOWN, OneNetStage
from tests.simulators import Fault
from tests.simulators.onenet import Device as CloudDevice
from tests.unit.adapters.events import DEVICE, TARGET, event

HOUR = 3600.0
NAMELESS = replace(KNOWN, external={"dev_id": DEV_ID})
DOWNLOADING = event(State.DOWNLOADING, percent=20)
SUCCEEDED = event(State.SUCCEEDED)
FAILED = event(State.FAILED, phase=Phase.INSTALL, reason=Reason.UNKNOWN)


def absent(told: StateReported) -> list[Command]:
    """Return what a missing task teaches."""
    return [TaskAbsent(device=DEVICE, module=told.module, version=TARGET)]


async def test_token_is_found_without_side_effects(stage: OneNetStage) -> None:
    """A task with a living token is found by the call that changes nothing, manuf and model unknown."""
    await stage.tell(DOWNLOADING, device=NAMELESS)

    assert stage.actions() == ["tasking", "check_token", "progress"]


async def test_token_is_remembered_while_the_update_goes_on(stage: OneNetStage) -> None:
    """Reports of one update ask for its token once."""
    await stage.tell(DOWNLOADING)
    stage.actions()
    await stage.tell(DOWNLOADING, State.DOWNLOADING)
    await stage.tell(SUCCEEDED, State.DOWNLOADING)

    assert stage.actions() == ["progress", "report", "report"]
    assert stage.cloud.tasks[DEV_ID, 2].state == "done"


async def test_new_update_asks_anew(stage: OneNetStage) -> None:
    """The first report of an update never trusts what is remembered."""
    await stage.tell(DOWNLOADING)
    stage.actions()
    await stage.tell(DOWNLOADING)

    assert stage.actions()[0] == "tasking"


async def test_old_token_is_not_trusted(stage: OneNetStage) -> None:
    """A token is remembered for 40 of its 48 hours."""
    await stage.tell(DOWNLOADING)
    stage.wait(41 * HOUR)
    stage.actions()
    await stage.tell(DOWNLOADING, State.DOWNLOADING)

    assert stage.actions() == ["tasking", "progress"]


async def test_outage_longer_than_the_token_lives_is_survived(stage: OneNetStage) -> None:
    """After days the task gets a new token, and hears the end."""
    await stage.tell(event(State.DOWNLOADED))
    stage.wait(100 * HOUR)
    await stage.tell(SUCCEEDED, State.DOWNLOADED)

    assert stage.cloud.tasks[DEV_ID, 2].state == "done"
    assert stage.cloud.record.illegal == 0


async def test_token_that_the_cloud_forgot_is_renewed_once(stage: OneNetStage) -> None:
    """A remembered token that is refused is fetched anew within the same delivery."""
    await stage.tell(DOWNLOADING)
    stage.cloud.tokens[stage.cloud.tasks[DEV_ID, 2].token].expires = 0
    await stage.tell(SUCCEEDED, State.DOWNLOADING)

    assert stage.cloud.tasks[DEV_ID, 2].state == "done"


async def test_no_token_is_minted_on_a_guess(stage: OneNetStage) -> None:
    """Without manuf, model or a reported version, `check` with its side effects is never called."""
    stage.cloud.tokens.clear()

    for device in (NAMELESS, replace(KNOWN, running=None)):
        assert await stage.tell(DOWNLOADING, device=device) == absent(DOWNLOADING)

    assert stage.actions() == ["tasking", "tasking"]


async def test_end_that_lost_its_token_is_kept_for_the_operator(stage: OneNetStage) -> None:
    """A terminal report of a task that the cloud knew is not dropped because its token is over."""
    stage.cloud.tokens.clear()

    with pytest.raises(Rejected, match="manuf") as caught:
        await stage.tell(FAILED, State.DOWNLOADED, device=NAMELESS)

    assert caught.value.code == "task_token_over"


async def test_success_that_was_taken_before_a_restart_is_not_undone(stage: OneNetStage) -> None:
    """A 201 whose reply was lost set the stored version; no `check` sets it back."""
    stage.cloud.faults.reply_lost = Fault(times=1, only="201")
    with pytest.raises(Unavailable):
        await stage.tell(SUCCEEDED)
    stage.restart()
    stage.actions()

    assert await stage.tell(SUCCEEDED, State.DOWNLOADED) == absent(SUCCEEDED)
    assert stage.actions() == ["tasking", "query_version"]
    assert stage.cloud.devices[DEV_ID].versions == {2: "2.0"}


async def test_device_unknown_to_the_cloud_is_not_applicable(stage: OneNetStage) -> None:
    """A device without dev_id has no task there."""
    assert await stage.tell(DOWNLOADING, device=Device(id=DEVICE)) == absent(DOWNLOADING)
    assert stage.actions() == []


async def test_task_for_another_version_is_not_applicable(stage: OneNetStage) -> None:
    """A report never goes to a task that orders something else."""
    stage.cloud.issue_token(stage.cloud.create_task(DEV_ID, "3.0"))

    assert await stage.tell(SUCCEEDED) == absent(SUCCEEDED)
    assert stage.actions() == ["tasking"]


async def test_no_task_is_not_applicable(stage: OneNetStage) -> None:
    """A task that ended before anything was told is not ours."""
    stage.cloud.tasks[DEV_ID, 2].cancel()

    assert await stage.tell(DOWNLOADING) == absent(DOWNLOADING)


async def test_report_without_version_is_rejected(stage: OneNetStage) -> None:
    """A task is found by its target, which the engine always names."""
    with pytest.raises(Rejected, match="version"):
        await stage.tell(replace(DOWNLOADING, version=None))


async def test_cancellation_is_learned_once(stage: OneNetStage) -> None:
    """Errno 22 comes back as a command."""
    await stage.tell(DOWNLOADING)
    stage.cloud.tasks[DEV_ID, 2].cancel()

    assert await stage.tell(SUCCEEDED, State.DOWNLOADING) == [
        TaskCanceled(device=DEVICE, module=SUCCEEDED.module, version=TARGET)
    ]


async def test_contradiction_is_a_conflict(stage: OneNetStage) -> None:
    """A failure that finds its task finished comes back as a conflict."""
    await stage.tell(DOWNLOADING)
    stage.cloud.tasks[DEV_ID, 2].runs(TARGET)

    assert await stage.tell(FAILED, State.DOWNLOADING) == [
        TaskConflict(device=DEVICE, module=FAILED.module, version=TARGET)
    ]


async def test_success_that_the_cloud_knows_already_is_taken(stage: OneNetStage) -> None:
    """A task that the version report closed makes 201 needless."""
    await stage.tell(event(State.DOWNLOADED))
    stage.cloud.tasks[DEV_ID, 2].runs(TARGET)

    assert await stage.tell(SUCCEEDED, State.DOWNLOADED) == []


@pytest.mark.parametrize(("interval", "wait"), [(0, 60), (5, 5)])
async def test_paused_task_waits(stage: OneNetStage, interval: int, wait: int) -> None:
    """A pause is waited for, as long as the task says or a minute."""
    stage.cloud.tasks[DEV_ID, 2].interval = interval
    await stage.tell(DOWNLOADING)
    stage.cloud.tasks[DEV_ID, 2].pause()

    with pytest.raises(Unavailable) as caught:
        await stage.tell(DOWNLOADING, State.DOWNLOADING)

    assert (caught.value.code, caught.value.retry_after) == ("paused", wait)


async def test_paused_task_without_a_token_waits(stage: OneNetStage) -> None:
    """A pause that is met while looking for the task is waited for as well."""
    stage.cloud.tasks[DEV_ID, 2].pause()

    with pytest.raises(Unavailable) as caught:
        await stage.tell(DOWNLOADING)

    assert caught.value.code == "paused"


async def test_way_to_the_state_is_remembered_on_trouble(stage: OneNetStage) -> None:
    """A 101 that was taken before the trouble is not told again."""
    stage.cloud.faults.status = Fault(only="/report")
    with pytest.raises(Unavailable) as early:
        await stage.tell(SUCCEEDED)
    stage.cloud.faults.clear()
    stage.cloud.faults.reply_lost = Fault(only="201")
    with pytest.raises(Unavailable) as late:
        await stage.tell(SUCCEEDED)

    assert (early.value.reached, late.value.reached) == (None, State.DOWNLOADED)


async def test_module_and_device_choose_the_type(stage: OneNetStage) -> None:
    """The type of a task follows the module, unless the device says its own."""
    radio = replace(DOWNLOADING, module=Module("radio"))
    stage.cloud.issue_token(stage.cloud.create_task(DEV_ID, TARGET, kind=1))
    stage.restart(modules={"default": 2, "radio": 1})

    await stage.tell(radio)
    await stage.tell(DOWNLOADING)
    await stage.tell(DOWNLOADING, device=replace(KNOWN, external={**KNOWN.external, "type": "1"}))

    assert [call.body["type"] for call in stage.cloud.record.calls if call.action == "tasking"] == [
        "1",
        "2",
        "1",
    ]


async def test_memory_of_tokens_is_bounded(stage: OneNetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device that was quiet the longest is forgotten first."""
    monkeypatch.setattr("adapters.onenet.tasks.CACHED", 3)
    for number in range(4):
        dev_id = str(number)
        stage.cloud.devices[dev_id] = CloudDevice({2: "1.0"})
        stage.cloud.issue_token(stage.cloud.create_task(dev_id, TARGET))
        device = Device(id=DeviceId("P", dev_id), external={"dev_id": dev_id})
        await stage.tell(event(State.DOWNLOADING), device=device)
    stage.actions()

    for dev_id, actions in (("1", ["progress"]), ("0", ["tasking", "progress"])):
        device = Device(id=DeviceId("P", dev_id), external={"dev_id": dev_id})
        await stage.tell(DOWNLOADING, State.DOWNLOADING, device)
        assert stage.actions() == actions


async def test_check_that_finds_nothing_is_not_applicable(stage: OneNetStage) -> None:
    """A device without any task may be asked about at the price of `check`, and is let go."""
    stage.cloud.tasks.clear()

    assert await stage.tell(DOWNLOADING) == absent(DOWNLOADING)
    assert stage.actions() == ["tasking", "check"]
