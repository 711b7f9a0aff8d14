"""Updates, versions, clocks and history: what is written is read again, and history is bounded."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy import update as sql_update

from gateway.errors import Rejected
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, Version
from gateway.model.states import Phase, Reason, State
from gateway.model.update import Update
from gateway.ports.firmware import Trouble, UnfitError
from gateway.ports.store import Buried, Changes, Circuit, Entry, LaneState, Loaded, Quarantined
from gateway.store.database import Database
from gateway.store.keeping import Keep
from gateway.store.schema import dead_letters, journal, messages, quarantine, tellings, updates
from tests.integration.store.scene import LANE, QUOTA, WALL_AHEAD, Scene, delivered, terminal, transition

DEVICE = DeviceId("P", "a")
DAY = 86_400.0
PLAIN = Update(device=DEVICE, target=Version("1.1"))
FULL = Update(
    device=DeviceId("P", "名"),
    target=Version("2.0"),
    module=Module("mcu"),
    number=7,
    attempt=3,
    state=State.FAILED,
    percent=100,
    phase=Phase.INSTALL,
    reason=Reason.LOW_BATTERY,
    code="-5",
    detail="3.1 V; 'quoted' 中文 🙂",
    source=Version("1.0"),
    predecessor=Version("1.9"),
    both_entered=True,
    stalled=True,
    unverified=True,
    doubt=Version("0.9"),
    rearmed=True,
    synthetic=True,
    ordered=True,
    confirmed=True,
    paused=True,
    retries_left=2,
    retry_pause=60.5,
    retries=1,
    not_before=12.5,
    opened_at=1_780_000_000.123456,
    entered_at=1_780_000_001.1,
    touched_at=1_780_000_002.7,
)


async def reloaded(scene: Scene, keep: Keep | None = None) -> Loaded:
    """Open the store again and read what it knows."""
    await scene.store.close()
    scene.store = await Database.open(scene.url, lane_quota=QUOTA, keep=keep)
    return await scene.store.load()


@pytest.mark.parametrize("update", [PLAIN, FULL], ids=["plain", "full"])
async def test_an_update_comes_back_as_it_was(scene: Scene, update: Update) -> None:
    """Every field survives, to the last bit of its times."""
    await scene.commit(Changes(updates={update.id: update}))

    assert (await reloaded(scene)).updates == [update]


async def test_the_full_update_differs_from_the_plain_one_in_every_field() -> None:
    """Otherwise a field that is not written would go unnoticed."""
    assert all(getattr(PLAIN, field.name) != getattr(FULL, field.name) for field in fields(Update))


async def test_an_update_that_failed_in_a_clouds_words_can_be_written(scene: Scene) -> None:
    """Whatever it says of an image that it does not give: the commit would fail with it, again and again."""
    refused = Rejected("13\0", "no\0image \ud800")
    update = replace(PLAIN, code=refused.code, detail=str(UnfitError(Trouble.SOURCE_REFUSED, str(refused))))

    await scene.commit(Changes(updates={update.id: update}))

    [found] = (await reloaded(scene)).updates
    assert (found.code, found.detail) == ("13\ufffd", "source_refused: 13\ufffd: no\ufffdimage ?")


async def test_a_changed_update_replaces_its_row(scene: Scene) -> None:
    """The identity decides, and the beginning stays as it is; nothing of the former state is left."""
    await scene.commit(Changes(updates={FULL.id: FULL}))
    restored = replace(
        PLAIN, device=FULL.device, module=FULL.module, number=FULL.number, opened_at=FULL.opened_at
    )

    await scene.commit(Changes(updates={restored.id: restored}))

    assert (await reloaded(scene)).updates == [restored]


async def test_progress_is_written_through(scene: Scene) -> None:
    """The percentage, the time, and that the update is neither stalled nor in doubt any more."""
    stalled = replace(PLAIN, state=State.INSTALLING, percent=1, stalled=True, doubt=Version("0.9"))
    await scene.commit(Changes(updates={stalled.id: stalled}))
    onward = replace(stalled, percent=2, touched_at=9.0, stalled=False, doubt=None)

    await scene.commit(Changes(progressed={onward.id: onward}))

    assert (await reloaded(scene)).updates == [onward]


async def test_only_the_newest_update_of_a_module_is_loaded(scene: Scene) -> None:
    """Memory holds one update for each module of each device."""
    older, newer = replace(PLAIN, number=9), replace(PLAIN, number=10)
    other = replace(PLAIN, module=Module("mcu"))
    await scene.commit(Changes(updates={u.id: u for u in (newer, older, other)}))

    assert set((await reloaded(scene)).updates) == {newer, other}


async def test_versions_and_breakers_come_back(scene: Scene) -> None:
    """The newest word of each device and lane counts."""
    denied = LaneState(circuit=Circuit.DENIED, failures=4, until=77.5, reason="Unauthorized\0")
    for version in ("1.0", "1.1"):
        await scene.commit(
            Changes(versions={(DEVICE, DEFAULT_MODULE): Version(version)}, lanes={LANE: denied})
        )

    loaded = await reloaded(scene)

    assert loaded.versions == {(DEVICE, DEFAULT_MODULE): "1.1"}
    assert loaded.said_at.keys() == loaded.versions.keys()
    assert loaded.lanes == {LANE: replace(denied, reason="Unauthorized\ufffd")}


async def test_both_clocks_come_back(scene: Scene) -> None:
    """They are those of the last commit; a fresh store has none."""
    assert (await reloaded(scene)).clock is None
    await scene.commit(Changes())
    scene.now += 3.25

    await scene.commit(Changes())

    assert (await reloaded(scene)).clock == (scene.now, scene.now + WALL_AHEAD)


async def test_history_is_kept_for_people(scene: Scene) -> None:
    """Journal and quarantine hold what was said, cut to a bound and made storable."""
    await reloaded(scene, Keep(quarantine_payload=4))
    await scene.commit(
        Changes(
            journal=[Entry(device=DEVICE, update=PLAIN.id, source="said", text="done\0")],
            quarantine=[
                Quarantined(
                    device=DEVICE, topic="t\ud800", payload=b"\0\xff3456", reason="bad_json", detail="d"
                )
            ],
        )
    )

    (line,), (item,) = scene.rows(select(journal)), scene.rows(select(quarantine))
    assert (line.update_id, line.source, line.text) == (PLAIN.id, "said", "done\ufffd")
    assert (item.topic, bytes(item.payload), item.reason) == ("t\ufffd", b"\0\xff34", "bad_json")


async def test_the_journal_is_bounded_by_number_and_age(scene: Scene) -> None:
    """The newest rows stay, and of the journal only those that are young enough."""
    await reloaded(scene, Keep(journal_rows=4, journal=timedelta(days=1)))
    for number in range(6):
        scene.now += DAY / 4
        line = Entry(device=DEVICE, update=None, source="said", text=str(number))
        await scene.commit(Changes(journal=[line]))

    await scene.store.prune(now=scene.now)
    assert [row.text for row in scene.rows(select(journal))] == ["2", "3", "4", "5"]
    await scene.store.prune(now=scene.now + 0.6 * DAY)

    assert [row.text for row in scene.rows(select(journal))] == ["4", "5"]


async def _write(scene: Scene, device: str, count: int) -> None:
    """Let a device be the reason for this many lines of the journal."""
    line = Entry(device=DeviceId("P", device), update=None, source="said", text="")
    await scene.commit(Changes(journal=[line] * count))


async def _lines(scene: Scene) -> dict[str, int]:
    return Counter(row.device for row in scene.rows(select(journal.c.device)))


async def test_one_devices_lines_drive_out_nobody_elses(scene: Scene) -> None:
    """Where the journal is full, whoever has most of it makes room, also when others write; no more than is needed."""
    await reloaded(scene, Keep(journal_rows=200))
    await _write(scene, "quiet", 20)
    await _write(scene, "loud", 180)
    await scene.store.prune(now=scene.now)
    assert await _lines(scene) == {"quiet": 20, "loud": 180}

    await _write(scene, "loud", 150)
    await _write(scene, "lively", 30)
    await scene.store.prune(now=scene.now)
    assert await _lines(scene) == {"quiet": 20, "lively": 30, "loud": 150}

    await _write(scene, "lively", 100)
    await scene.store.prune(now=scene.now)
    assert await _lines(scene) == {"quiet": 20, "lively": 90, "loud": 90}


async def test_devices_alike_keep_alike(scene: Scene) -> None:
    """Nobody pays for all the others, and the newest of each stays."""
    await reloaded(scene, Keep(journal_rows=100))
    for _ in range(11):
        for device in "abcdefghij":
            await _write(scene, device, 1)

    await scene.store.prune(now=scene.now)

    assert await _lines(scene) == dict.fromkeys("abcdefghij", 10)
    assert min(row.id for row in scene.rows(select(journal.c.id))) == 11


async def test_nobody_to_blame_makes_room_by_age(scene: Scene) -> None:
    """Where many wrote a little each, the oldest lines go, whoever wrote them."""
    await reloaded(scene, Keep(journal_rows=200))
    for number in range(250):
        await _write(scene, f"d{number}", 1)

    await scene.store.prune(now=scene.now)

    left = [row.device for row in scene.rows(select(journal.c.device).order_by(journal.c.id))]
    assert left == [f"d{number}" for number in range(50, 250)]


async def _bury(scene: Scene, device: str, count: int) -> None:
    """Let a cloud refuse this many reports of the device for good."""
    for _ in range(count):
        await scene.tell(terminal(device))
        [claim] = await scene.claim()
        await scene.settle(Buried(claim=claim, code="c", reason=device))


async def test_dead_letters_are_bounded_by_number(scene: Scene) -> None:
    """The newest stay."""
    await reloaded(scene, Keep(dead_letters_rows=4))
    for device in "abcdef":
        await _bury(scene, device, 1)

    await scene.store.prune(now=scene.now)

    assert [row.reason for row in scene.rows(select(dead_letters).order_by(dead_letters.c.id))] == list(
        "cdef"
    )


async def test_one_devices_dead_letters_drive_out_nobody_elses(scene: Scene) -> None:
    """Whoever has many keeps the newest of them; until there are too many in all, everybody keeps all."""
    await reloaded(scene, Keep(dead_letters_rows=10))
    await _bury(scene, "quiet", 1)
    await _bury(scene, "loud", 9)
    await scene.store.prune(now=scene.now)
    assert len(scene.rows(select(dead_letters))) == 10

    await _bury(scene, "loud", 20)
    await scene.store.prune(now=scene.now)

    letters = scene.rows(select(dead_letters).order_by(dead_letters.c.id))
    assert [row.reason for row in letters] == ["quiet", *["loud"] * 9]


async def _babble(scene: Scene, device: str, count: int) -> None:
    """Let a device say this many times what nobody understands."""
    for number in range(count):
        name, detail = DeviceId("P", device), f"{device} {number}"
        item = Quarantined(device=name, topic="", payload=b"", reason="", detail=detail)
        await scene.commit(Changes(quarantine=[item]))


async def test_the_quarantine_is_bounded_by_number(scene: Scene) -> None:
    """The newest stay."""
    await reloaded(scene, Keep(quarantine_rows=4))

    for device in "abcdef":
        await _babble(scene, device, 1)

    found = [row.device for row in scene.rows(select(quarantine).order_by(quarantine.c.id))]
    assert found == list("cdef")


async def test_what_one_device_babbles_drives_out_nobody_elses(scene: Scene) -> None:
    """Whoever has much in quarantine keeps the newest of it; until there is too much in all, everybody keeps all."""
    await reloaded(scene, Keep(quarantine_rows=10))
    await _babble(scene, "quiet", 1)
    await _babble(scene, "loud", 9)
    await scene.store.prune(now=scene.now)
    assert len(scene.rows(select(quarantine))) == 10

    await _babble(scene, "loud", 20)
    await scene.store.prune(now=scene.now)

    assert len(found := scene.rows(select(quarantine).order_by(quarantine.c.id))) <= 10
    assert [found[0].detail, found[-1].detail] == ["quiet 0", "loud 19"]


async def test_old_updates_are_forgotten_but_never_the_newest(scene: Scene) -> None:
    """An end that lies far back goes, unless it is the module's newest or its device has something to tell."""
    first = replace(PLAIN, state=State.SUCCEEDED, touched_at=scene.now)
    stories = [replace(first, device=DeviceId("P", name), number=n) for name in "ab" for n in (1, 2)]
    still_open = replace(first, module=Module("mcu"), state=State.DOWNLOADING)
    after_it = replace(still_open, number=2)
    await scene.commit(Changes(updates={u.id: u for u in [*stories, still_open, after_it]}))
    await scene.tell(transition("a"))
    (claim,) = await scene.claim()
    await scene.settle(delivered(claim))
    await scene.tell(transition("b"))

    scene.now += 91 * DAY
    await scene.store.prune(now=scene.now)

    left = {row.id for row in scene.rows(select(updates.c.id))}
    assert left == {u.id for u in [*stories, still_open, after_it]} - {stories[0].id}
    assert scene.rows(select(tellings)) == []


async def test_finished_updates_are_bounded_by_number(scene: Scene) -> None:
    """Those that ended last stay, whatever their age; an open one and the newest of a module stay besides."""
    await reloaded(scene, Keep(finished_rows=3))
    ended = replace(PLAIN, state=State.FAILED)
    story = [replace(ended, number=n, touched_at=scene.now + n) for n in range(1, 6)]
    still_open = replace(ended, device=DeviceId("P", "b"), state=State.DOWNLOADING, touched_at=scene.now)
    long_ago = replace(ended, device=DeviceId("P", "c"), touched_at=scene.now)
    await scene.commit(Changes(updates={u.id: u for u in [*story, still_open, long_ago]}))

    await scene.store.prune(now=scene.now)

    left = {row.id for row in scene.rows(select(updates.c.id))}
    assert left == {u.id for u in [*story[1:], still_open, long_ago]}


async def test_one_devices_updates_drive_out_nobody_elses(scene: Scene) -> None:
    """Where too many have ended, those of a device in a loop go first, the newest of it excepted."""
    await reloaded(scene, Keep(finished_rows=10))
    ended = replace(PLAIN, state=State.FAILED)
    quiet = [
        replace(ended, device=DeviceId("P", "quiet"), number=n, touched_at=scene.now + n) for n in (1, 2, 3)
    ]
    loud = [
        replace(ended, device=DeviceId("P", "loud"), number=n, touched_at=scene.now + 10 + n)
        for n in range(1, 31)
    ]
    await scene.commit(Changes(updates={u.id: u for u in [*quiet, *loud]}))

    await scene.store.prune(now=scene.now)

    left = {row.id for row in scene.rows(select(updates.c.id))}
    assert left == {u.id for u in [*quiet, *loud[-9:]]}


async def test_what_waits_for_a_cloud_is_made_room_for_by_its_device(scene: Scene) -> None:
    """An update of which a message waits stays; its device's others go, and not those of everybody else."""
    await reloaded(scene, Keep(finished_rows=5))
    ended = replace(PLAIN, state=State.FAILED)
    quiet = [replace(ended, device=DeviceId("P", "quiet"), number=n) for n in (1, 2, 3)]
    loud = [
        replace(ended, device=DeviceId("P", "loud"), number=n, touched_at=scene.now + n) for n in range(1, 21)
    ]
    await scene.commit(Changes(updates={u.id: u for u in [*quiet, *loud]}))
    await scene.tell(terminal("loud"))
    [waiting] = [row.update_id for row in scene.rows(select(messages.c.update_id))]

    await scene.store.prune(now=scene.now)

    left = {row.id for row in scene.rows(select(updates.c.id))}
    assert waiting == loud[0].id
    assert left == {u.id for u in [*quiet, loud[0], *loud[-4:]]}


async def test_a_newer_gateways_words_do_not_hide_an_update(scene: Scene) -> None:
    """After a downgrade an unknown phase or reason is just that, and the update is known."""
    await scene.commit(Changes(updates={FULL.id: FULL}))
    with scene.writing() as connection:
        connection.execute(sql_update(updates).values(phase="gremlins", reason="GREMLINS"))

    loaded = await reloaded(scene)

    assert loaded.updates == [replace(FULL, phase=Phase.UNKNOWN, reason=Reason.UNKNOWN)]


async def test_a_wall_clock_that_was_set_ages_nothing(scene: Scene) -> None:
    """Ages are counted on the site clock, which a wall clock set decades ahead, or back again, leaves alone."""
    old = replace(PLAIN, state=State.SUCCEEDED, touched_at=scene.now)
    line = Entry(device=DEVICE, update=None, source="said", text="before")
    told = Changes(updates={u.id: u for u in (old, replace(old, number=2))}, journal=[line])
    await scene.commit(told)
    corrected = scene.now + 50 * 365 * DAY
    await scene.store.commit(Changes(journal=[line]), now=scene.now + 60, wall=corrected)
    await scene.store.commit(Changes(journal=[line]), now=scene.now + 90, wall=scene.now)

    await scene.store.prune(now=scene.now + 120)

    assert (len(scene.rows(select(updates))), len(scene.rows(select(journal)))) == (2, 3)
