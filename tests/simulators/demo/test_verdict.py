"""The demo's verdict: what it takes for the clouds' records to agree, and each way in which they may not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.simulators.demo.site import TARGET, Member
from tests.simulators.demo.verdict import (
    Count,
    Hearing,
    endings_of,
    fetched,
    hearing_of_onenet,
    hearing_of_tencent,
)
from tests.simulators.fleet import DONE, ROLLED_BACK, Device, Ending, Result

FAILED = Ending(state="fail", tencent=-4, onenet=205, why="verify INTEGRITY_CHECK_FAILED")
GOOD = Device(product="P", name="good", secret="")
BAD = Device(product="P", name="bad", secret="")
NO_TASK = Device(product="P", name="none", secret="")
SITE = [
    Member(device=GOOD, dev_id="61", has_task=True),
    Member(device=BAD, dev_id="62", has_task=True),
    Member(device=NO_TASK, dev_id="63", has_task=False),
]
ENDINGS = {"P/good": DONE, "P/bad": FAILED, "P/none": DONE}
COUNT = Count(
    sent=10,
    resent=2,
    acknowledged=10,
    garbage=1,
    quarantined=1,
    suppressed={"duplicate": 3},
    not_applicable=1,
    waiting=0,
    dead_letters=0,
    parked=0,
)


def call(
    device: str, said: str, *, reply: str = "ok", verdict: str = "legal", **body: str
) -> Mapping[str, Any]:
    """Return a line of a cloud's record."""
    return {"device": device, "said": said, "reply": reply, "verdict": verdict, "body": body}


TENCENT = [
    call("P/good", "downloading 20"),
    call("P/bad", "fail -4"),
    call("P/none", "done 100"),
    call("P/good", "done 100"),
]
ONENET = [
    call("61", ""),
    call("61", "step 20"),
    call("61", "result 101"),
    call("62", "result 205"),
    call("63", "", reply="11"),
    call("61", "result 201"),
]


def of_tencent(*calls: Mapping[str, Any]) -> Hearing:
    """Judge this record."""
    return hearing_of_tencent(ENDINGS, calls)


def of_onenet(*calls: Mapping[str, Any]) -> Hearing:
    """Judge this record."""
    return hearing_of_onenet(SITE, ENDINGS, calls)


def test_agreement() -> None:
    """Each end once, in the cloud's own words; OneNET hears nothing of a device without a task."""
    tencent, onenet = of_tencent(*TENCENT), of_onenet(*ONENET)
    assert (tencent.heard, len(tencent.expected), tencent.differences()) == (4, 3, [])
    assert (onenet.heard, len(onenet.expected), onenet.differences()) == (4, 2, [])


def test_a_lost_end() -> None:
    """A refused report was not heard, and neither was one that met a fault."""
    tencent = of_tencent(*TENCENT[:-1], call("P/good", "done 100", reply="InternalError", verdict="refused"))
    assert tencent.lost == ["P/good"]
    assert tencent.differences() == ["Tencent never heard how P/good ended: done"]
    assert of_onenet(*ONENET[:-1]).lost == ["61"]


def test_a_wrong_end() -> None:
    """Another code is another end."""
    wrong = of_onenet(*ONENET[:3], call("62", "result 206"), *ONENET[4:])
    assert wrong.differences() == ["OneNET heard ['result 206'] of 62; it should be result 205, once"]


def test_an_end_told_twice() -> None:
    """Even the same end."""
    twice = of_tencent(*TENCENT, call("P/bad", "fail -4", verdict="illegal"))
    assert twice.differences() == [
        "Tencent heard ['fail -4', 'fail -4'] of P/bad; it should be fail -4, once",
        "Tencent heard 1 reports that break its order of states",
    ]


def test_an_end_that_nobody_asked_for() -> None:
    """Whoever has no task has no end."""
    said = of_onenet(*ONENET, call("63", "result 201")).differences()
    assert said == ["OneNET heard ['result 201'] of 63, which has no task there"]


def test_a_rollback_told_as_such() -> None:
    """Tencent's message names it; OneNET has a number for it and no room for more."""
    endings = {"P/bad": ROLLED_BACK}
    onenet = hearing_of_onenet(SITE, endings, [call("62", "result 206")])
    named = call("P/bad", "fail -5", ResultMsg="runs 1.0 (ROLLED_BACK)")
    tencent = hearing_of_tencent(endings, [named])
    for hearing, device in ((tencent, "P/bad"), (onenet, "62")):
        assert (hearing.differences(), sorted(hearing.rollbacks_told)) == ([], [device])


def test_a_rollback_told_as_something_else() -> None:
    """The code alone would do for any failed installation."""
    hearing = hearing_of_tencent(
        {"P/bad": ROLLED_BACK}, [call("P/bad", "fail -5", ResultMsg="burn (UNKNOWN)")]
    )
    assert hearing.differences() == ["Tencent was not told that P/bad rolled back"]


@pytest.mark.parametrize(
    ("begun", "sent", "sentences"),
    [
        ((1, 0), 100, 0),
        ((0, 1), 100, 0),
        ((1, 1), 200, 1),
        ((1, 0), 150, 1),
        ((0, 0), 0, 1),
    ],
)
def test_an_image_is_fetched_once(begun: tuple[int, int], sent: int, sentences: int) -> None:
    """From whichever cloud, from its first byte to its last, and no byte twice."""
    downloads = {
        "tencent": {"P/2.1": {"begun": begun[0], "sent": sent}, "P/2.0": {"begun": 5, "sent": 5}},
        "onenet": {"2.1": {"begun": begun[1], "sent": 0}},
    }
    image = fetched("2.1", 100, downloads=downloads, given=7)
    assert (image.times, image.bytes_sent, len(image.differences())) == (sum(begun), sent, sentences)


def test_only_what_has_ended_counts() -> None:
    """A device that is on its way has no end, and neither has one that never began."""
    truth = {"P/a": {TARGET: Result(said=(), ending=DONE)}, "P/b": {TARGET: Result(said=(), ending=None)}}
    assert endings_of({**truth, "P/c": {}}) == {"P/a": DONE}


def test_requests_that_met_the_outage() -> None:
    """They are counted and judged no further."""
    tencent = of_tencent(*TENCENT, call("", "", reply="down", verdict="unheard"))
    assert (tencent.unheard, tencent.differences()) == (1, [])


def test_the_counts_agree() -> None:
    """Nothing to say."""
    assert COUNT.differences([]) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"acknowledged": 9}, "devices sent 10 reports and got 9 acknowledged"),
        ({"quarantined": 0}, "devices sent 1 malformed messages, 0 are in quarantine"),
        ({"waiting": 3}, "the gateway is left with 3 waiting"),
        ({"dead_letters": 2}, "the gateway is left with 2 refused for good"),
        ({"parked": 1}, "the gateway is left with 1 denied"),
    ],
)
def test_the_counts_differ(change: dict[str, int], sentence: str) -> None:
    """One sentence for each."""
    assert replace(COUNT, **change).differences([]) == [sentence]  # type: ignore[arg-type]


def test_an_update_without_an_end() -> None:
    """A device that did not get through is named."""
    assert COUNT.differences(["P/slow"]) == ["P/slow has not finished its update"]
