"""The API's dead letters and quarantine."""

import asyncio
import base64
import json
from typing import Any

import pytest

from gateway import hidden
from gateway.hidden import Hidden
from gateway.model.states import State
from gateway.ops.client import RefusedError
from tests.integration.ops.office import D1, ONE, TWO, V2, Office, told
from tests.leaks import leaks


async def buried(office: Office) -> int:
    """Let a cloud refuse the start of an update, and return the dead letter's number."""
    await office.say(told(State.INSTALLING))
    await office.bury()
    return int((await office.get("dead-letters"))["dead_letters"][0]["id"])


async def test_dead_letters_are_listed_and_shown(office: Office) -> None:
    """What was said, to whom, and what the cloud said."""
    number = await buried(office)
    letter = (await office.get("dead-letters"))["dead_letters"][0]
    assert {key: letter[key] for key in ("lane", "device", "update", "kind", "said", "code", "reason")} == {
        "lane": "cloud/one",
        "device": "P/d1",
        "update": "P/d1/default/1",
        "kind": "transition",
        "said": "installing",
        "code": "E17",
        "reason": "not like this",
    }
    assert '"state":"installing"' in (await office.get("dead-letters", str(number)))["body"]
    assert (await office.get("dead-letters", lane="cloud/two"))["dead_letters"] == []
    assert (await office.status_of("GET", "dead-letters/99"))[0] == 404
    assert (await office.status_of("GET", "dead-letters/0"))[0] == 400


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"product": "P", "device": "d1"}, 1),
        ({"device": "d2"}, 0),
        ({"lane": "cloud/one", "since": "2020-01-01T00:00:00Z"}, 1),
        ({"since": "2999-01-01T00:00:00Z"}, 0),
    ],
)
async def test_dead_letters_are_filtered(office: Office, filters: dict[str, str], found: int) -> None:
    """Every filter narrows."""
    await buried(office)
    assert len((await office.get("dead-letters", **filters))["dead_letters"]) == found


async def test_dead_letters_come_a_page_at_a_time(office: Office) -> None:
    """The newest first."""
    await office.say(told(State.INSTALLING), told(State.FAILED))
    for _ in range(2):
        await office.bury()
    first = await office.get("dead-letters", limit=1)
    second = await office.get("dead-letters", limit=1, cursor=first["next"])
    assert [page["dead_letters"][0]["said"] for page in (first, second)] == ["failed", "installing"]
    assert second["next"] is None


async def test_a_dead_letter_is_sent_again(office: Office) -> None:
    """As a new message of its queue; the letter is gone, and the timeline has it."""
    number = await buried(office)
    assert await office.waiting() == []
    await office.post("dead-letters", str(number), "replay")
    assert await office.waiting() == [State.INSTALLING]
    assert (await office.get("dead-letters"))["dead_letters"] == []
    lines = (await office.get("updates", "P", "d1", "default", "1"))["timeline"]
    assert lines[-1]["text"] == "sent again: what cloud/one had refused with E17"


async def test_two_people_do_not_send_it_twice(office: Office) -> None:
    """The second one finds it gone."""
    number = str(await buried(office))
    both = (office.post("dead-letters", number, "replay"), office.post("dead-letters", number, "replay"))
    ends = await asyncio.gather(*both, return_exceptions=True)
    assert sum(isinstance(end, RefusedError) for end in ends) == 1
    assert (await office.store.figures())[ONE].messages == 1


async def test_a_dead_letter_is_dropped(office: Office) -> None:
    """It is forgotten, and nothing is sent."""
    number = str(await buried(office))
    await office.post("dead-letters", number, "drop")
    assert (await office.get("dead-letters"))["dead_letters"] == []
    assert await office.waiting() == []
    assert (await office.status_of("POST", f"dead-letters/{number}/drop"))[0] == 404


async def test_what_cannot_be_sent_again_is_a_conflict(office: Office) -> None:
    """Progress is out of date, and a cloud that is gone hears nothing."""
    await office.say(told(State.DOWNLOADING, percent=1))
    await office.bury()
    await office.say(told(State.DOWNLOADING, percent=2))
    await office.bury()
    await office.bury(TWO)
    kinds = {
        each["kind"]: each["id"]
        for each in (await office.get("dead-letters", lane="cloud/one"))["dead_letters"]
    }
    status, detail = await office.status_of("POST", f"dead-letters/{kinds['progress']}/replay")
    assert (status, "out of date" in detail) == (409, True)
    other = (await office.get("dead-letters", lane="cloud/two"))["dead_letters"][0]["id"]
    with pytest.raises(RefusedError, match="no longer in the configuration; drop it"):
        await office.post("dead-letters", str(other), "replay")


async def test_what_a_device_says_is_shown_without_secrets(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may send its own password, or a neighbour's: neither the text nor the base64 nor a dead letter has it."""
    secret, known = 'pass"w\u00f6rd-of-d1', Hidden()
    known.add(secret)
    monkeypatch.setattr(hidden, "known", known)
    said = json.dumps({"password": secret}).encode() + b"\xff " + secret.encode()
    office.engine.set_aside(
        D1, "ota/P/d1/report", said, reason="bad_json", detail=secret, settle=lambda _: None
    )
    await office.say(told(State.FAILED, detail=secret))
    await office.bury()
    answers: list[Any] = [
        await office.get("quarantine"),
        await office.get("quarantine", "1"),
        await office.get("dead-letters"),
        await office.get("dead-letters", "1"),
    ]
    payload = answers[1]["payload"]
    assert payload["text"] == '{"password": "***"}\ufffd ***'
    assert base64.b64decode(payload["base64"]) == b'{"password": "***"}\xff ***'
    assert leaks({secret}, {str(at): json.dumps(answer) for at, answer in enumerate(answers)}) == []
    assert all("pass" not in each["said"] for each in answers[2]["dead_letters"])


async def test_the_quarantine_is_listed_and_shown(office: Office) -> None:
    """The payload as text, and byte for byte."""
    for payload in (b"\xffoops", b"second"):
        office.engine.set_aside(
            D1, "ota/P/d1/report", payload, reason="malformed", detail="not JSON", settle=lambda _: None
        )
        await office.ledger.drain()
    listed = (await office.get("quarantine"))["quarantine"]
    assert [(each["device"], each["reason"], each["bytes"]) for each in listed] == [
        ("P/d1", "malformed", 6),
        ("P/d1", "malformed", 5),
    ]
    shown = await office.get("quarantine", str(listed[1]["id"]))
    assert shown["payload"] == {"text": "\ufffdoops", "base64": base64.b64encode(b"\xffoops").decode()}
    assert (await office.get("quarantine", device="d2"))["quarantine"] == []
    assert (await office.get("quarantine", product="P", limit=1))["next"] == str(listed[0]["id"])
    assert (await office.status_of("GET", "quarantine/99"))[0] == 404


async def test_a_late_version_of_a_refused_report_is_not_in_the_way(office: Office) -> None:
    """What was buried leaves its queue open for what comes next."""
    await buried(office)
    await office.say(told(State.FAILED, version=V2))
    assert await office.waiting() == [State.FAILED]
