"""The task push service against the adapter behind an address, and that no other adapter claims to be pushed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from gateway.errors import Denied
from gateway.ports.cloud import PushAnswer, Pushed, PushRequest
from tests.contract.benches import Teller
from tests.contract.servers import Server
from tests.contract.stages import DEV_ID, KNOWN, OneNetStage
from tests.simulators import serve
from tests.simulators.onenet import Pusher

TOKEN, UID = "push-token-001", 42
PUSH = {"token": TOKEN, "uid": UID}


@pytest.fixture
def heard() -> list[PushAnswer]:
    """What the adapter made of each request."""
    return []


@pytest.fixture
async def address(stage: OneNetStage, heard: list[PushAnswer]) -> AsyncIterator[str]:
    """The address of a gateway that hands on what comes."""
    stage.restart(push=PUSH)

    async def answer(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = PushRequest(
            method=request.method, query=request.query, headers=headers, body=await request.read()
        )
        heard.append(stage.adapter.hear_push(asked))
        return web.Response(status=heard[-1].status, text=heard[-1].body)

    async with serve(Server(answer)) as url:
        yield f"{url}/push/onenet"


def pusher(stage: OneNetStage, **traits: Any) -> Pusher:
    """Return a platform that pushes."""
    return Pusher(clock=lambda: stage.at[0], token=TOKEN, uid=UID, **traits)


async def test_address_is_verified_by_the_console(stage: OneNetStage, address: str) -> None:
    """The console takes the address only if the gateway knows the token."""
    assert await pusher(stage).verify(address)
    assert not await replace(pusher(stage), token="another").verify(address)


@pytest.mark.parametrize("traits", [{"variant": "A"}, {"variant": "B"}, {"variant": "B", "rewrites": True}])
async def test_push_names_its_devices(
    stage: OneNetStage, address: str, heard: list[PushAnswer], traits: dict[str, Any]
) -> None:
    """Each variant is welcome, and leads to the devices by the name that their configuration has."""
    pushed = await pusher(stage, **traits).push(address, dids=[int(DEV_ID), 8], version="2.0")

    assert pushed.status == 200
    assert heard == [PushAnswer(names=frozenset({DEV_ID, "8"}))]
    assert stage.adapter.name_in_pushes(KNOWN) in heard[0].names
    assert stage.adapter.name_in_pushes(replace(KNOWN, external={})) is None


@pytest.mark.parametrize("variant", ["A", "B"])
async def test_forged_push_is_refused(
    stage: OneNetStage, address: str, heard: list[PushAnswer], variant: Any
) -> None:
    """Who does not know the token makes nobody ask."""
    pushed = await pusher(stage, variant=variant).push(address, dids=[7], version="2.0", forged=True)

    assert pushed.status == 403
    assert heard == [PushAnswer(status=403)]


async def test_without_a_token_there_is_no_such_address(stage: OneNetStage) -> None:
    """A site that is not pushed says so."""
    assert stage.adapter.hear_push(PushRequest(method="GET")) == PushAnswer(status=404)


async def test_token_that_is_missing_is_denied(stage: OneNetStage) -> None:
    """A secret that is not there proves nobody."""
    stage.restart(push={**PUSH, "token": {"env": "NO_SUCH_TOKEN"}})

    with pytest.raises(Denied):
        stage.adapter.hear_push(PushRequest(method="POST"))


async def test_adapter_says_whether_its_cloud_pushes(teller: Teller) -> None:
    """Only who can read a push says so."""
    assert isinstance(teller.adapter, Pushed) == ("OneNet" in type(teller.adapter).__name__)
