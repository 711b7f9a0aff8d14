"""Images of OneNET's south interface: opened by a token that no order shows, and never anything but images."""

from dataclasses import replace

import pytest

from gateway.errors import CloudError, Rejected, Scope, Unavailable
from gateway.model.commands import UpdateOrdered
from gateway.model.firmware import Firmware
from gateway.model.identity import Device
from tests.contract.stages import DEV_ID, KNOWN, OneNetStage
from tests.simulators.onenet.download import Mistake
from tests.unit.adapters.events import TARGET


async def ordered(stage: OneNetStage, device: Device = KNOWN) -> UpdateOrdered:
    """Return the one order."""
    (order,) = await stage.adapter.poll(device)
    assert isinstance(order, UpdateOrdered)
    return order


async def read(stage: OneNetStage, firmware: Firmware) -> bytes:
    """Read an image."""
    return b"".join([chunk async for chunk in stage.adapter.fetch(firmware, 0)])


async def test_first_task_that_a_device_gets_is_begun_by_its_token(stage: OneNetStage) -> None:
    """The token is checked before the image is read, as the pages want it."""
    order = await ordered(stage)
    stage.actions()

    assert await read(stage, order.firmware) == stage.cloud.tasks[DEV_ID, 2].firmware.image
    assert stage.actions() == ["check_token", "download"]


async def test_image_is_found_again_by_its_order(stage: OneNetStage) -> None:
    """After a restart the token is asked for without a side effect."""
    order = await ordered(stage)
    stage.restart()
    stage.actions()

    assert await read(stage, order.firmware)
    assert stage.actions() == ["tasking", "check_token", "download"]


async def test_image_of_another_task_is_not_taken_for_it(stage: OneNetStage) -> None:
    """A device whose task orders something else by now has no token for this image."""
    order = await ordered(stage)
    stage.cloud.issue_token(stage.cloud.create_task(DEV_ID, "3.0"))
    stage.restart()
    other = replace(order.firmware, md5=None)

    with pytest.raises(Rejected) as caught:
        await read(stage, other)

    assert caught.value.code == "url_expired"
    assert "download" not in stage.actions()


async def test_token_that_the_cloud_forgot_is_asked_for_again(stage: OneNetStage) -> None:
    """A remembered token that is refused is dropped, and the order is good again once it was asked for."""
    order = await ordered(stage)
    for ticket in stage.cloud.tokens.values():
        ticket.expires = 0
    with pytest.raises(Rejected) as caught:
        await read(stage, order.firmware)

    assert caught.value.code == "url_expired"
    assert await read(stage, (await ordered(stage)).firmware)


async def test_image_of_a_paused_task_waits(stage: OneNetStage) -> None:
    """Only this device has to wait."""
    order = await ordered(stage)
    stage.cloud.tasks[DEV_ID, 2].pause()

    with pytest.raises(Unavailable) as caught:
        await read(stage, order.firmware)

    assert (caught.value.code, caught.value.scope) == ("paused", Scope.DEVICE)


@pytest.mark.parametrize(
    ("mistake", "code"),
    [
        (Mistake.NOT_FOUND, "not_found"),
        (Mistake.SIZE_MISMATCH, "wrong_size"),
        (Mistake.BAD_TOKEN, "url_expired"),
        (Mistake.FETCH_FAILED, "download_failed"),
        (Mistake.BAD_PARAMETER, "bad_request"),
        (Mistake.CELL_LIMIT, "download_failed"),
    ],
)
async def test_byte_instead_of_an_image_is_never_data(
    stage: OneNetStage, mistake: Mistake, code: str
) -> None:
    """One byte without a length is the cloud's word for an error."""
    order = await ordered(stage)
    stage.cloud.download_mistake = mistake

    with pytest.raises(CloudError) as caught:
        await read(stage, order.firmware)

    assert caught.value.code == code


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.1.1/ota/south/download?dev_id=1&type=2",
        "{base}/ota/south/download?dev_id=1",
        "{base}/ota/south/download?dev_id=1&type=2&more=3",
        "{base}/ota/south/download/ota_1234",
        "{base}/fuse-ota/1/2/3/download",
    ],
)
async def test_address_of_elsewhere_gets_no_signature(stage: OneNetStage, url: str) -> None:
    """The product's signature goes to the product's cloud only, and to what its orders name."""
    with pytest.raises(Rejected) as caught:
        await read(stage, Firmware(version=TARGET, url=url.format(base=stage.url)))

    assert caught.value.code == "url_forbidden"
    assert stage.actions() == []
