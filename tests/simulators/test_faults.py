"""Every kind of trouble, over real connections."""

import asyncio

import aiohttp
import pytest
from aiohttp import ClientOSError, ServerDisconnectedError

from tests.simulators import Fault, Faults, serve
from tests.simulators.callers import OneNetCaller, TencentCaller
from tests.simulators.onenet import OneNetCloud
from tests.simulators.spoiling import CHUNK
from tests.simulators.tencent import PATH, TencentCloud


async def raw(app: TencentCaller) -> tuple[int, str, bytes]:
    """Report ``burning`` and return status, content type and body."""
    product, name = app.device.split("/")
    body = {
        "Action": "AppReportOTAStatus",
        "AccessToken": app.token,
        "RequestId": "r-1",
        "ProductId": product,
        "DeviceName": name,
        "Version": "2.0",
        "State": "burning",
        "ResultCode": 0,
    }
    async with app.session.post(app.url + PATH, json=body) as response:
        return response.status, response.content_type, await response.read()


async def test_down(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The connection is reset, nothing is applied, and it lasts until it is switched off."""
    tencent_cloud.faults.down = True
    for _ in range(2):
        with pytest.raises(ClientOSError):
            await raw(tencent_app)
    tencent_cloud.faults.down = False
    assert (await raw(tencent_app))[0] == 200
    assert tencent_cloud.record.heard == 1
    assert tencent_cloud.faults.struck == {"down": 2}


async def test_reply_lost(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The request is applied, and the connection ends without a word."""
    tencent_cloud.faults.reply_lost = Fault(times=1)
    with pytest.raises(ServerDisconnectedError):
        await raw(tencent_app)
    assert tencent_cloud.record.heard == 1
    assert tencent_cloud.record.lost == 1


@pytest.mark.parametrize("after", [None, "3", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_status(tencent_cloud: TencentCloud, tencent_app: TencentCaller, after: str | None) -> None:
    """Throttling comes with or without Retry-After, as often as ordered."""
    tencent_cloud.faults.status = Fault(code=429, retry_after=after, times=1)
    async with tencent_app.session.post(tencent_app.url + PATH, json={}) as response:
        assert response.status == 429
        assert response.headers.get("Retry-After") == after
    assert (await raw(tencent_app))[0] == 200


async def test_html(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A captive portal answers everything with 200 and a page."""
    tencent_cloud.faults.html = True
    status, kind, body = await raw(tencent_app)
    assert (status, kind) == (200, "text/html")
    assert b"sign in" in body
    assert tencent_cloud.record.heard == 0


async def test_truncated(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Half the JSON arrives, and the cause of it was applied."""
    tencent_cloud.faults.truncated = True
    status, kind, body = await raw(tencent_app)
    assert (status, kind) == (200, "application/json")
    assert body == b'{"Response": {"Reque'[: len(body)]
    assert tencent_cloud.record.heard == 1


async def test_enormous(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The true reply comes first, and then it does not end."""
    tencent_cloud.faults.enormous = Fault(size=8 * len(CHUNK))
    _, _, body = await raw(tencent_app)
    assert len(body) > 8 * len(CHUNK)
    assert body.strip().endswith(b"}}")


async def test_enormous_and_nobody_reads_it(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A caller that has read enough may leave; the cloud lives on."""
    tencent_cloud.faults.enormous = Fault(times=1)
    async with tencent_app.session.post(tencent_app.url + PATH, json={}) as response:
        await response.content.read(10)
    assert (await raw(tencent_app))[0] == 200


async def test_wrong_request_id(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The reply belongs to another request, as far as one can see, and counts as lost."""
    tencent_cloud.faults.wrong_request_id = Fault(times=1)
    _, _, body = await raw(tencent_app)
    assert b"r-1" not in body
    assert tencent_cloud.record.lost == 1


async def test_expired_token(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A good token is called invalid."""
    tencent_cloud.faults.expired_token = Fault(times=1)
    assert b"InvalidAccessToken" in (await raw(tencent_app))[2]
    assert b"Error" not in (await raw(tencent_app))[2]


async def test_slow(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """The reply waits for so many seconds."""
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    tencent_cloud.faults.sleep = note
    tencent_cloud.faults.slow = Fault(seconds=30, times=1)
    assert (await raw(tencent_app))[0] == 200
    assert waited == [30]
    assert tencent_cloud.record.lost == 0


async def test_a_caller_that_gave_up_waiting_may_ask_again(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """Until a slow reply is delivered, the caller cannot know it."""
    is_waiting, go_on = asyncio.Event(), asyncio.Event()

    async def wait(seconds: float) -> None:
        is_waiting.set()
        await go_on.wait()

    tencent_cloud.faults.sleep = wait
    tencent_cloud.faults.slow = Fault(times=1)
    first = asyncio.create_task(tencent_app.report("done"))
    await is_waiting.wait()
    first.cancel()
    await tencent_app.report("done")
    go_on.set()
    assert [call.verdict for call in tencent_cloud.record.calls] == ["legal", "resend"]


async def test_flapping(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """Up for so many seconds, then down for as many, and so on."""
    now = 100.0
    tencent_cloud.faults.clock = lambda: now
    tencent_cloud.faults.flapping = Fault(seconds=10)
    assert (await raw(tencent_app))[0] == 200
    now = 110.0
    with pytest.raises(ClientOSError):
        await raw(tencent_app)
    now = 120.0
    assert (await raw(tencent_app))[0] == 200


async def test_only(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A fault can be aimed at what stands in the URL or in the body."""
    tencent_cloud.faults.status = Fault(only="dev02")
    tencent_cloud.faults.html = Fault(only="/nowhere")
    assert (await raw(tencent_app))[1] == "application/json"


def test_chance_is_repeatable() -> None:
    """The same seed strikes the same requests, about as often as asked."""
    runs = []
    for _ in range(2):
        faults = Faults(down=Fault(chance=0.3))
        faults.dice.seed(7)
        runs.append([faults.take("down", "") is not None for _ in range(1000)])
    assert runs[0] == runs[1]
    assert 200 < sum(runs[0]) < 400


async def test_a_cloud_comes_back_with_its_state(tencent_cloud: TencentCloud) -> None:
    """Serving again on the same port, the cloud remembers what it heard."""
    async with serve(tencent_cloud) as url, aiohttp.ClientSession() as session:
        await TencentCaller(session=session, url=url).report("downloading", 20)
    port = int(url.rpartition(":")[2])
    async with serve(tencent_cloud, port=port) as again, aiohttp.ClientSession() as session:
        await TencentCaller(session=session, url=again).report("done")
    assert again == url
    assert tencent_cloud.histories["PR0DUCT01/dev01", "2.0"].states == ["downloading", "done"]


async def test_both_clouds_share_the_layer(onenet_cloud: OneNetCloud, onenet_device: OneNetCaller) -> None:
    """OneNET falls over in the same way; a download too."""
    token = await onenet_device.begin()
    onenet_cloud.faults.reply_lost = True
    with pytest.raises(ServerDisconnectedError):
        await onenet_device.report(token, 101)
    onenet_cloud.faults.clear()
    onenet_cloud.faults.truncated = Fault(only="/download/")
    async with onenet_device.session.get(f"{onenet_device.url}/ota/south/download/{token}") as response:
        assert await response.read() == b"1" * 11


async def test_a_connection_ends_after_its_calls(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """The original cuts a connection after a thousand calls; the next call takes a new one."""
    onenet_cloud.calls_per_connection = 3
    closes = []
    for _ in range(7):
        url = onenet_device.url + "/ota/device/version"
        query = {"dev_id": onenet_device.dev_id}
        async with onenet_device.session.get(url, params=query, headers=onenet_device.headers) as response:
            closes.append(response.headers.get("Connection") == "close")
    assert closes == [False, False, True, False, False, True, False]
