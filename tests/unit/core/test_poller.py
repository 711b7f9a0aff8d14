"""The poller: whom it asks about, how often, and what it survives."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.core.acquaintances import MAX_MODULES
from gateway.core.poller import AWAY, BREATH, PARKED, SOON, WORKERS, Poller, PollSettings
from gateway.errors import Denied, Rejected, Scope, Unavailable
from gateway.model.commands import Order
from gateway.model.identity import Device, DeviceId, Module, Version
from gateway.model.states import Reason, State
from gateway.ports.store import Circuit, LaneState
from tests.unit.core.down import Down, OrderingCloud, wants
from tests.unit.core.fakes import Fate
from tests.unit.core.house import BOTH, DEVICE, MUTE, ONE, SOLE, TWO, V1, V2, House, runs, told

OTHER = DeviceId(BOTH, "dev02")
THIRD = DeviceId(SOLE, "dev03")
HOUR = 3600.0


@asynccontextmanager
async def polling(
    settings: PollSettings | None = None, *, down: Down | None = None, **more: Any
) -> AsyncIterator[tuple[Down, Poller, OrderingCloud]]:
    """Run a poller of the first cloud."""
    house = down or Down()
    poller = house.poller(settings or PollSettings(per_second=10.0), **more)
    async with house.committing(), house.running(poller.run()):
        yield house, poller, house.adapters[ONE]


def gaps(cloud: OrderingCloud, device: DeviceId = DEVICE) -> list[float]:
    """Seconds between two questions about a device."""
    return [round(later - earlier) for earlier, later in pairwise(cloud.times(device))]


def count(house: House, outcome: str) -> float:
    """How many polls ended so."""
    return float(house.metrics.polls.labels(ONE, outcome)._value.get())


class TestWhen:
    """How often a cloud is asked."""

    async def test_a_device_that_comes_is_asked_about_soon(self) -> None:
        """After it had a moment to say what it runs, with what is known of it by then."""
        async with polling() as (house, poller, cloud):
            start = asyncio.get_running_loop().time()
            poller.wake(DEVICE)
            await house.say(runs(V1))
            await asyncio.sleep(2 * SOON)
            [(at, asked)] = cloud.asked
            assert at - start <= SOON
            assert asked == Device(id=DEVICE, external={"lane": ONE}, running=V1)

    async def test_then_ever_more_seldom_down_to_once_an_interval(self) -> None:
        """Where nothing ever was, little is likely."""
        async with polling() as (_, poller, cloud):
            poller.wake(DEVICE)
            await asyncio.sleep(6 * HOUR)
            assert gaps(cloud) == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]

    async def test_who_is_woken_is_asked_about_soon_again(self) -> None:
        """And often at first."""
        async with polling() as (_, poller, cloud):
            poller.wake(DEVICE)
            await asyncio.sleep(5 * HOUR)
            poller.wake(DEVICE)
            await asyncio.sleep(200)
            assert gaps(cloud)[-2:] == [60, 120]

    async def test_who_is_woken_again_and_again_is_asked_about_once_a_breath(self) -> None:
        """A device that reports its version in a loop costs no more, and nothing piles up."""
        async with polling() as (_, poller, cloud):
            for _ in range(1000):
                poller.wake(DEVICE)
                await asyncio.sleep(0.1)
            assert len(cloud.asked) == pytest.approx(100 / BREATH, abs=1)
            assert len(poller._urgent) + len(poller._routine) < 10

    async def test_who_comes_and_goes_is_asked_about_once_a_breath(self) -> None:
        """A shaky line is no reason to ask more often than a steady one."""
        async with polling() as (_, poller, cloud):
            for _ in range(100):
                poller.wake(DEVICE)
                await asyncio.sleep(0.9)
                poller.gone(DEVICE)
                await asyncio.sleep(0.1)
            assert len(cloud.asked) <= 100 / BREATH + 1

    async def test_nothing_piles_up_while_the_cloud_is_away(self) -> None:
        """For days, with devices that come and speak."""
        down = Down(lanes={ONE: LaneState(circuit=Circuit.OPEN, failures=9, until=1e9)})
        async with polling(down=down) as (_, poller, cloud):
            for _ in range(5000):
                poller.wake(DEVICE)
                await asyncio.sleep(10)
            assert len(poller._urgent) + len(poller._routine) < 10
            assert cloud.asked == []

    async def test_nothing_piles_up_with_a_device_whose_line_shakes(self) -> None:
        """Twenty thousand times, while others wait for the cloud with it."""
        down = Down(lanes={ONE: LaneState(circuit=Circuit.OPEN, failures=9, until=1e9)})
        async with polling(down=down) as (_, poller, _):
            for number in range(10):
                poller.wake(DeviceId(BOTH, f"stays{number}"))
            for _ in range(20_000):
                poller.wake(DEVICE)
                poller.gone(DEVICE)
                await asyncio.sleep(0.01)
            assert len(poller._urgent) + len(poller._routine) < 100

    async def test_an_idle_fleet_costs_no_more_than_its_share(self) -> None:
        """A thousand that came at once: the rate holds, everyone gets a turn, then about one an interval."""
        settings = PollSettings(per_second=0.5)
        async with polling(settings) as (_, poller, cloud):
            cloud.seconds = 0.0
            fleet = [DeviceId(BOTH, f"d{n}") for n in range(1000)]
            for device in fleet:
                poller.wake(device)
            await asyncio.sleep(2 * HOUR)
            times = [at for at, _ in cloud.asked]
            assert len(times) <= 0.5 * 2 * HOUR + 2
            assert max(Counter(int(at / 100) for at in times).values()) <= 52
            assert {device.id for _, device in cloud.asked} == set(fleet)
            await asyncio.sleep(12 * HOUR)
            cloud.asked.clear()
            await asyncio.sleep(3 * HOUR)
            per_device = Counter(device.id for _, device in cloud.asked)
            assert len(per_device) == 1000
            assert 2 <= min(per_device.values()) <= max(per_device.values()) <= 4

    async def test_who_has_just_come_goes_first(self) -> None:
        """Before a thousand whose routine is due."""
        async with polling(PollSettings(per_second=2.0)) as (_, poller, cloud):
            for number in range(1000):
                poller.wake(DeviceId(BOTH, f"d{number}"))
            await asyncio.sleep(600)
            start = asyncio.get_running_loop().time()
            poller.wake(DEVICE)
            # Those that came before it are as urgent; of the routine none is.
            await asyncio.sleep(1000)
            later = [device.id for at, device in cloud.asked if at >= start]
            new = {DeviceId(BOTH, f"d{number}") for number in range(1000)} - {
                device.id for at, device in cloud.asked if at < start
            }
            before = later[: later.index(DEVICE)]
            assert len(before) <= len(new) + WORKERS + 2
            assert len(set(before) - new) <= WORKERS + 2


class TestWhom:
    """About whom a cloud is asked."""

    async def test_who_is_away_is_not(self) -> None:
        """It could not be told anything."""
        async with polling() as (_, poller, cloud):
            poller.wake(DEVICE)
            await asyncio.sleep(10)
            poller.gone(DEVICE)
            poller.gone(OTHER)
            await asyncio.sleep(2 * HOUR)
            assert len(cloud.asked) == 1
            assert not poller.hint(DEVICE)

    async def test_who_went_before_its_turn_is_not(self) -> None:
        """Nor after the cloud was away."""
        async with polling() as (_, poller, cloud):
            poller.wake(DEVICE)
            poller.gone(DEVICE)
            await asyncio.sleep(HOUR)
            assert cloud.asked == []

    async def test_who_went_while_the_cloud_was_away_is_not(self) -> None:
        """Though a worker had it in hand already; and who came back is, once."""
        async with polling(PollSettings(per_second=0.1)) as (_, poller, cloud):
            for number in range(WORKERS + 2):
                poller.wake(DeviceId(BOTH, f"d{number}"))
            await asyncio.sleep(2)
            for number in range(WORKERS + 2):
                poller.gone(DeviceId(BOTH, f"d{number}"))
            await asyncio.sleep(HOUR)
            assert len(cloud.asked) == 1
            poller.wake(DeviceId(BOTH, "d5"))
            await asyncio.sleep(30)
            assert [device.id.name for _, device in cloud.asked[1:]] == ["d5"]

    async def test_names_that_come_once_and_never_again_are_forgotten(self) -> None:
        """Where everyone may log in; who went last is still known, so that it is not asked about each time."""
        down = Down(lanes={ONE: LaneState(circuit=Circuit.OPEN, failures=9, until=1e9)})
        async with polling(down=down) as (_, poller, _):
            poller.wake(OTHER)
            for number in range(2 * AWAY):
                poller.wake(DeviceId(BOTH, f"d{number}"))
                poller.gone(DeviceId(BOTH, f"d{number}"))
            assert len(poller._watched) == AWAY + 1
            assert len(poller._urgent) + len(poller._routine) <= 2 * (AWAY + 1) + WORKERS
            assert poller.hint(OTHER)

    async def test_who_comes_and_goes_is_not_who_went_first(self) -> None:
        """A device that is there keeps its turn, however often it went before and however many follow it."""
        async with polling() as (_, poller, cloud):
            poller.wake(DEVICE)
            poller.gone(DEVICE)
            poller.wake(DEVICE)
            for number in range(AWAY + 1):
                poller.wake(DeviceId(BOTH, f"d{number}"))
                poller.gone(DeviceId(BOTH, f"d{number}"))
            await asyncio.sleep(2 * SOON)
            assert [device.id for _, device in cloud.asked] == [DEVICE]

    @pytest.mark.parametrize("device", [DeviceId("GONE", "x"), DeviceId(MUTE, "x"), THIRD])
    async def test_another_cloud_s_device_is_not(self, device: DeviceId) -> None:
        """Of a product that the cloud does not serve, or that is not in the configuration."""
        async with polling(lane=TWO) as (house, poller, _):
            poller.wake(device)
            await asyncio.sleep(HOUR)
            assert house.adapters[TWO].asked == []

    async def test_who_is_at_work_is_not(self) -> None:
        """It is asked about again when its end was told."""
        async with polling() as (house, poller, cloud):
            cloud.orders[DEVICE] = [wants()]
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            await house.say(told(State.DOWNLOADING))
            for _ in range(20):
                poller.wake(DEVICE)
                await asyncio.sleep(60)
            assert len(cloud.asked) == 1

    async def test_who_has_just_ended_is_not(self) -> None:
        """Its end is not even written: the version that runs would end the task first, as OneNET's check does."""
        async with polling() as (house, poller, cloud):
            house.take(ONE, wants())
            await house.say(runs(V1), told(State.DOWNLOADING))
            house.store.commit_seconds = 5.0
            poller.wake(DEVICE)
            house.publish(runs(V2))
            await asyncio.sleep(60)
            assert house.update.state is State.SUCCEEDED
            assert cloud.asked == []

    async def test_who_says_again_what_the_store_refused_is_not(self) -> None:
        """The end was taken back, and comes again while the look whether it waits takes its time."""
        async with polling() as (house, poller, cloud):
            house.take(ONE, wants())
            await house.say(runs(V1), told(State.DOWNLOADING))
            house.store.commit_seconds, house.store.look_seconds = 4.0, 4.0
            house.store.fates.append(Fate.REFUSED)
            poller.wake(DEVICE)
            house.publish(runs(V2))
            await asyncio.sleep(4.1)
            house.publish(runs(V2))
            await asyncio.sleep(60)
            assert house.update.state is State.SUCCEEDED
            assert cloud.asked == []

    async def test_who_went_to_work_while_it_waited_for_its_turn_is_not(self) -> None:
        """The rate let it wait."""
        async with polling(PollSettings(per_second=0.01)) as (house, poller, cloud):
            cloud.orders[DEVICE] = [wants()]
            house.take(ONE, wants())
            poller.wake(OTHER)
            await asyncio.sleep(2)
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            await house.say(told(State.DOWNLOADING))
            await asyncio.sleep(99)
            assert [device.id for _, device in cloud.asked] == [OTHER]


class TestAnswers:
    """What a cloud says."""

    async def test_an_order_is_taken(self) -> None:
        """And counted as one."""
        async with polling() as (house, poller, cloud):
            cloud.orders[DEVICE] = [wants()]
            poller.wake(DEVICE)
            poller.wake(OTHER)
            await asyncio.sleep(5)
            assert house.update.target == V2
            assert (count(house, "orders"), count(house, "nothing")) == (1, 1)

    async def test_a_withdrawal_is_taken(self) -> None:
        """As soon as the cloud says nothing twice."""
        async with polling() as (house, poller, cloud):
            cloud.orders[DEVICE] = [wants()]
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            cloud.orders.clear()
            await asyncio.sleep(HOUR)
            assert (house.update.state, house.update.reason) == (State.CANCELED, Reason.CANCELED_BY_CLOUD)

    async def test_an_order_for_another_device_was_not_asked_for(self) -> None:
        """An adapter's mistake must not reach a device that nobody asked about."""
        async with polling() as (house, poller, cloud):
            cloud.orders[DEVICE] = [wants(device=OTHER)]
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            assert list(house.orders.all()) == []

    @pytest.mark.parametrize(
        "odd",
        [
            *({"version": Version(odd)} for odd in ("2\x00", "2\n", "\ud800", "2" * 65)),
            *({"module": Module(odd)} for odd in ("m\x00", "m" * 65)),
            *({"source": Version(odd)} for odd in ("1\x00", "1" * 65)),
            {"handle": "h" * 1025},
            {"url": "http://cloud.test/" + "i" * 4096},
            *({name: 2**31} for name in ("min_power", "min_signal", "retries")),
            {"min_signal": -(2**31)},
            *({"retry_interval": odd} for odd in (1e9, float("nan"), float("inf"))),
        ],
        ids=lambda odd: next(iter(odd)),
    )
    async def test_an_order_that_no_database_takes_is_refused(self, odd: dict[str, Any]) -> None:
        """Or the commit that holds it would fail, and everybody's reports with it; or memory would be full of it."""
        async with polling() as (house, poller, cloud):
            cloud.orders[DEVICE] = [wants(**{"url": "http://cloud.test/i", **odd})]
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            assert (list(house.orders.all()), count(house, "rejected")) == ([], 1)

    async def test_a_size_beyond_all_numbers_is_refused(self) -> None:
        """It stands in the order's image."""
        async with polling() as (house, poller, cloud):
            order = wants()
            cloud.orders[DEVICE] = [replace(order, firmware=replace(order.firmware, size=2**63))]
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            assert (list(house.orders.all()), count(house, "rejected")) == ([], 1)

    async def test_modules_without_end_are_refused(self) -> None:
        """A cloud that names ever new ones would fill memory, and leave a device none for its own."""
        async with polling() as (house, poller, cloud):
            modules = [Module(f"m{number}") for number in range(MAX_MODULES + 1)]
            cloud.orders[DEVICE] = [wants(module=module) for module in modules[:MAX_MODULES]]
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            cloud.orders[DEVICE] = [wants(module=modules[MAX_MODULES])]
            await asyncio.sleep(HOUR)
            assert {row.command.module for row in house.orders.all()} == {*modules[:MAX_MODULES]}
            assert count(house, "rejected") > 0

    async def test_where_one_has_an_order_its_kin_is_asked_about(self) -> None:
        """A campaign; other products are not concerned."""
        async with polling() as (_, poller, cloud):
            for device in (DEVICE, OTHER, THIRD):
                poller.wake(device)
            await asyncio.sleep(10 * HOUR)
            before = {device: len(cloud.times(device)) for device in (OTHER, THIRD)}
            cloud.orders[DEVICE] = [wants()]
            poller.wake(DEVICE)
            await asyncio.sleep(61)
            assert len(cloud.times(OTHER)) == before[OTHER] + 1
            assert len(cloud.times(THIRD)) == before[THIRD]

    async def test_an_order_that_is_known_says_nothing_of_its_kin(self) -> None:
        """One that waits for days for its device's user must not keep the whole fleet awake."""
        async with polling() as (_, poller, cloud):
            cloud.orders[DEVICE] = [wants(needs_confirmation=True)]
            poller.wake(DEVICE)
            poller.wake(OTHER)
            await asyncio.sleep(10 * HOUR)
            before = len(cloud.times(OTHER))
            for _ in range(60):
                poller.wake(DEVICE)
                await asyncio.sleep(60)
            assert len(cloud.times(OTHER)) - before <= 2

    async def test_news_while_it_is_asked_is_not_lost(self) -> None:
        """The answer may be older."""
        async with polling() as (house, poller, cloud):
            cloud.seconds = 5.0
            poller.wake(DEVICE)
            await asyncio.sleep(3)
            poller.wake(DEVICE)
            cloud.orders[DEVICE] = []
            await asyncio.sleep(5)
            cloud.orders[DEVICE] = [wants()]
            await asyncio.sleep(2 * BREATH)
            assert house.update.target == V2
            assert len(cloud.asked) == 2

    async def test_nobody_is_asked_about_twice_at_once(self) -> None:
        """Though it went, and came back, while the cloud was thinking."""
        async with polling() as (_, poller, cloud):
            cloud.seconds = 30.0
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            poller.gone(DEVICE)
            poller.wake(DEVICE)
            await asyncio.sleep(20)
            assert len(cloud.asked) == 1
            await asyncio.sleep(60)
            assert len(cloud.asked) == 2

    async def test_an_answer_that_comes_late_reopens_nothing(self) -> None:
        """The cloud gave it before it took the failure."""
        async with polling() as (house, poller, cloud):
            cloud.orders[DEVICE] = [wants()]
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            cloud.seconds = 30.0
            async with house.open():
                await asyncio.sleep(60)
                assert cloud.asked[-1][0] > asyncio.get_running_loop().time() - 30
                await house.say(told(State.FAILED))
                await asyncio.sleep(40)
            assert (house.update.number, house.row().is_closed) == (1, True)


class TestTrouble:
    """What a cloud may do, and what is asked next."""

    @pytest.mark.parametrize(
        ("error", "outcome", "pause"),
        [
            (Unavailable("paused", scope=Scope.DEVICE), "unavailable", 60),
            (Unavailable("paused", scope=Scope.DEVICE, retry_after=300), "unavailable", 300),
            (Unavailable("paused", scope=Scope.DEVICE, retry_after=1e9), "unavailable", 3600),
            (Denied(Scope.DEVICE, "403", "not yours"), "denied", PARKED.total_seconds()),
            (Rejected("16", "no such device"), "rejected", 3600),
            (KeyError("data"), "rejected", 3600),
            (asyncio.CancelledError(), "unavailable", 60),
        ],
        ids=["device", "wish", "long wish", "denied", "rejected", "broken", "cancelled"],
    )
    async def test_a_device_s_trouble_is_its_own(
        self, error: BaseException, outcome: str, pause: float
    ) -> None:
        """The lane stays open, the others go on, and the device has its turn again."""
        async with polling() as (house, poller, cloud):
            cloud.replies.append(error)
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            assert count(house, outcome) == 1
            assert house.gates[ONE].state.circuit is Circuit.CLOSED
            poller.wake(OTHER)
            await asyncio.sleep(5)
            assert len(cloud.times(OTHER)) == 1
            await asyncio.sleep(2 * HOUR)
            assert gaps(cloud)[0] == pause

    @pytest.mark.parametrize(
        "error", [KeyError("x"), Rejected("1", "no"), asyncio.CancelledError(), TimeoutError()]
    )
    async def test_no_worker_dies_of_an_adapter(self, error: BaseException) -> None:
        """More troubles than workers; afterwards all work."""
        with capture_logs():
            await self.outlive(error)

    async def outlive(self, error: BaseException) -> None:
        """Let a cloud do it to every worker, again and again."""
        async with polling() as (house, poller, cloud):
            cloud.replies.extend([error] * 5 * WORKERS)
            for number in range(5 * WORKERS):
                poller.wake(DeviceId(BOTH, f"d{number}"))
            await asyncio.sleep(60)
            assert len(cloud.replies) == 0
            cloud.seconds = 5.0
            start = asyncio.get_running_loop().time()
            for number in range(WORKERS):
                poller.wake(DeviceId(BOTH, f"new{number}"))
            await asyncio.sleep(4)
            at_once = [
                device for at, device in cloud.asked if at >= start and device.id.name.startswith("new")
            ]
            assert len(at_once) == WORKERS
            assert house.gates[ONE].state.circuit is Circuit.CLOSED

    @pytest.mark.parametrize("answer", [None, [None], 7])
    async def test_an_answer_without_sense_is_an_adapter_that_breaks(self, answer: Any) -> None:
        """Whoever wrote it did not ask mypy."""

        async def senseless(_: Device) -> Sequence[Order]:
            return answer  # type: ignore[no-any-return]

        async with polling() as (house, poller, cloud):
            cloud.replies.append(senseless)
            if isinstance(answer, int) or answer is None:
                setattr(cloud, "poll", senseless)  # noqa: B010 - mypy objects to the assignment
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            assert count(house, "rejected") == 1

    async def test_a_cloud_that_is_down_shuts_the_lane(self) -> None:
        """After a few failures nobody is asked about, but now and then as a probe; and then everybody."""
        async with polling() as (house, poller, cloud):
            cloud.replies.extend([Unavailable("503")] * 30)
            for number in range(50):
                poller.wake(DeviceId(BOTH, f"d{number}"))
            await asyncio.sleep(60)
            assert house.gates[ONE].state.circuit is not Circuit.CLOSED
            during = len(cloud.asked)
            assert during < 20
            cloud.replies.clear()
            await asyncio.sleep(HOUR)
            assert house.gates[ONE].state.circuit is Circuit.CLOSED
            assert len({device.id for _, device in cloud.asked}) == 50

    async def test_a_cloud_that_denies_us_stops_the_lane(self) -> None:
        """Until somebody mends the credentials."""
        async with polling() as (house, poller, cloud):
            cloud.replies.extend([Denied(Scope.LANE, "401", "who are you")] * 100)
            poller.wake(DEVICE)
            await asyncio.sleep(2)
            assert house.gates[ONE].state.circuit is Circuit.DENIED
            assert count(house, "denied") == 1
            for number in range(20):
                poller.wake(DeviceId(BOTH, f"d{number}"))
            await asyncio.sleep(HOUR)
            assert len(cloud.asked) < 100

    async def test_an_answer_opens_a_lane_that_was_shut(self) -> None:
        """A poll is as good a probe as a report."""
        down = Down(lanes={ONE: LaneState(circuit=Circuit.OPEN, failures=9, until=1100.0)})
        async with polling(down=down) as (house, poller, cloud):
            poller.wake(DEVICE)
            await asyncio.sleep(60)
            assert cloud.asked == []
            await asyncio.sleep(60)
            assert len(cloud.asked) >= 1
            assert house.gates[ONE].state.circuit is Circuit.CLOSED

    async def test_who_went_does_not_keep_the_probe(self) -> None:
        """A worker that finds nothing to ask lets the next one through."""
        down = Down(lanes={ONE: LaneState(circuit=Circuit.OPEN, failures=9, until=1010.0)})
        async with polling(PollSettings(per_second=0.1), down=down) as (_, poller, cloud):
            poller.wake(OTHER)
            poller.wake(DEVICE)
            await asyncio.sleep(11)
            poller.gone(DEVICE)
            poller.gone(OTHER)
            await asyncio.sleep(60)
            poller.wake(THIRD)
            await asyncio.sleep(60)
            assert THIRD in {device.id for _, device in cloud.asked}

    async def test_a_call_that_hangs_costs_one_worker_for_a_while(self) -> None:
        """And then that device has its turn again."""

        async def hangs(_: Device) -> Sequence[Order]:
            await asyncio.Event().wait()
            return ()

        async with polling() as (_, poller, cloud):
            cloud.replies.append(hangs)
            poller.wake(DEVICE)
            await asyncio.sleep(5)
            poller.wake(OTHER)
            await asyncio.sleep(5)
            assert len(cloud.times(OTHER)) == 1
            await asyncio.sleep(HOUR)
            assert len(cloud.times(DEVICE)) > 2


async def test_a_poller_can_be_stopped() -> None:
    """While it waits, and while it asks."""
    down = Down()
    poller = down.poller()
    task = asyncio.create_task(poller.run())
    poller.wake(DEVICE)
    await asyncio.sleep(0.55)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_intervals_are_sane_whatever_the_configuration_says() -> None:
    """A minimum above the interval is the interval."""
    settings = PollSettings(interval=timedelta(seconds=30), minimum=timedelta(minutes=2))
    async with polling(settings) as (_, poller, cloud):
        poller.wake(DEVICE)
        await asyncio.sleep(HOUR)
        assert set(gaps(cloud)) == {120}
