"""The verdict fails on whatever is planted: an end that is lost, wrong, told twice or illegal, an error, a slope."""

from dataclasses import replace
from typing import Any

import pytest

from tests.simulators.demo.site import Member
from tests.simulators.fleet import DONE, Device, Ending
from tests.soak.books import Books
from tests.soak.log import AFTER, Struck, complaints, is_explained, is_hostile
from tests.soak.memory import Memory
from tests.soak.report import Report

MEMBER = Member(device=Device(product="P", name="a", secret=""), dev_id="61000001", has_task=True)
MEMORY = Memory(peak_mb=120, last_mb=110, slope=3.0, samples=900, floors=50, minutes=25, lives=2)
CLOUD = {"heard": 10, "illegal": 0, "illegal_by_reason": {}}


def call(device: str, said: str, **more: Any) -> dict[str, Any]:
    """Return a call as a cloud's record has it."""
    told = {"order": 1, "device": device, "version": "2.0", "said": said, "reply": "ok", "verdict": "legal"}
    return {**told, "body": {}, **more}


def books(
    *tencent: dict[str, Any], onenet: tuple[dict[str, Any], ...], ending: Ending | None = DONE
) -> Books:
    """Return the books of one update."""
    made = Books()
    made.open(MEMBER, "2.0", at_onenet=True).ending = ending
    made.pages["tencent"].enter(tencent)
    made.pages["onenet"].enter(onenet)
    return made


def report(made: Books, **more: Any) -> Report:
    """Return a report with nothing wrong in it but what is planted."""
    clouds = {"tencent": CLOUD, "onenet": CLOUD}
    told = {"judgement": made.judge(), "clouds": clouds, "memory": MEMORY, "starts": [1.0], **more}
    return Report(seed=7, minutes=60, lasted=3600, acknowledged=36000, **told)


AT_TENCENT, AT_ONENET = call("P/a", "done 100"), call("61000001", "result 201")
GOOD = books(AT_TENCENT, onenet=(AT_ONENET,))


def test_what_holds_holds() -> None:
    """Every update ended and was heard once by each cloud."""
    assert report(GOOD).breaches() == []
    assert GOOD.has_heard(GOOD.updates[0])
    assert report(GOOD).rate == 10


def test_an_end_that_one_cloud_never_heard_is_lost() -> None:
    """Though the other one did."""
    made = books(AT_TENCENT, call("P/a", "downloading 20"), onenet=(call("61000001", "result 101"),))
    assert report(made).breaches() == ["lost: OneNET: 61000001 to 2.0"]
    assert not made.has_heard(made.updates[0])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ((AT_TENCENT, AT_TENCENT), "once"),
        ((call("P/a", "fail -5"),), "fail -5"),
    ],
)
def test_an_end_told_twice_or_otherwise_is_wrong(told: tuple[dict[str, Any], ...], words: str) -> None:
    """One sentence names device and version."""
    (breach,) = report(books(*told, onenet=(AT_ONENET,))).breaches()
    assert breach.startswith("told wrongly: 2.0: Tencent heard")
    assert words in breach


def test_an_end_told_again_because_its_reply_was_lost_is_excused() -> None:
    """The cloud's own record says which one that is; it is counted."""
    made = books(AT_TENCENT, call("P/a", "done 100", verdict="resend"), onenet=(AT_ONENET,))
    assert report(made).breaches() == []
    assert made.pages["tencent"].excused == 1


def test_an_update_without_an_end_is_a_breach() -> None:
    """A device that did not come through is named."""
    assert report(books(onenet=(), ending=None)).breaches() == ["unfinished: P/a to 2.0"]


def test_an_illegal_report_is_a_breach() -> None:
    """By the cloud's own count."""
    bad = {**CLOUD, "illegal": 2, "illegal_by_reason": {"after_terminal": 2}}
    (breach,) = report(GOOD, clouds={"tencent": bad, "onenet": CLOUD}).breaches()
    assert breach.startswith("illegal: tencent heard 2 reports out of order")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"memory": replace(MEMORY, peak_mb=1000)}, "memory: 1000 MB at its peak"),
        ({"memory": replace(MEMORY, slope=200.0)}, "memory: its floor rises by 200.0 MB an hour"),
        ({"starts": [1.0, 99.0]}, "start 2 took 99.0 s"),
        ({"seen": ["log: Traceback"]}, "log: Traceback"),
    ],
)
def test_what_is_measured_has_bounds(more: dict[str, Any], words: str) -> None:
    """Each is named by its figure."""
    (breach,) = report(GOOD, **more).breaches()
    assert words in breach


def test_a_slope_that_could_not_be_measured_is_no_breach() -> None:
    """The report says that it was too short."""
    made = report(GOOD, memory=replace(MEMORY, slope=None))
    assert made.breaches() == []
    assert "too short to say" in made.as_markdown()


ERROR = '{"event": "commit_failed", "level": "error", "timestamp": "2026-11-21T14:00:30Z"}'
AT = 4_711.0


def test_an_error_is_explained_by_a_fault_that_was_at_work() -> None:
    """Neither by one of another kind nor by one that had healed long before."""
    ((event, _),) = complaints([ERROR, '{"event": "x", "level": "warning"}', ""])
    assert event == "commit_failed"
    assert is_explained(event, AT, [Struck(kind="disk_full", began=AT - 5, ended=AT + 5)])
    assert not is_explained(event, AT, [Struck(kind="kill", began=AT - 5, ended=AT + 5)])
    assert not is_explained(event, AT, [Struck(kind="disk_full", began=AT - 99, ended=AT - AFTER - 1)])


def test_a_start_that_a_locked_store_refused_is_no_error() -> None:
    """The manager starts it again; unless nobody held the lock."""
    line = "ota-gateway: the store sqlite:////data/gateway.db cannot be opened: database is locked"
    ((event, _),) = complaints([line])
    assert is_explained(event, AT, [Struck(kind="store_locked", began=AT - 5, ended=AT + 5)])
    assert not is_explained(event, AT, [Struck(kind="disk_full", began=AT - 5, ended=AT + 5)])
    ((damaged, _),) = complaints([line.replace("database is locked", "file is not a database")])
    assert not is_explained(damaged, AT, [Struck(kind="store_locked", began=AT - 5, ended=AT + 5)])


def test_a_report_that_a_hostile_device_made_up_may_be_refused() -> None:
    """Another device's may not."""
    line = '{"event": "report_rejected", "level": "error", "device": "P/bad7"}'
    assert is_hostile("report_rejected", line)
    assert not is_hostile("report_rejected", line.replace("P/bad7", "PUMP/pump00"))


def test_a_traceback_is_explained_by_nothing() -> None:
    """Wherever it stands."""
    lines = ["Traceback (most recent call last):", '{"event": "x", "level": "info", "e": "Traceback"}']
    found = list(complaints(lines))
    assert len(found) == 2
    assert not any(
        is_explained(event, AT, [Struck(kind="disk_full", began=0, ended=1e12)]) for event, _ in found
    )
