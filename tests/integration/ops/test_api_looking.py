"""The API's devices, orders, drift and images."""

import json

from gateway.core.clock import Clock
from gateway.core.images import Wanted
from gateway.core.reconciler import Drift
from gateway.hidden import known
from gateway.model.identity import DeviceId, UpdateId
from gateway.model.states import State
from gateway.ops.api.views import SiteTimes
from gateway.ports.firmware import NotNowError, Trouble
from tests.integration.ops.office import D1, D2, ONE, TWO, V1, V2, V3, Office, runs, told


async def test_devices_are_those_that_are_named_there_or_known(office: Office) -> None:
    """Each with what runs, and what is under way."""
    await office.say(runs(V1), runs(V3, device=DeviceId("P", "d0")), told(State.DOWNLOADING, percent=5))
    listed = await office.get("devices")
    assert [(each["id"], each["present"], each["versions"]) for each in listed["devices"]] == [
        ("P/d0", False, {"default": "3.0"}),
        ("P/d1", True, {"default": "1.0"}),
        ("P/d2", False, {}),
    ]
    assert listed["devices"][1]["open"] == [
        {"id": "P/d1/default/1", "state": "downloading", "percent": 5, "target": "2.0", "stalled": False}
    ]


async def test_devices_are_filtered_and_come_a_page_at_a_time(office: Office) -> None:
    """The cursor is the last one's name."""
    await office.say(*(runs(V1, device=DeviceId("P", f"x{number}")) for number in range(3)))
    assert [each["id"] for each in (await office.get("devices", present=True))["devices"]] == ["P/d1"]
    assert (await office.get("devices", product="Q"))["devices"] == []
    first = await office.get("devices", limit=2, present=False)
    second = await office.get("devices", limit=2, present=False, cursor=first["next"])
    assert [each["id"] for page in (first, second) for each in page["devices"]] == [
        "P/d2",
        "P/x0",
        "P/x1",
        "P/x2",
    ]
    assert second["next"] is None


async def test_a_device_is_shown_with_its_orders_and_updates(office: Office) -> None:
    """The newest first; a device that never was is not found."""
    await office.say(runs(V1))
    await office.order()
    shown = await office.get("devices", "P", "d1")
    assert [update["id"] for update in shown["updates"]] == ["P/d1/default/1"]
    assert [order["version"] for order in shown["orders"]] == ["2.0"]
    assert (await office.get("devices", "P", "d2"))["updates"] == []
    assert (await office.status_of("GET", "devices/P/gone"))[0] == 404


async def test_the_clouds_are_asked_about_a_device(office: Office) -> None:
    """One that is away is a conflict, one of no product is not found."""
    assert (await office.post("devices", "P", "d1", "ask"))["present"] is True
    assert office.asked == [D1]
    assert (await office.status_of("POST", "devices/P/d2/ask"))[0] == 409
    assert (await office.status_of("POST", "devices/Q/d2/ask"))[0] == 404


async def test_orders_show_what_waits_for_another_cloud(office: Office) -> None:
    """A conflict is an order of its own, without an update."""
    await office.say(runs(V1))
    await office.order(V2)
    await office.order(V3, lane=TWO, handle="t2")
    await office.order(V2, device=D2)
    listed = await office.get("orders")
    assert [(each["device"], each["lane"], each["state"], each["update"]) for each in listed["orders"]] == [
        ("d1", "cloud/one", "open", "P/d1/default/1"),
        ("d1", "cloud/two", "conflict", None),
        ("d2", "cloud/one", "open", "P/d2/default/1"),
    ]
    conflicts = await office.get("orders", state="conflict")
    assert [each["handle"] for each in conflicts["orders"]] == ["t2"]
    assert len((await office.get("orders", device="d1", limit=1))["orders"]) == 1
    assert (await office.status_of("GET", "orders?state=x"))[0] == 400
    assert "hunter2" not in json.dumps(listed)


async def test_drift_is_shown(office: Office) -> None:
    """What a cloud believes that is not so, in its own words, but for those that it must not say."""
    known.add("a-token-of-the-site")
    office.drift.append(
        Drift(
            lane=ONE,
            update=UpdateId("P/d1/default/1"),
            kind="ended_there",
            believed=State.FAILED,
            true=State.DOWNLOADING,
            detail="5 a-token-of-the-site",
        )
    )
    assert (await office.get("drift"))["drift"] == [
        {
            "lane": "cloud/one",
            "update": "P/d1/default/1",
            "kind": "ended_there",
            "believed": "failed",
            "true": "downloading",
            "detail": "5 ***",
        }
    ]


async def test_images_are_shown_and_those_that_cannot_be_had(office: Office) -> None:
    """Without their URLs, which may be signed."""
    await office.order()
    row = next(office.orders.all())
    trouble = NotNowError(Trouble.SOURCE_DENIED, "who are you")
    office.images.known["x"] = Wanted(row, trouble=trouble)
    shown = await office.get("firmware")
    assert (shown["quota"], shown["taken"]) == (10_000, 4096)
    assert [image["sha256"] for image in shown["images"]] == ["a" * 64]
    assert shown["fetches"][0]["trouble"] == {
        "reason": "source_denied",
        "detail": "who are you",
        "final": False,
    }
    assert "hunter2" not in json.dumps(shown)


def test_a_time_is_written_alike_until_the_wall_clock_is_set() -> None:
    """Two clocks are never read at once: what that makes of them must not look like a change."""
    wall = iter([1000.0, 1000.0, 1001.0004, 1001.9996, 5003.0])
    monotonic = iter([0.0, 0.0, 1.0, 2.0, 3.0])
    when = SiteTimes(Clock(wall=lambda: next(wall), monotonic=lambda: next(monotonic)))
    assert when(1000.0) == "1970-01-01T00:16:40.000Z"
    assert when(1000.0) == "1970-01-01T00:16:40.000Z"
    assert when.site(5000.0) == 1000.0
