"""The stream of events: a picture, then what changes in it, for a few readers and at no cost without any."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from gateway.errors import Unavailable
from gateway.model.states import State
from gateway.ops.api import events as stream_of
from gateway.ops.live import census, hub, watch
from tests.integration.ops.office import D2, ONE, V2, V3, Office, told
from tests.integration.ops.reading import Stream, merged, reading

FIRST = "P/d1/default/1"


def events(office: Office) -> str:
    """Return the address of the stream."""
    return f"http://{office.server.address}/api/v1/events"


async def begun(stream: Stream) -> Any:
    """Return the picture that a stream starts with."""
    return (await stream.expect("start")).data["picture"]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_reader_starts_with_the_whole_picture(office: Office) -> None:
    """Clouds, updates by state, who must move them, and what stands still."""
    await office.order(confirm=True)
    await office.say(told(State.DOWNLOADING, device=D2, percent=20))
    async with reading(events(office)) as stream:
        assert stream.reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert stream.reply.headers["Cache-Control"] == "no-store"
        picture = await begun(stream)
    assert picture["name"] == "office"
    assert picture["devices"] == {"known": 2, "present": 1}
    assert picture["lanes"]["cloud/one"]["circuit"] == "closed"
    assert picture["lanes"]["cloud/one"]["messages"] == 2
    assert picture["updates"] == {
        "states": {"downloading": 1, "waiting_confirmation": 1},
        "next": {"device": 1, "operator": 1},
        "away": 1,
        "stuck": 1,
    }
    assert [(each["id"], each["next"]["word"]) for each in picture["stuck"]] == [(FIRST, "consent")]
    assert [(each["target"], each["states"]) for each in picture["campaigns"]] == [
        ("2.0", {"downloading": 1, "waiting_confirmation": 1})
    ]


async def test_what_changes_is_told_and_nothing_else(office: Office) -> None:
    """A patch and the updates that moved; whoever applies it has what a new reader starts with."""
    async with reading(events(office)) as stream:
        picture = await begun(stream)
        await office.say(told(State.DOWNLOADING, percent=20))
        change = await stream.expect("change")
        assert change.data["updates"] == [
            {
                "id": FIRST,
                "state": "downloading",
                "percent": 20,
                "target": "2.0",
                "stalled": False,
                "next": "device",
            }
        ]
        assert "name" not in change.data["patch"]
        await office.say(told(State.FAILED))
        picture = merged(picture, change.data["patch"])
        while picture["updates"]["states"]:
            picture = merged(picture, (await stream.expect("change")).data["patch"])
        async with reading(events(office)) as other:
            assert await begun(other) == picture


async def test_it_is_told_that_a_cloud_has_heard_the_end(office: Office) -> None:
    """Who reads of an update that its end has yet to reach a cloud reads it until then, and no longer."""
    await office.say(told(State.FAILED))
    async with reading(events(office)) as stream:
        await begun(stream)
        await office.hear(ONE)
        change = await stream.expect("change")
        assert [(each["id"], each["state"]) for each in change.data["updates"]] == [(FIRST, "failed")]


async def test_a_flood_is_told_twice_a_second(office: Office) -> None:
    """Of many updates a few are named and the others counted; differences and not rows."""
    async with reading(events(office)) as stream:
        await begun(stream)
        started = asyncio.get_running_loop().time()
        for number in range(300):
            office.engine.accept(told(State.DOWNLOADING, module=_module(number)), lambda _: None)
            await asyncio.sleep(0)
        await office.ledger.drain()
        for round_ in range(8):
            await office.say(told(State.DOWNLOADING, percent=10 + round_))
        named, told_, more = set[str](), 0, 0
        while "P/d1/default/1" not in named:
            change = await stream.expect("change")
            told_ += 1
            named |= {update["id"] for update in change.data["updates"]}
            more += change.data["more"]
            assert len(change.data["updates"]) <= watch.NAMED
            assert change.size < 12_000
        took = asyncio.get_running_loop().time() - started
    assert told_ <= 2 + took / watch.EVERY


async def test_trouble_of_a_cloud_is_told_with_its_beginning(office: Office) -> None:
    """And that it is over when it is."""
    async with reading(events(office)) as stream:
        picture = await begun(stream)
        gate = office.gates[ONE]
        async with gate:
            for _ in range(20):
                gate.failed(Unavailable("no answer", code="timeout"))
        while picture["lanes"]["cloud/one"]["circuit"] == "closed":
            picture = merged(picture, (await stream.expect("change")).data["patch"])
        lane = picture["lanes"]["cloud/one"]
        assert "no answer" in lane["reason"]
        assert lane["since"] <= lane["next_try_at"]
        first = lane["since"]
        gate._state = type(gate.state)(circuit=gate.state.circuit, until=0.0, failures=20)
        async with gate:
            gate.succeeded()
        while picture["lanes"]["cloud/one"]["circuit"] != "closed":
            picture = merged(picture, (await stream.expect("change")).data["patch"])
            assert picture["lanes"]["cloud/one"].get("since", first) == first
        assert "since" not in picture["lanes"]["cloud/one"]


async def test_a_reader_who_was_away_for_a_moment_goes_on(office: Office) -> None:
    """What it missed is told, and not everything; an event of another run, or none of ours, starts it over."""
    async with reading(events(office)) as stays:
        await begun(stays)
        async with reading(events(office)) as leaves:
            last = (await leaves.expect("start")).id
        await office.say(told(State.DOWNLOADING, percent=20))
        missed = await stays.expect("change")
        async with reading(events(office), last) as again:
            assert await again.expect("change") == missed
        for unknown in ("0-0", "nonsense", last.replace("-", "-9"), f"{last}x", "-" * 999):
            async with reading(events(office), unknown) as other:
                await begun(other)


async def test_with_too_many_readers_the_next_is_asked_to_wait(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has left makes room."""
    monkeypatch.setattr(hub, "MAX_READERS", 2)
    async with reading(events(office)) as first:
        await begun(first)
        async with reading(events(office)) as second, aiohttp.ClientSession() as session:
            await begun(second)
            async with session.get(events(office)) as reply:
                assert (reply.status, reply.headers["Retry-After"]) == (503, "10")
                assert (await reply.json(content_type="application/problem+json"))[
                    "code"
                ] == "too_many_readers"
        async with reading(events(office)) as third:
            await begun(third)


async def test_who_takes_nothing_is_let_go(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is told meanwhile: a few frames wait for it, and then none."""
    monkeypatch.setattr(stream_of, "PATIENCE", 0.3)
    with socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.connect((office.server.address.host, office.server.address.port))
        idle.send(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await until(lambda: office.outlook.hub.readers == 1)
        (reader,) = office.outlook.hub._readers
        for _ in range(200):
            office.outlook.hub.tell("change", {"text": "x" * 100_000})
            await asyncio.sleep(0)
            assert len(reader._frames) <= hub.DEPTH
        await until(lambda: office.outlook.hub.readers == 0)


async def test_a_quiet_stream_shows_that_it_lives(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """With comments, which no reader shows."""
    monkeypatch.setattr(stream_of, "HEARTBEAT", 0.05)
    async with reading(events(office)) as stream:
        while (event := await stream.next(comments=True)) is not None and event.name:
            pass
        assert event is not None


async def test_a_stream_ends_after_a_while(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that its reader has to show the token again."""
    monkeypatch.setattr(stream_of, "LIFE", 0.2)
    async with reading(events(office)) as stream:
        await begun(stream)
        assert await stream.next() is None


async def test_the_end_is_told(office: Office) -> None:
    """When the gateway stops, streams end by themselves and nobody new is let in."""
    async with reading(events(office)) as stream:
        await begun(stream)
        for task in office.tasks:
            task.cancel()
        await stream.expect("end")
        assert await stream.next() is None
    async with aiohttp.ClientSession() as session, session.get(events(office)) as reply:
        assert reply.status == 503


async def test_whoever_comes_when_the_last_one_leaves_is_told(office: Office) -> None:
    """At whatever moment that is."""
    for pause in (0.0, 0.001, 0.2, 0.55, 0.0, 1.1, 0.0):
        async with reading(events(office)) as stream:
            assert (await begun(stream))["name"] == "office"
        await asyncio.sleep(pause)


async def test_without_a_reader_nothing_is_kept(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """No walk over the updates, no count in the store, no memory."""
    async with reading(events(office)) as stream:
        await begun(stream)
        await office.say(told(State.DOWNLOADING))
        await stream.expect("change")
    monkeypatch.setattr(stream_of, "HEARTBEAT", 0.05)
    await office.say(told(State.DOWNLOADED))
    await until(lambda: office.outlook.hub.readers == 0)
    await until(lambda: office.watch._picture is None)

    async def nobody(_: object) -> None:
        raise AssertionError("nobody is there")

    monkeypatch.setattr(census, "take", nobody)
    office.watch._named.clear()
    await office.say(told(State.INSTALLING), told(State.SUCCEEDED))
    assert not office.watch._named
    assert not office.outlook.hub._kept


async def test_how_a_campaign_came_along_is_read_from_its_updates(office: Office) -> None:
    """Under way, succeeded, ended otherwise; other versions are other campaigns."""
    await office.say(
        told(State.DOWNLOADING),
        told(State.FAILED, device=D2),
        told(State.DOWNLOADING, module=_module(1), version=V3),
    )
    found = await office.get("campaigns", "P", "default", V2)
    assert (found["open"][-1], found["succeeded"][-1], found["ended_otherwise"][-1]) == (1, 0, 1)
    assert len(found["at"]) == len(found["open"]) == 120
    assert await office.status_of("GET", "campaigns/P/default/9") == (
        404,
        "no update of P default to 9 is known",
    )


async def test_minutes_are_answered_column_by_column(office: Office) -> None:
    """As many as are asked for, and as there are."""
    assert (await office.get("minutes"))["reports"] == []
    office.metrics.received.labels("plain", "state").inc(3)
    office.minutes.note()
    office.metrics.received.labels("plain", "state").inc(4)
    office.metrics.delivery_lag.labels(ONE).observe(2.0)
    office.minutes.note()
    office.waits[ONE] = 90.0
    office.minutes.note()
    found = await office.get("minutes")
    assert found["reports"] == [3, 4, 0]
    assert found["delay_seconds"] == {ONE: [None, 2.0, 90.0]}
    assert (await office.get("minutes", last=2))["reports"] == [4, 0]


def _module(number: int) -> Any:
    return f"m{number % 30}"
