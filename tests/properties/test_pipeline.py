"""From the device to the clouds, through everything in between: order and ends, whatever fails and dies on the way."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.model.events import Event, StateReported, VersionReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, Version
from gateway.model.policy import Policy
from gateway.model.states import State
from gateway.model.update import Update
from tests.properties.pipeline import LANES, PRODUCT, Life, Mood, Site, is_forward
from tests.unit.core.fakes import Fate
from tests.unit.core.timeless import TimelessLoop

#: Long enough for parked devices, pauses, leases and deadlines to be over.
LONG = 3600.0
T = TypeVar("T")

devices = st.sampled_from([DeviceId(PRODUCT, f"dev{n}") for n in range(3)])
versions = st.sampled_from([Version("1.0"), Version("2.0"), Version("3.0")])
modules = st.sampled_from([DEFAULT_MODULE, DEFAULT_MODULE, Module("mcu")])
ORDINARY = (
    State.NOTIFIED,
    State.DOWNLOADING,
    State.DOWNLOADED,
    State.INSTALLING,
    State.APPLYING,
    State.SUCCEEDED,
)
words: st.SearchStrategy[Event] = st.builds(
    StateReported,
    device=devices,
    state=st.sampled_from([*ORDINARY, State.DOWNLOADING, State.FAILED, State.REJECTED]),
    version=st.none() | versions,
    module=modules,
    percent=st.none() | st.integers(0, 100),
) | st.builds(VersionReported, device=devices, version=versions, module=modules)


@st.composite
def tales(draw: st.DrawFn) -> tuple[Event, ...]:
    """Draw a part of an ordinary update, as a device tells it."""
    device, version = draw(devices), draw(versions)
    first = draw(st.integers(0, 4))
    last = draw(st.integers(first + 1, 6))
    end: list[Event] = [
        VersionReported(device=device, version=draw(st.sampled_from([version, Version("1.0")])))
    ]
    told: list[Event] = [
        StateReported(device=device, state=state, version=version) for state in ORDINARY[first:last]
    ]
    return tuple(told + (end if draw(st.booleans()) else []))


@dataclass(frozen=True)
class Say:
    """Devices publish, all at once, and the next commits end like this."""

    events: tuple[Event, ...]
    fates: tuple[Fate, ...] = ()


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: float


@dataclass(frozen=True)
class Trouble:
    """The next answers of a cloud, and the fates of the next commits, whatever they are of."""

    lane: int
    moods: tuple[Mood, ...]
    fates: tuple[Fate, ...] = ()


@dataclass(frozen=True)
class Restart:
    """The gateway ends, in order or not, and begins again."""

    is_killed: bool


def says(*fates: Fate) -> st.SearchStrategy[Say]:
    """Draw words, and some of these fates for them."""
    said = tales() | st.lists(words, min_size=1, max_size=6).map(tuple)
    return st.builds(Say, said, st.just(()) | st.lists(st.sampled_from(fates), max_size=3).map(tuple))


def troubles(moods: Iterable[Mood], *fates: Fate) -> st.SearchStrategy[Trouble]:
    """Draw answers of a cloud, and some of these fates for commits."""
    return st.builds(
        Trouble,
        st.integers(0, 1),
        st.lists(st.sampled_from([*moods]), max_size=6).map(tuple),
        st.just(()) | st.lists(st.sampled_from(fates), max_size=5).map(tuple),
    )


waits = st.builds(Wait, st.sampled_from([0.001, 0.003, 0.06, 1.0, 30.0, 200.0, 1200.0]))
restarts = st.builds(Restart, st.booleans())
wild = st.lists(
    st.one_of(says(*Fate), says(*Fate), waits, troubles(Mood, *Fate), restarts), min_size=4, max_size=25
)
#: Nothing that could leave the gateway in doubt whether a cloud heard something.
HEARD, REFUSED = [mood for mood in Mood if mood is not Mood.UNHEARD], (Fate.REFUSED, Fate.WRITTEN)
certain = st.lists(st.one_of(says(*REFUSED), waits, troubles(HEARD, *REFUSED)), min_size=4, max_size=20)
policies = st.builds(Policy, needs_evidence=st.booleans(), trusts_silence=st.booleans())


async def act(life: Life, site: Site, step: Say | Wait | Trouble) -> None:
    """Do one step."""
    match step:
        case Say():
            site.fates.extend(step.fates)
            for event in step.events:
                site.devices[event.device].say(life, event)
            if step.fates:
                await asyncio.sleep(1.0)
        case Wait():
            await asyncio.sleep(step.seconds)
        case Trouble():
            site.clouds[LANES[step.lane]].moods.extend(step.moods)
            site.fates.extend(step.fates)


async def live(site: Site, story: list[Say | Wait | Trouble], end: Restart) -> None:
    """Live through a part of the story, to its end."""
    life = await Life.begin(site)
    try:
        for step in story:
            await act(life, site, step)
            life.look()
        if not end.is_killed:
            await life.stop()
    finally:
        life.leave()


async def live_on(site: Site, story: list[Say | Wait | Trouble]) -> list[Update]:
    """Live through the last part, until all trouble and every update is over; return the updates of the site."""
    life = await Life.begin(site)
    try:
        for step in story:
            await act(life, site, step)
        site.fates.clear()
        for cloud in site.clouds.values():
            cloud.moods.clear()
        await asyncio.sleep(LONG)
        for update in list(life.record.open_updates()):
            event = replace(update.report(), state=State.FAILED)
            site.devices[update.device].say(life, event)
        await asyncio.sleep(60)
        life.look()
        assert not any(device.unacknowledged for device in site.devices.values())
        assert not any(figures.messages for figures in (await life.store.figures()).values())
        return life.updates()
    finally:
        life.leave()


def run(story: Coroutine[None, None, T]) -> T:
    """Run one life in a loop of its own; leaving it is the end of everything in memory."""
    with asyncio.Runner(loop_factory=TimelessLoop) as runner:
        return runner.run(story)


def tell(story: Sequence[Say | Wait | Trouble | Restart], site: Site) -> list[Update]:
    """Live through the whole story; return the updates of the site."""
    with capture_logs():
        life: list[Say | Wait | Trouble] = []
        for step in story:
            if isinstance(step, Restart):
                run(live(site, life, step))
                life = []
            else:
                life.append(step)
        return run(live_on(site, life))


@pytest.mark.timeout(900)
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(story=wild, policy=policies)
def test_clouds_hear_every_update_in_order_and_to_its_end(
    story: list[Say | Wait | Trouble | Restart], policy: Policy
) -> None:
    """Forward only, one end at most, and in the end every update's end, or a dead letter in its place."""
    with TemporaryDirectory() as folder:
        site = Site(Path(folder), policy)
        updates = tell(story, site)
    assert not [device.broken_promises for device in site.devices.values() if device.broken_promises]
    for cloud in site.clouds.values():
        assert set(cloud.took) <= {update.id for update in updates}
        for update in updates:
            took = cloud.took.get(update.id, [])
            assert is_forward(took)
            assert len({state for state in took if state.is_terminal}) <= 1
            if update.id not in cloud.closed and (update.id, update.state) not in cloud.refused:
                assert took[-1:] == [update.state]
            assert update.state.is_terminal


@pytest.mark.timeout(900)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(story=certain, policy=policies)
def test_where_no_answer_is_lost_nothing_is_told_twice(
    story: list[Say | Wait | Trouble], policy: Policy
) -> None:
    """At least once is exactly once as long as the gateway lives and hears the clouds, however its disk fares."""
    with TemporaryDirectory() as folder:
        site = Site(Path(folder), policy)
        tell(story, site)
    for cloud in site.clouds.values():
        for took in cloud.took.values():
            changes = [
                state for state, before in zip(took, [None, *took], strict=False) if state is not before
            ]
            assert len(changes) == len(set(changes))
            assert all(took.count(state) == 1 for state in took if state.is_terminal)
