"""A user's consent on its way to Tencent: to the version it was given for, once, and before what came of it."""

import pytest

from gateway.errors import Denied, Rejected, Scope, Unavailable
from gateway.model.commands import TaskAbsent
from gateway.model.identity import DEFAULT_MODULE
from gateway.model.states import State
from tests.contract.stages import ADDRESS, DEVICE_THERE, TencentStage
from tests.simulators import Fault
from tests.simulators.tencent import Status
from tests.unit.adapters.events import DEVICE, TARGET, event

AGREED = event(State.WAITING_CONFIRMATION, confirmed=True)
ABSENT = TaskAbsent(device=DEVICE, module=DEFAULT_MODULE, version=TARGET)
STANDING, CONFIRM, REPORT = (
    "AppDescribeFirmwareUpdateStatus",
    "AppPublishFirmwareUpdateMessage",
    "AppReportOTAStatus",
)
EARLY = [State.QUEUED, State.WAITING_CONFIRMATION, State.NOTIFIED]
BEGUN = [State.DOWNLOADING, State.INSTALLING, State.SUCCEEDED, State.FAILED, State.TIMED_OUT]


async def test_consent_goes_to_the_version_it_was_given_for(account: TencentStage) -> None:
    """The request names no version, so that another task in the meantime is not confirmed by it."""
    account.cloud.create_task(ADDRESS, "3.0", confirm=True)

    assert await account.adapter().deliver(DEVICE_THERE, AGREED, State.WAITING_CONFIRMATION) == [ABSENT]
    assert account.cloud.tasks[ADDRESS].status is Status.WAITING_FOR_USER


@pytest.mark.parametrize("state", EARLY)
async def test_consent_waits_for_a_device_that_is_offline(account: TencentStage, state: State) -> None:
    """Only the device that is away has to wait, and then the consent goes through."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True)
    account.cloud.devices[ADDRESS].online = False
    agreed = event(state, confirmed=True)
    with pytest.raises(Unavailable) as caught:
        await account.adapter().deliver(DEVICE_THERE, agreed, None)
    assert caught.value.scope is Scope.DEVICE
    account.cloud.devices[ADDRESS].online = True

    assert await account.adapter().deliver(DEVICE_THERE, agreed, None) == ()
    assert account.cloud.tasks[ADDRESS].status is Status.DELIVERED


@pytest.mark.parametrize("after", [None, State.QUEUED, State.WAITING_CONFIRMATION])
@pytest.mark.parametrize("state", BEGUN)
async def test_what_has_begun_is_reported_although_the_device_is_offline_there(
    account: TencentStage, state: State, after: State | None
) -> None:
    """A device that the cloud cannot reach is at work all the same: its report does not wait for the consent."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True)
    account.cloud.devices[ADDRESS].online = False

    assert await account.adapter().deliver(DEVICE_THERE, event(state, confirmed=True), after) == ()
    assert account.actions() == [STANDING, CONFIRM, REPORT]


@pytest.mark.parametrize("code", ["ResourceNotFound", "ResourceNotFound.DeviceHasNoFirmware"])
async def test_what_has_begun_is_reported_although_its_consent_is_refused(
    account: TencentStage, code: str
) -> None:
    """A report never pays for what the cloud thinks of the consent."""
    account.cloud.create_task(ADDRESS, TARGET)
    account.cloud.faults.error = Fault(error=code, only=CONFIRM)

    told = event(State.DOWNLOADING, confirmed=True)

    assert await account.adapter().deliver(DEVICE_THERE, told, State.WAITING_CONFIRMATION) == ()
    assert account.actions() == [STANDING, CONFIRM, REPORT]


async def test_what_has_begun_is_reported_although_another_task_is_open(account: TencentStage) -> None:
    """The report names its version; the other task stays unconfirmed."""
    account.cloud.create_task(ADDRESS, "3.0", confirm=True)

    told = event(State.DOWNLOADING, confirmed=True)

    assert await account.adapter().deliver(DEVICE_THERE, told, None) == ()
    assert account.actions() == [STANDING, REPORT]
    assert account.cloud.tasks[ADDRESS].status is Status.WAITING_FOR_USER


@pytest.mark.parametrize("action", [STANDING, CONFIRM])
async def test_cloud_in_trouble_hears_the_consent_first(account: TencentStage, action: str) -> None:
    """What ails the cloud or the account is waited for, so that the order of things is kept."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True)
    account.cloud.faults.error = Fault(error="InternalError", only=action)
    told = event(State.DOWNLOADING, confirmed=True)
    with pytest.raises(Unavailable):
        await account.adapter().deliver(DEVICE_THERE, told, None)
    account.cloud.faults.error = Fault(error="InvalidParameterValue.NoPermission", only=action)
    with pytest.raises(Denied):
        await account.adapter().deliver(DEVICE_THERE, told, None)

    assert REPORT not in account.actions()


async def test_consent_to_what_is_gone_is_moot(account: TencentStage) -> None:
    """A task that ended before its user agreed is there no more."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True).cancel()

    assert await account.adapter().deliver(DEVICE_THERE, AGREED, State.WAITING_CONFIRMATION) == [ABSENT]


async def test_consent_is_told_once(account: TencentStage) -> None:
    """What the cloud already knows costs one question, and none once it has heard of the download."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True)
    adapter = account.adapter()
    await adapter.deliver(DEVICE_THERE, AGREED, None)
    assert account.actions() == [STANDING, CONFIRM]

    told = event(State.DOWNLOADING, confirmed=True, percent=20)
    await adapter.deliver(DEVICE_THERE, told, State.WAITING_CONFIRMATION)
    assert account.actions() == [STANDING, REPORT]
    await adapter.deliver(DEVICE_THERE, told, State.DOWNLOADING)
    assert account.actions() == [REPORT]


@pytest.mark.parametrize("state", [State.REJECTED, State.CANCELED])
async def test_what_nobody_will_do_is_not_confirmed(account: TencentStage, state: State) -> None:
    """An update that was dropped after its user agreed starts nothing at the cloud."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True)

    await account.adapter().deliver(DEVICE_THERE, event(state, confirmed=True), None)

    assert CONFIRM not in account.actions()


async def test_consent_after_the_end_is_not_told(account: TencentStage) -> None:
    """An update that is over is confirmed by nobody."""
    assert await account.adapter().deliver(DEVICE_THERE, AGREED, State.SUCCEEDED) == ()
    assert account.actions() == []


async def test_consent_without_a_version_is_told_to_nobody(account: TencentStage) -> None:
    """Which task was agreed to is never guessed."""
    with pytest.raises(Rejected):
        await account.adapter().deliver(DEVICE_THERE, event(AGREED.state, version=None, confirmed=True), None)

    assert account.actions() == []
