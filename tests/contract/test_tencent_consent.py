"""A user's consent on its way to Tencent: to the version it was given for, once, and when the device is there."""

import pytest

from gateway.errors import Rejected, Scope, Unavailable
from gateway.model.commands import TaskAbsent
from gateway.model.events import Confirmed
from gateway.model.identity import DEFAULT_MODULE
from gateway.model.states import State
from tests.contract.stages import ADDRESS, DEVICE_THERE, TencentStage
from tests.simulators.tencent import Status
from tests.unit.adapters.events import DEVICE, TARGET

AGREED = Confirmed(device=DEVICE, version=TARGET, accept=True)


async def test_consent_goes_to_the_version_it_was_given_for(account: TencentStage) -> None:
    """The request names no version, so that another task in the meantime is not confirmed by it."""
    account.cloud.create_task(ADDRESS, "3.0", confirm=True)

    commands = await account.adapter().deliver(DEVICE_THERE, AGREED, State.WAITING_CONFIRMATION)

    assert commands == [TaskAbsent(device=DEVICE, module=DEFAULT_MODULE, version=TARGET)]
    assert account.cloud.tasks[ADDRESS].status is Status.WAITING_FOR_USER


async def test_consent_waits_for_a_device_that_is_offline(account: TencentStage) -> None:
    """Only the device that is away has to wait, and then the consent goes through."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True)
    account.cloud.devices[ADDRESS].online = False
    with pytest.raises(Unavailable) as caught:
        await account.adapter().deliver(DEVICE_THERE, AGREED, State.WAITING_CONFIRMATION)
    assert caught.value.scope is Scope.DEVICE
    account.cloud.devices[ADDRESS].online = True

    assert await account.adapter().deliver(DEVICE_THERE, AGREED, State.WAITING_CONFIRMATION) == ()
    assert account.cloud.tasks[ADDRESS].status is Status.DELIVERED


async def test_consent_to_what_is_gone_is_refused(account: TencentStage) -> None:
    """A task that ended before its user agreed is a dead letter."""
    account.cloud.create_task(ADDRESS, TARGET, confirm=True).cancel()

    with pytest.raises(Rejected) as caught:
        await account.adapter().deliver(DEVICE_THERE, AGREED, State.WAITING_CONFIRMATION)

    assert caught.value.code == "ResourceNotFound.DeviceHasNoFirmware"


async def test_consent_after_the_end_is_not_told(account: TencentStage) -> None:
    """An update that is over is confirmed by nobody."""
    assert await account.adapter().deliver(DEVICE_THERE, AGREED, State.SUCCEEDED) == ()
    assert account.actions() == []
