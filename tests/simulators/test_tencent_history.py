"""The order of what a device says about a version is judged."""

from dataclasses import replace

import pytest
from aiohttp import ServerDisconnectedError

from tests.simulators import Verdict
from tests.simulators.callers import TencentCaller
from tests.simulators.faults import Fault
from tests.simulators.tencent import History, TencentCloud

ADDRESS = "PR0DUCT01/dev01"


@pytest.mark.parametrize(
    "states",
    [
        ["downloading", "downloading", "burning", "updating", "done"],
        ["downloading", "updating", "burning", "done"],
        ["done"],
        ["updating", "fail"],
        ["fail", "downloading", "done"],
        ["downloading", "fail", "downloading", "fail", "downloading", "burning", "done"],
    ],
)
async def test_legal_orders(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller, states: list[str]
) -> None:
    """Forward by rank, skipping as one likes, beginning anew after a failure."""
    for state in states:
        await tencent_app.report(state)
    assert tencent_cloud.record.illegal == 0
    assert tencent_cloud.histories[ADDRESS, "2.0"].attempts == 1 + states[:-1].count("fail")


@pytest.mark.parametrize(
    ("states", "why"),
    [
        (["burning", "downloading"], "backwards"),
        (["updating", "downloading"], "backwards"),
        (["done", "done"], "duplicate_terminal"),
        (["fail", "fail"], "duplicate_terminal"),
        (["done", "downloading"], "after_done"),
        (["done", "fail"], "after_done"),
        (["fail", "burning"], "after_fail"),
        (["fail", "done"], "after_fail"),
    ],
)
async def test_illegal_orders(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller, states: list[str], why: str
) -> None:
    """The report that breaks a rule is answered with success, marked, and changes nothing."""
    first, second = states
    await tencent_app.report(first)
    assert await tencent_app.report(second) == ""
    assert tencent_cloud.record.reasons == {why: 1}
    assert tencent_cloud.histories[ADDRESS, "2.0"].state == first


async def test_percent_may_go_back(tencent_cloud: TencentCloud, tencent_app: TencentCaller) -> None:
    """A download that begins again within its attempt is no offence."""
    for percent in (10, 80, 5):
        await tencent_app.report("downloading", percent)
    assert tencent_cloud.record.illegal == 0
    assert tencent_cloud.histories[ADDRESS, "2.0"].percent == 5


async def test_versions_and_devices_are_apart(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """What is over for one version or device is not over for another."""
    await tencent_app.report("done")
    await tencent_app.report("downloading", Version="3.0")
    await replace(tencent_app, device="PR0DUCT01/dev02").report("downloading")
    assert tencent_cloud.record.illegal == 0
    assert tencent_cloud.summary()["devices"][ADDRESS]["version"] == "3.0"


async def test_a_new_order_of_the_same_version_begins_anew(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """When the cloud orders a version again, its terminal state may be reported again."""
    await tencent_app.report("fail")
    tencent_cloud.create_task(ADDRESS, "2.0")
    await tencent_app.report("fail")
    assert tencent_cloud.record.illegal == 0
    assert tencent_cloud.histories[ADDRESS, "2.0"].attempts == 2


async def test_a_refused_report_is_not_part_of_the_story(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """What the cloud refuses was never heard."""
    await tencent_app.report("done", ResultCode=7)
    await tencent_app.report("downloading", 1)
    assert tencent_cloud.record.illegal == 0
    assert tencent_cloud.histories[ADDRESS, "2.0"].states == ["downloading"]


async def test_an_exact_resend_after_a_lost_reply_is_excused(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """Whoever cannot know the reply may ask again, as often as replies are lost, and once more."""
    tencent_cloud.faults.reply_lost = Fault(times=2)
    for _ in range(2):
        with pytest.raises(ServerDisconnectedError):
            await tencent_app.report("done", 100)
    await tencent_app.report("done", 100)
    assert [call.verdict for call in tencent_cloud.record.calls] == ["legal", "resend", "resend"]
    await tencent_app.report("done", 100)
    assert tencent_cloud.record.reasons == {"duplicate_terminal": 1}


async def test_another_report_after_a_lost_reply_is_not_excused(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """A lost ``done`` does not license a ``fail``."""
    tencent_cloud.faults.reply_lost = Fault(times=1)
    with pytest.raises(ServerDisconnectedError):
        await tencent_app.report("done")
    await tencent_app.report("fail")
    assert tencent_cloud.record.reasons == {"after_done": 1}


async def test_a_killed_caller_can_be_excused(
    tencent_cloud: TencentCloud, tencent_app: TencentCaller
) -> None:
    """After a kill the last reply may be unknown to the caller, though it was sent."""
    await tencent_app.report("done")
    tencent_cloud.record.excuse_resends()
    await tencent_app.report("done")
    assert tencent_cloud.record.verdicts[Verdict.RESEND] == 1
    assert tencent_cloud.record.illegal == 0


def test_repeated_states_are_kept_once() -> None:
    """A thousand steps of progress are one entry."""
    history = History("2.0")
    for percent in range(100):
        history.hear("downloading", percent)
    assert history.states == ["downloading"]
