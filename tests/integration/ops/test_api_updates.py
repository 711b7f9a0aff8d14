"""The API's updates: found, shown whole, and acted upon."""

import json
from dataclasses import replace

import pytest

from gateway.core.images import Wanted
from gateway.errors import StoreError
from gateway.model.identity import DeviceId, Module, Version
from gateway.model.policy import Policy
from gateway.model.states import Phase, Reason, State
from gateway.ops.client import Query, RefusedError
from gateway.ports.firmware import NotNowError, Progress, Trouble
from tests.integration.ops.office import D1, D2, IMAGE, ONE, TWO, V1, V2, V3, Office, runs, told

FIRST = ("updates", "P", "d1", "default", "1")


async def test_updates_are_listed_the_newest_first(office: Office) -> None:
    """Each with what tells one from another."""
    await office.say(told(State.DOWNLOADING, percent=20), told(State.FAILED), told(State.NOTIFIED, device=D2))
    await office.order(V3)
    listed = await office.get("updates")
    assert [(each["id"], each["state"]) for each in listed["updates"]] == [
        ("P/d1/default/2", "queued"),
        ("P/d2/default/1", "notified"),
        ("P/d1/default/1", "failed"),
    ]
    assert listed["next"] is None


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"open": True}, ["P/d1/default/2", "P/d2/default/1"]),
        ({"state": ["failed", "queued"]}, ["P/d1/default/1"]),
        ({"state": ["failed"], "open": True}, []),
        ({"device": "d1"}, ["P/d1/default/2", "P/d1/default/1"]),
        ({"product": "Q"}, []),
        ({"product": "P", "device": "d2", "open": False}, ["P/d2/default/1"]),
        ({"reason": "WEAK_SIGNAL"}, ["P/d1/default/1"]),
        ({"reason": "WEAK_SIGNAL", "open": True}, []),
        ({"since": "2020-01-01T00:00:00Z", "open": True, "device": "d2"}, ["P/d2/default/1"]),
        ({"since": "2020-01-01T01:00:00+01:00", "state": ["failed"]}, ["P/d1/default/1"]),
        ({"since": "2999-01-01T00:00:00.5Z"}, []),
        ({"since": "2999-01-01T00:00:00Z", "open": True}, []),
    ],
)
async def test_updates_are_filtered(office: Office, filters: dict[str, Query], found: list[str]) -> None:
    """Every filter narrows."""
    await office.say(
        told(State.FAILED, reason=Reason.WEAK_SIGNAL),
        told(State.NOTIFIED, device=D2),
        told(State.NOTIFIED, version=V3),
    )
    listed = await office.get("updates", **filters)
    assert [each["id"] for each in listed["updates"]] == found


async def test_updates_come_a_page_at_a_time(office: Office) -> None:
    """The cursor goes on after the last one, also where something newer came in between."""
    for number in range(5):
        await office.say(told(State.FAILED, version=Version(f"1.{number}")))
    first = await office.get("updates", limit=2)
    await office.say(told(State.NOTIFIED, device=D2))
    second = await office.get("updates", limit=2, cursor=first["next"])
    third = await office.get("updates", limit=2, cursor=second["next"])
    numbers = [
        int(each["id"].rpartition("/")[2]) for page in (first, second, third) for each in page["updates"]
    ]
    assert numbers == [5, 4, 3, 2, 1]
    assert third["next"] is None


async def test_what_is_open_is_paged_while_it_ends(office: Office) -> None:
    """Who is over leaves the pages to come, and nobody is passed over or shown twice."""
    devices = [DeviceId("P", f"x{number}") for number in range(6)]
    for device in devices:
        await office.say(told(State.NOTIFIED, device=device))
    first = await office.get("updates", open=True, limit=2)
    await office.say(told(State.FAILED, device=devices[5]), told(State.FAILED, device=devices[2]))
    rest = await office.get("updates", open=True, limit=2, cursor=first["next"])
    last = await office.get("updates", open=True, limit=2, cursor=rest["next"])
    shown = [[each["device"] for each in page["updates"]] for page in (first, rest, last)]
    assert shown == [["x5", "x4"], ["x3", "x1"], ["x0"]]
    assert last["next"] is None


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            "stat=failed",
            "stat is not a parameter here; did you mean state? known are: cursor, device, limit, open, product, ",
        ),
        ("state=broken", "state is 'broken'; it must be one of queued, "),
        ("open=yes", "open is 'yes'; it must be true or false"),
        ("limit=0", "limit is '0'; it must be a number from 1 to 500"),
        ("limit=%C2%B2", "it must be a number from 1 to 500"),
        ("limit=1&limit=2", "limit is given 2 times; give it once"),
        ("since=yesterday", "since is 'yesterday'; it must be a time such as 2026-11-21T08:00:00Z"),
        ("since=2026-13-01T00:00:00Z", "it must be a time such as"),
        ("reason=", "reason is ''; it must be one of NONE, "),
        ("product=", "product is ''; it must be a name"),
        ("device=%00", "it must be a name"),
        ("cursor=x", "cursor is none of ours"),
        ("cursor=eA==", "cursor is none of ours"),
        ("cursor=bmFuIHg=", "cursor is none of ours"),
        ("cursor=MSAA", "cursor is none of ours"),
        ("cursor=MSDtoIA=", "cursor is none of ours"),
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(office: Office, query: str, sentence: str) -> None:
    """A filter that is misspelt must not show everything."""
    status, detail = await office.status_of("GET", f"updates?{query}")
    assert status == 400
    assert sentence in detail


async def test_an_update_is_shown_with_all_that_happened(office: Office) -> None:
    """Its timeline in words, its orders, and never the URL of its image."""
    await office.order()
    await office.say(
        told(State.DOWNLOADING, percent=20),
        told(State.FAILED, phase=Phase.DOWNLOAD, reason=Reason.WEAK_SIGNAL, code="-1", detail="gone"),
    )
    shown = await office.get(*FIRST)
    assert (shown["state"], shown["phase"], shown["reason"]) == ("failed", "download", "WEAK_SIGNAL")
    assert (shown["code"], shown["detail"]) == ("-1", "gone")
    assert shown["next"] == {
        "who": "gateway",
        "why": "its end has yet to reach cloud/one, cloud/two",
        "word": "unheard",
        "values": {"lanes": "cloud/one, cloud/two"},
    }
    assert shown["orders"] == [
        {
            "lane": "cloud/one",
            "product": "P",
            "device": "d1",
            "module": "default",
            "version": "2.0",
            "handle": "t1",
            "update": "P/d1/default/1",
            "state": "open",
            "note": "",
        }
    ]
    assert [(line["source"], line["text"]) for line in shown["timeline"]] == [
        ("understood", "queued (the gateway says so)"),
        ("cloud/one", "ordered 2.0 (t1)"),
        ("understood", "downloading 20 %"),
        ("understood", "failed WEAK_SIGNAL -1 gone"),
    ]
    assert all(line["at"].endswith("Z") for line in shown["timeline"])
    assert "hunter2" not in json.dumps(shown)


async def test_an_update_that_is_over_and_out_of_memory_is_shown(office: Office) -> None:
    """Memory holds the newest only; the store has the others."""
    await office.say(told(State.FAILED), told(State.NOTIFIED, version=V3))
    assert (await office.get(*FIRST))["state"] == "failed"


async def test_a_module_with_a_slash_is_found(office: Office) -> None:
    """Devices name modules as they like."""
    await office.say(told(State.NOTIFIED, module=Module("a/b c")))
    shown = await office.get("updates", "P", "d1", "a/b c", "1")
    assert shown["id"] == "P/d1/a/b c/1"


async def test_what_is_not_there_is_not_found(office: Office) -> None:
    """Neither the update, nor the action."""
    assert await office.status_of("GET", "updates/P/d1/default/9") == (
        404,
        "there is no update P/d1/default/9",
    )
    assert (await office.status_of("POST", "updates/P/d1/default/9/confirm"))[0] == 404
    assert (await office.status_of("POST", "updates/P/d1/default/1/explode"))[0] == 404
    assert (await office.status_of("GET", "updates/P/d1/default/1/confirm"))[0] == 405


async def test_the_baton_is_told(office: Office) -> None:
    """Who must move next and what for, through the life of an update."""
    await office.order(confirm=True)
    row = next(office.orders.all())
    identity = row.command.firmware.identity
    wanted = office.images.known[identity] = Wanted(row)

    async def baton() -> tuple[str, str]:
        shown = await office.get(*FIRST)
        return shown["next"]["who"], shown["next"]["why"]

    assert await baton() == ("operator", "a person must confirm it, or refuse it")
    await office.post(*FIRST, "pause")
    assert await baton() == ("operator", "it is paused")
    await office.post(*FIRST, "resume")
    await office.post(*FIRST, "confirm")
    assert await baton() == ("gateway", "the image is fetched")
    office.shelf.coming[identity] = Progress(1024, 4096)
    assert await baton() == ("gateway", "the image is fetched, 25 %")
    assert (await office.get(*FIRST))["image"]["received"] == 1024
    wanted.trouble = NotNowError(Trouble.SOURCE_UNAVAILABLE, "the cloud is away")
    assert await baton() == ("gateway", "the image cannot be had: source_unavailable: the cloud is away")
    wanted.image = IMAGE
    assert await baton() == (
        "gateway",
        "it waits for its turn, or for the device to have the power and signal asked for",
    )
    office.present.clear()
    assert await baton() == ("device", "it is away, and is told when it comes")
    await office.say(told(State.DOWNLOADING))
    assert await baton() == ("device", "it is away")
    office.present.add(D1)
    assert await baton() == ("device", "")
    await office.say(told(State.SUCCEEDED))
    assert await baton() == ("device", "it must report that it runs 2.0")
    await office.say(runs(V2))
    await office.hear(ONE)
    assert await baton() == ("gateway", "its end has yet to reach cloud/two")
    assert (await office.get("updates"))["updates"][0]["next"]["word"] == "unheard"
    await office.hear(TWO)
    assert await baton() == ("nobody", "")


async def test_no_cloud_has_yet_to_hear_of_what_was_called_off(office: Office) -> None:
    """A cloud is not told of it, although that waits in the cloud's queue like every other end."""
    await office.order()
    assert (await office.post(*FIRST, "cancel"))["next"]["who"] == "nobody"
    assert (await office.get(*FIRST))["next"]["who"] == "nobody"


async def test_the_baton_of_what_waits_for_its_time(office: Office) -> None:
    """A retry, the hours of a product, silence, and a product that went."""
    await office.order()
    row = next(office.orders.all())
    office.images.known[row.command.firmware.identity] = Wanted(row, image=IMAGE)
    update = office.record.find(row.update) if row.update else None
    assert update is not None
    part = (update.device, update.module)

    async def why() -> str:
        return str((await office.get(*FIRST))["next"]["why"])

    later = replace(update, not_before=office.clock.now() + 60, reason=Reason.WEAK_SIGNAL)
    office.record._updates[part] = later
    assert (await why()).startswith("it failed with WEAK_SIGNAL and begins anew in ")
    office.record._updates[part] = replace(update, state=State.NOTIFIED, stalled=True)
    assert await why() == "it has kept silent past its deadline"
    office.record._updates[part] = replace(update, state=State.NOTIFIED, ordered=False)
    assert await why() == "no cloud ordered it here: its device does it by itself"
    office.record._updates[part] = update

    class Shut(Policy):
        """Never open."""

        def may_begin(self, wall: float) -> bool:
            """Say no."""
            return False

    rules = office.record._products["P"]
    office.record._products = {"P": replace(rules, policy=Shut())}
    assert await why() == "it waits for the hours in which its product may begin"
    office.record._products = {}
    assert await why() == "its product is no longer in the configuration"


async def test_what_an_operator_does_is_answered_with_the_update(office: Office) -> None:
    """Each act is on disk, in the timeline, and shows where the update stands now."""
    await office.order(confirm=True)
    assert (await office.post(*FIRST, "pause"))["paused"] is True
    assert (await office.post(*FIRST, "resume"))["paused"] is False
    assert (await office.post(*FIRST, "confirm"))["confirmed"] is True
    assert (await office.post(*FIRST, "cancel"))["reason"] == "CANCELED_BY_OPERATOR"
    assert (await office.post(*FIRST, "retry"))["id"] == "P/d1/default/2"
    assert (await office.post("updates", "P", "d1", "default", "2", "refuse"))["state"] == "rejected"
    lines = (await office.get(*FIRST))["timeline"]
    assert [line["text"] for line in lines if line["source"] == "operator"] == [
        "paused",
        "resumed",
        "confirmed",
        "canceled",
        "began it anew as P/d1/default/2",
    ]


async def test_what_cannot_be_done_is_a_conflict(office: Office) -> None:
    """The command line shows the same sentence."""
    await office.say(told(State.FAILED))
    status, detail = await office.status_of("POST", "updates/P/d1/default/1/confirm")
    assert status == 409
    assert detail.startswith("P/d1/default/1 is failed; only one that is waiting_confirmation")
    with pytest.raises(RefusedError, match="is failed; only one"):
        await office.post(*FIRST, "confirm")


async def test_a_store_that_fails_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was done, and it says so."""
    await office.order(confirm=True)

    async def fail(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(office.store, "commit", fail)
    status, detail = await office.status_of("POST", "updates/P/d1/default/1/confirm")
    assert (status, detail) == (
        503,
        "nothing was changed: the disk is full; try again once it works",
    )


async def test_a_page_of_another_site_may_not_act(office: Office) -> None:
    """A browser at the box must not be led to confirm something; its own pages may, and so may programs."""
    await office.order(confirm=True)
    path, own = "updates/P/d1/default/1/confirm", f"http://{office.server.address}"
    for origin in ("http://evil.example", "null"):
        assert await office.status_of("POST", path, Origin=origin) == (
            403,
            "a page of another site may not do this",
        )
    assert (await office.get(*FIRST))["confirmed"] is False
    assert (await office.status_of("POST", "updates/P/d1/default/9/confirm", Origin=own))[0] == 404


async def test_two_clouds_that_want_the_same_are_both_shown(office: Office) -> None:
    """In the order of their priority."""
    await office.say(runs(V1))
    await office.order(lane=TWO, handle="t2")
    await office.order(lane=ONE)
    shown = await office.get(*FIRST)
    assert [(order["lane"], order["handle"]) for order in shown["orders"]] == [
        ("cloud/one", "t1"),
        ("cloud/two", "t2"),
    ]
