"""Whom OneNET trusts, how an adapter tells who is refused, and what is no answer at all."""

from dataclasses import replace

import pytest
from aiohttp import web

from adapters.onenet import OneNet, OneNetSettings
from gateway.errors import Denied, Rejected, Scope, Unavailable
from gateway.model.states import State
from gateway.ports.cloud import Site
from tests.contract.servers import Server
from tests.contract.stages import DEV_ID, KNOWN, OneNetStage
from tests.simulators import Fault, serve
from tests.simulators.onenet import KEY, RESOURCE
from tests.simulators.record import Verdict
from tests.unit.adapters.events import event

HOUR = 3600.0
DOWNLOADING = event(State.DOWNLOADING, percent=20)


async def test_signature_is_used_for_half_its_time(stage: OneNetStage) -> None:
    """A signature is made anew before the cloud would refuse it, after a clock change too."""
    for seconds in (0.0, 0.4 * HOUR, 0.4 * HOUR, 40 * HOUR, -20 * HOUR):
        stage.wait(seconds)
        stage.cloud.issue_token(stage.cloud.tasks[DEV_ID, 2])
        await stage.tell(DOWNLOADING, State.DOWNLOADING)

    assert stage.cloud.record.verdicts[Verdict.REFUSED] == 0


async def test_unknown_device_does_not_park_the_lane(stage: OneNetStage) -> None:
    """Errno 1 means the device when another one is still let in, and the key when none is."""
    stranger = replace(KNOWN, external={**KNOWN.external, "dev_id": "1"})
    await stage.tell(DOWNLOADING)
    with pytest.raises(Denied) as unknown:
        await stage.tell(DOWNLOADING, device=stranger)
    stage.cloud.keys.clear()
    with pytest.raises(Denied) as revoked:
        await stage.tell(DOWNLOADING, device=stranger)

    assert (unknown.value.scope, revoked.value.scope) == (Scope.DEVICE, Scope.LANE)


async def test_key_that_is_none_parks_the_lane(stage: OneNetStage) -> None:
    """A key that cannot sign is said to be one, without being shown."""
    stage.restart(access_key="no key at all!")

    with pytest.raises(Denied, match="base64") as caught:
        await stage.tell(DOWNLOADING)

    assert caught.value.scope is Scope.LANE
    assert "no key" not in str(caught.value)


@pytest.mark.parametrize(
    ("errno", "error"), [("7", Unavailable), ("2", Rejected), ("24", Rejected), ("27", Rejected)]
)
@pytest.mark.parametrize("where", ["tasking", "progress"])
async def test_errno_is_judged_wherever_it_comes(
    stage: OneNetStage, where: str, errno: str, error: type[Exception]
) -> None:
    """Success is the errno's word alone."""
    stage.cloud.faults.error = Fault(error=errno, only=where)

    with pytest.raises(error):
        await stage.tell(DOWNLOADING)


async def test_second_refusal_of_the_token_parks_the_device(stage: OneNetStage) -> None:
    """A token that the cloud gave and will not take is no matter of the header, which it took in between."""
    stage.cloud.faults.error = Fault(error="1", only="progress")

    with pytest.raises(Denied) as caught:
        await stage.tell(DOWNLOADING)

    assert caught.value.scope is Scope.DEVICE


@pytest.mark.parametrize(
    "body", ["[]", "7", "{}", '{"errno": "0"}', '{"errno": 0}', '{"errno": 0, "data": {"target": "2.0"}}']
)
async def test_answer_without_sense_is_unavailable(site: Site, body: str) -> None:
    """An answer in no known shape, or an offer without its token, is no word on the task."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    async with serve(Server(answer)) as url:
        settings = OneNetSettings.model_validate(
            {"api": "south", "url": url, "resource": RESOURCE, "access_key": KEY}
        )
        with pytest.raises(Unavailable) as caught:
            await OneNet(settings, site).deliver(KNOWN, DOWNLOADING, None)

    assert caught.value.code == "misshapen"
