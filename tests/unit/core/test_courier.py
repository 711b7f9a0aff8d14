"""The courier: who is told what, when, how often, and what holds it back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import time, timedelta
from itertools import pairwise
from typing import Any

import pytest

from gateway.core.courier import AGAIN_AFTER, EVERY
from gateway.core.order_book import LAG
from gateway.core.presence import GRACE, LONG_GRACE
from gateway.errors import Scope, Unavailable
from gateway.model.commands import Command, Install, UpdateOrdered
from gateway.model.events import Confirmed, StateReported, VersionReported
from gateway.model.firmware import Firmware, Md5
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, UpdateId
from gateway.model.orders import hold
from gateway.model.policy import Policy, Window
from gateway.model.reports import ANNOUNCEMENTS
from gateway.model.states import Reason, State
from gateway.ports.firmware import (
    FirmwareError,
    NotNowError,
    Served,
    Trouble,
    UnfitError,
    UrlExpiredError,
)
from tests.unit.core.down import Down, image_of, wants
from tests.unit.core.fakes import Fate
from tests.unit.core.house import BOTH, DEVICE, ONE, SOLE, TWO, V1, V2, V3, told

OTHER = DeviceId(BOTH, "dev02")
MCU = Module("mcu")
SOON = 3.0
TROUBLES = [
    UnfitError(Trouble.NOT_FOUND, "404"),
    NotNowError(Trouble.SOURCE_UNAVAILABLE, "503"),
    UrlExpiredError(Trouble.URL_EXPIRED, "403"),
]
BUSY = [State.NOTIFIED, State.DOWNLOADING, State.VERIFIED, State.INSTALLING, State.APPLYING]


@asynccontextmanager
async def site(policy: Policy | None = None, **more: Any) -> AsyncIterator[Down]:
    """Run a house with its courier."""
    down = Down(policy=policy, **more)
    async with down.works():
        yield down


@asynccontextmanager
async def telling(
    policy: Policy | None = None, *states: State, order: UpdateOrdered | None = None
) -> AsyncIterator[Down]:
    """Run a house whose device is there, was told of its order, and walked through these states."""
    async with site(policy) as down:
        down.here()
        down.take(ONE, order or wants())
        await asyncio.sleep(SOON)
        assert len(down.outlet.installs()) == 1
        for state in states:
            await down.say(told(state))
        yield down


def lies_at(url: str, md5: Md5 | None = None) -> UpdateOrdered:
    """Make an order whose image lies there, with the md5 that the cloud says of it."""
    return replace(wants(), firmware=Firmware(version=V2, url=url, md5=md5))


async def refuses_consent(event: StateReported) -> Sequence[Command]:
    """Take everything but the consent to what has not begun: the device would have to be there for that."""
    if event.confirmed and event.state in ANNOUNCEMENTS:
        raise Unavailable("the device is away", code="offline", scope=Scope.DEVICE)
    return ()


def times(down: Down) -> list[float]:
    """When the device was told to install something."""
    return [at for at, each in down.outlet.told if isinstance(each, Install) and each.device == DEVICE]


class TestBegin:
    """From an order to its device."""

    async def test_a_device_that_is_there_is_told_once_the_image_is(self) -> None:
        """With the gateway's own link; and the update is notified."""
        async with site() as down:
            down.here()
            down.take(ONE, wants())
            await asyncio.sleep(0.9)
            assert down.outlet.told == []
            await asyncio.sleep(SOON)
            [install] = down.outlet.heard(Install)
            assert install == Install(
                device=DEVICE,
                update=down.update.id,
                version=V2,
                module=DEFAULT_MODULE,
                image=image_of(V2),
                url="http://gateway.test/BOTH/dev01/0020",
            )
            assert (down.update.state, down.update.synthetic) == (State.NOTIFIED, True)
            await asyncio.sleep(3600)
            assert len(down.outlet.told) == 1

    async def test_a_device_that_is_away_is_told_when_it_comes(self) -> None:
        """Nothing is sent after it, and nothing is kept but what follows from its update."""
        async with site() as down:
            down.take(ONE, wants())
            await asyncio.sleep(3600)
            assert (down.outlet.told, down.update.state) == ([], State.QUEUED)
            down.here()
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2]

    async def test_a_device_is_asked_first_what_it_runs(self) -> None:
        """What it says may make the order needless."""
        async with site() as down:
            down.take(ONE, wants())
            await asyncio.sleep(SOON)
            down.here(version=V2)
            await asyncio.sleep(60)
            assert (down.outlet.questions(), down.outlet.installs()) == (1, [])
            assert down.update.state is State.SUCCEEDED

    async def test_a_device_that_does_not_say_is_told_after_a_while(self) -> None:
        """Not every device has a version to report."""
        async with site() as down:
            down.take(ONE, wants())
            await asyncio.sleep(SOON)
            down.here(version=None)
            await asyncio.sleep(GRACE - 1)
            assert down.outlet.installs() == []
            await asyncio.sleep(EVERY + 2)
            assert down.outlet.installs() == [V2]

    async def test_a_device_that_was_there_before_its_order_is_asked_too(self) -> None:
        """A gateway that starts anew finds it connected, and hears nothing of what it had said before."""
        async with site() as down:
            await down.say(VersionReported(device=DEVICE, version=V1))
            down.here(version=None)
            down.take(ONE, wants())
            await asyncio.sleep(60)
            assert (down.outlet.questions(), down.outlet.installs()) == (1, [])
            await down.say(VersionReported(device=DEVICE, version=V1))
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2]

    async def test_another_module_s_word_is_not_enough(self) -> None:
        """It flashed the target while the gateway was away, and tells of its modules one after the other."""
        async with site() as down:
            await down.say(VersionReported(device=DEVICE, version=V1))
            down.take(ONE, wants())
            await asyncio.sleep(SOON)
            down.here(module=MCU)
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == []
            await down.say(VersionReported(device=DEVICE, version=V2))
            await asyncio.sleep(LONG_GRACE)
            assert (down.outlet.installs(), down.update.state) == ([], State.SUCCEEDED)

    async def test_a_device_that_has_said_it_before_is_waited_for_longer(self) -> None:
        """It will say it again; and if it does not, it is told after all."""
        async with site() as down:
            await down.say(VersionReported(device=DEVICE, version=V1))
            down.take(ONE, wants())
            await asyncio.sleep(SOON)
            down.here(version=None)
            await asyncio.sleep(LONG_GRACE - 1)
            assert down.outlet.installs() == []
            await asyncio.sleep(EVERY + 2)
            assert down.outlet.installs() == [V2]

    async def test_a_device_without_an_order_is_asked_nothing(self) -> None:
        """It may be asleep most of the time."""
        async with site() as down:
            down.here()
            await asyncio.sleep(60)
            assert down.outlet.told == []

    async def test_a_device_that_does_not_listen_stays_queued(self) -> None:
        """Tried again as long as it is there."""
        async with site() as down:
            down.outlet.deaf.add(DEVICE)
            down.here()
            down.take(ONE, wants())
            await asyncio.sleep(60)
            assert down.update.state is State.QUEUED
            down.outlet.deaf.clear()
            await asyncio.sleep(EVERY + 1)
            assert down.outlet.installs() == [V2]

    async def test_a_device_that_runs_the_target_is_told_nothing(self) -> None:
        """The order is a success at once."""
        async with site() as down:
            down.here(version=V2)
            await asyncio.sleep(1)
            down.take(ONE, wants(V2))
            await asyncio.sleep(60)
            assert (down.update.state, down.outlet.installs()) == (State.SUCCEEDED, [])

    async def test_two_modules_are_told_each(self) -> None:
        """With their names."""
        async with site() as down:
            down.here()
            await down.say(VersionReported(device=DEVICE, version=V1, module=MCU))
            down.take(ONE, wants(V2), wants(V3, module=MCU))
            await asyncio.sleep(SOON)
            assert {(each.module, each.version) for each in down.outlet.heard(Install)} == {
                (DEFAULT_MODULE, V2),
                (MCU, V3),
            }


class TestHeld:
    """What keeps a device from being told."""

    async def test_a_user_s_consent(self) -> None:
        """Hours may pass."""
        async with site() as down:
            down.here()
            down.take(ONE, wants(needs_confirmation=True))
            await asyncio.sleep(3600)
            assert down.outlet.installs() == []
            await down.say(Confirmed(device=DEVICE, accept=True))
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2]

    async def test_a_consent_that_a_cloud_cannot_take_yet_holds_up_nothing(self) -> None:
        """It says so for hours: what the device does next is told at once all the same, and the consent with it."""
        policy = Policy(deadlines={State.NOTIFIED: timedelta(days=1)}, needs_evidence=False)
        async with site(policy) as down:
            down.one.habit = refuses_consent
            down.here()
            down.take(ONE, wants(needs_confirmation=True))
            await asyncio.sleep(SOON)
            await down.say(Confirmed(device=DEVICE, accept=True))
            await asyncio.sleep(3 * 3600)
            assert (down.update.state, down.update.confirmed) == (State.NOTIFIED, True)
            assert [event.state for event in down.one.took] == [State.WAITING_CONFIRMATION]
            assert down.one.heard.count(State.NOTIFIED) > 10
            for state in (State.DOWNLOADING, State.SUCCEEDED):
                await down.say(told(state))
                await asyncio.sleep(0.1)
                assert (down.one.took[-1].state, down.one.took[-1].confirmed) == (state, True)

    async def test_a_user_s_refusal(self) -> None:
        """For good."""
        async with site() as down:
            down.here()
            down.take(ONE, wants(needs_confirmation=True))
            await down.say(Confirmed(device=DEVICE, accept=False))
            await asyncio.sleep(3600)
            assert (down.outlet.told, down.update.state) == ([], State.REJECTED)

    async def test_an_operator_who_pauses_it(self) -> None:
        """Until he lets it go."""
        async with site() as down:
            down.here()
            down.take(ONE, wants())
            down.record.act(hold(down.update, paused=True))
            await asyncio.sleep(3600)
            assert down.outlet.installs() == []
            down.record.act(hold(down.update, paused=False))
            down.ledger.request()
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2]

    async def test_the_hour(self) -> None:
        """The site's clock stands at a quarter past midnight; the window opens at one."""
        async with site(Policy(window=Window(time(1), time(2)), needs_evidence=False)) as down:
            down.here()
            down.take(ONE, wants())
            await asyncio.sleep(2500)
            assert down.outlet.installs() == []
            await asyncio.sleep(200)
            assert down.outlet.installs() == [V2]

    @pytest.mark.parametrize("what", ["battery", "signal"])
    async def test_its_strength(self, what: str) -> None:
        """It is told once it has enough; what it does not say is not held against it."""
        order = wants(min_power=50) if what == "battery" else wants(min_signal=50)
        async with site() as down:
            down.here(**{what: 49})  # type: ignore[arg-type]
            down.take(ONE, order)
            await asyncio.sleep(60)
            assert down.outlet.installs() == []
            await down.say(VersionReported(device=DEVICE, version=V1, **{what: 50}))  # type: ignore[arg-type]
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2]

    async def test_its_strength_though_another_module_does_not_speak_of_it(self) -> None:
        """One battery for all modules."""
        async with site() as down:
            down.here(battery=10)
            await down.say(VersionReported(device=DEVICE, version=V1, module=MCU))
            down.take(ONE, wants(min_power=50))
            await asyncio.sleep(60)
            assert down.outlet.installs() == []

    async def test_a_device_that_says_nothing_of_its_strength_is_told(self) -> None:
        """The cloud's wish is for those that can say."""
        async with site() as down:
            down.here()
            down.take(ONE, wants(min_power=50, min_signal=50))
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2]

    async def test_so_many_at_once(self) -> None:
        """The next one's turn comes with an end; another product has a count of its own."""
        policy = Policy(max_at_once=2, needs_evidence=False)
        devices = [DeviceId(BOTH, f"d{n}") for n in range(5)]
        async with site(policy) as down:
            down.here(*devices, DeviceId(SOLE, "x"))
            for device in [*devices, DeviceId(SOLE, "x")]:
                down.take(ONE, wants(device=device), device=device)
            await asyncio.sleep(60)
            under_way = [device for device in devices if down.outlet.installs(device)]
            assert len(under_way) == 2
            assert down.outlet.installs(DeviceId(SOLE, "x")) == [V2]
            await down.say(told(State.SUCCEEDED, device=under_way[0]))
            await asyncio.sleep(SOON)
            assert len([device for device in devices if down.outlet.installs(device)]) == 3

    async def test_one_that_hangs_takes_no_place(self) -> None:
        """Fifty dead devices must not stop a campaign."""
        policy = Policy(max_at_once=1)
        async with site(policy) as down:
            down.here(DEVICE, OTHER)
            for device in (DEVICE, OTHER):
                down.take(ONE, wants(device=device), device=device)
            await asyncio.sleep(SOON)
            assert [len(down.outlet.installs(device)) for device in (DEVICE, OTHER)] == [1, 0]
            await asyncio.sleep(3600)
            down.engine.expire()
            await asyncio.sleep(2 * EVERY)
            assert len(down.outlet.installs(OTHER)) == 1


class TestRetries:
    """A failure that may pass."""

    async def test_it_is_told_again_after_the_pause(self) -> None:
        """Not before; and each pause is longer."""
        policy = Policy(retries=2, retry_after=timedelta(seconds=100))
        failure = replace(told(State.FAILED), reason=Reason.CONNECTION_LOST)
        async with telling(policy, State.DOWNLOADING) as down:
            for pause in (100, 200):
                failed_at = asyncio.get_running_loop().time()
                await down.say(failure)
                await asyncio.sleep(pause + EVERY + 1)
                assert times(down)[-1] - failed_at == pytest.approx(pause + EVERY / 2, abs=EVERY / 2 + 0.2)
                await down.say(told(State.DOWNLOADING))
            await down.say(failure)
            await asyncio.sleep(3600)
            assert (down.update.state, len(times(down))) == (State.FAILED, 3)

    async def test_a_link_that_expired_for_good_is_tried_again_after_the_pause(self) -> None:
        """The image is fetched anew with each try; what it failed for before burns no tries at once."""
        policy = Policy(retries=1, retry_after=timedelta(seconds=100), needs_evidence=False)
        async with site(policy) as down:
            down.firmwares.script.append(UnfitError(Trouble.URL_EXPIRED, "403"))
            down.here()
            down.take(ONE, wants())
            await asyncio.sleep(50)
            assert (down.update.state, down.update.retries, down.update.retries_left) == (State.QUEUED, 1, 0)
            assert len(down.firmwares.fetches) == 1
            await asyncio.sleep(60)
            assert (len(down.firmwares.fetches), down.outlet.installs()) == (2, [V2])


class TestImages:
    """What the image decides."""

    async def test_one_that_will_never_do_ends_all_that_wait_for_it(self) -> None:
        """With the reason; the devices hear nothing."""
        async with site() as down:
            down.firmwares.script.append(UnfitError(Trouble.WRONG_MD5, "it has md5 x"))
            down.here(DEVICE, OTHER)
            for device in (DEVICE, OTHER):
                down.take(ONE, wants(device=device), device=device)
            await asyncio.sleep(SOON)
            for device in (DEVICE, OTHER):
                update = down.newest(device)
                assert (update.state, update.reason) == (State.FAILED, Reason.INTEGRITY_CHECK_FAILED)
                assert update.detail == "wrong_md5: it has md5 x"
            assert (down.outlet.told, len(down.firmwares.fetches)) == ([], 1)

    async def test_one_that_may_come_is_waited_for(self) -> None:
        """For days."""
        async with site() as down:
            down.firmwares.script.extend([NotNowError(Trouble.NO_ROOM, "full")] * 40)
            down.here()
            down.take(ONE, wants())
            await asyncio.sleep(3600)
            assert down.update.state is State.QUEUED
            await asyncio.sleep(3 * 3600)
            assert down.outlet.installs() == [V2]

    @pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
    @pytest.mark.parametrize("md5", [None, Md5("a" * 32)], ids=["two images", "one image"])
    async def test_the_second_cloud_s_stands_in_for_the_first_s(
        self, trouble: FirmwareError, md5: Md5 | None
    ) -> None:
        """Which will never do or is not to be had; the device is told once, and both clouds hear its end."""
        async with site() as down:
            down.firmwares.troubles["http://one"] = trouble
            down.here()
            for lane, where in ((ONE, "one"), (TWO, "two")):
                down.take(lane, lies_at(f"http://{where}.test/image", md5))
            await asyncio.sleep(3 * EVERY)
            assert (down.outlet.installs(), down.update.number) == ([V2], 1)
            fetches = len(down.firmwares.fetches)
            await asyncio.sleep(3600)
            assert (down.outlet.installs(), len(down.firmwares.fetches)) == ([V2], fetches)
            assert down.courier.image_of(DEVICE, down.update.id) == image_of(V2).sha256
            await down.say(told(State.SUCCEEDED))
            await asyncio.sleep(1)
            assert [cloud.took[-1].state for cloud in (down.one, down.two)] == [State.SUCCEEDED] * 2

    @pytest.mark.parametrize("md5", [None, Md5("a" * 32)], ids=["two images", "one image"])
    async def test_two_that_will_never_do_end_it(self, md5: Md5 | None) -> None:
        """Each was fetched once."""
        async with site() as down:
            down.firmwares.troubles["http"] = UnfitError(Trouble.NOT_FOUND, "404")
            down.here()
            for lane, where in ((ONE, "one"), (TWO, "two")):
                down.take(lane, lies_at(f"http://{where}.test/image", md5))
            await asyncio.sleep(60)
            assert (down.update.state, down.update.reason) == (State.FAILED, Reason.PACKAGE_NOT_FOUND)
            urls = [firmware.url for _, firmware, _ in down.firmwares.fetches]
            assert urls == ["http://one.test/image", "http://two.test/image"]

    async def test_of_two_that_are_not_to_be_had_either_may_come(self) -> None:
        """Both are tried, and neither starts over whenever the courier looks."""
        async with site() as down:
            down.firmwares.troubles["http"] = NotNowError(Trouble.SOURCE_UNAVAILABLE, "503")
            down.here()
            for lane, where in ((ONE, "one"), (TWO, "two")):
                down.take(lane, lies_at(f"http://{where}.test/image"))
            await asyncio.sleep(3600)
            assert (down.outlet.installs(), down.firmwares.cut) == ([], 0)
            assert len(down.firmwares.fetches) < 2 * 40
            down.firmwares.troubles = {"http://two": NotNowError(Trouble.SOURCE_UNAVAILABLE, "503")}
            await asyncio.sleep(600)
            assert down.outlet.installs() == [V2]

    async def test_one_that_a_device_fetches_is_not_changed_under_it(self) -> None:
        """The first cloud comes later: its link may lead elsewhere."""
        async with site() as down:
            down.here()
            down.take(TWO, lies_at("http://two.test/image"))
            await asyncio.sleep(SOON)
            down.take(ONE, lies_at("http://one.test/image"))
            await asyncio.sleep(60)
            assert [firmware.url for _, firmware, _ in down.firmwares.fetches] == ["http://two.test/image"]
            assert down.courier.image_of(DEVICE, down.update.id) == image_of(V2).sha256

    async def test_a_link_that_expired_is_renewed(self) -> None:
        """The cloud is asked for the order again."""
        async with site() as down:
            down.firmwares.script.append(UrlExpiredError(Trouble.URL_EXPIRED, "403"))
            down.here()
            down.take(ONE, wants())
            await asyncio.sleep(1.5)
            assert [row.command for row in down.renewals] == [wants()]
            down.take(ONE, wants(url="http://cloud.test/default/2.0?q-sign=2"))
            await asyncio.sleep(60)
            assert [firmware.url[-1] for _, firmware, _ in down.firmwares.fetches] == ["0", "2"]

    async def test_nobody_s_image_is_unpinned(self) -> None:
        """After the end of the last that wanted it."""
        async with telling() as down:
            assert len(down.firmwares.pinned) == 1
            await down.say(told(State.FAILED))
            await asyncio.sleep(2 * EVERY)
            assert down.firmwares.pinned == {}

    async def test_one_is_fetched_before_anybody_agreed_or_came(self) -> None:
        """So that it is here when it is needed."""
        async with site() as down:
            down.take(ONE, wants(needs_confirmation=True))
            await asyncio.sleep(SOON)
            assert len(down.firmwares.fetches) == 1

    async def test_a_device_asks_for_its_own_open_update_s_only(self) -> None:
        """In pieces, by the name it was told."""
        async with site() as down:
            down.take(ONE, wants())
            await down.ledger.drain()
            name = down.update.id
            assert down.courier.image_of(DEVICE, name) is None
            await asyncio.sleep(SOON)
            assert down.courier.image_of(DEVICE, name) == image_of(V2).sha256
            for device, wrong in [(OTHER, name), (DEVICE, UpdateId("x")), (DEVICE, UpdateId(f"{name}0"))]:
                with pytest.raises(LookupError):
                    down.courier.image_of(device, wrong)
            await down.say(told(State.FAILED))
            with pytest.raises(LookupError):
                down.courier.image_of(DEVICE, name)


class TestAgain:
    """A device that comes back with something else than the target."""

    @pytest.mark.parametrize("state", BUSY)
    async def test_it_is_told_again(self, state: State) -> None:
        """Whatever it was at: it has forgotten."""
        policy = Policy(deadlines={each: timedelta(days=1) for each in BUSY})
        async with telling(policy, *([state] if state is not State.NOTIFIED else [])) as down:
            await asyncio.sleep(60)
            down.courier.gone(DEVICE)
            await asyncio.sleep(60)
            down.here()
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2, V2]
            await asyncio.sleep(3600)
            assert down.outlet.installs() == [V2, V2]

    async def test_one_that_repeats_its_version_while_it_installs_is_not_told(self) -> None:
        """It says what it still runs; only one that comes back has started over."""
        policy = Policy(deadlines={State.INSTALLING: timedelta(days=1)})
        async with telling(policy, State.DOWNLOADING, State.INSTALLING) as down:
            for _ in range(10):
                await asyncio.sleep(60)
                await down.say(VersionReported(device=DEVICE, version=V1))
            assert (down.outlet.installs(), down.update.state) == ([V2], State.INSTALLING)
            down.courier.gone(DEVICE)
            down.here()
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2, V2]

    @pytest.mark.parametrize("state", BUSY)
    async def test_one_that_came_back_and_does_not_say_what_it_runs_is_not_told(self, state: State) -> None:
        """Not ever: it may run the target by now, and would flash it once more."""
        policy = Policy(deadlines={each: timedelta(days=1) for each in BUSY})
        async with telling(policy, *([state] if state is not State.NOTIFIED else [])) as down:
            await asyncio.sleep(60)
            down.courier.gone(DEVICE)
            down.here(version=None)
            await asyncio.sleep(10 * LONG_GRACE)
            assert down.outlet.installs() == [V2]

    async def test_one_that_asked_anew_and_was_cut_off_before_it_was_told_need_not_ask_again(self) -> None:
        """It does not boot for a lost connection, and has nothing to say."""
        async with telling(None, State.DOWNLOADING) as down:
            await asyncio.sleep(1)
            down.courier.gone(DEVICE)
            down.here()
            await asyncio.sleep(1)
            down.courier.gone(DEVICE)
            down.here(version=None)
            await asyncio.sleep(AGAIN_AFTER + SOON)
            assert down.outlet.installs() == [V2, V2]
            await asyncio.sleep(10 * LONG_GRACE)
            assert down.outlet.installs() == [V2, V2]

    async def test_it_is_told_nothing_with_the_target(self) -> None:
        """It made it."""
        async with telling(None, State.INSTALLING) as down:
            down.courier.gone(DEVICE)
            await asyncio.sleep(60)
            down.here(version=V2)
            await asyncio.sleep(60)
            assert (down.outlet.installs(), down.update.state) == ([V2], State.SUCCEEDED)

    async def test_it_is_not_told_while_success_waits_for_evidence(self) -> None:
        """What it says then decides the update."""
        async with telling(Policy(needs_evidence=True), State.INSTALLING, State.SUCCEEDED) as down:
            await asyncio.sleep(60)
            down.here()
            await asyncio.sleep(5)
            assert (down.outlet.installs(), down.update.state) == ([V2], State.CONFIRMING)

    async def test_it_is_not_told_more_often_than_that(self) -> None:
        """Whatever it repeats."""
        async with telling() as down:
            for _ in range(100):
                await down.say(VersionReported(device=DEVICE, version=V1))
                await asyncio.sleep(1)
            assert all(later - earlier >= AGAIN_AFTER for earlier, later in pairwise(times(down)))
            assert len(times(down)) == pytest.approx(100 / AGAIN_AFTER, abs=2)

    async def test_who_goes_on_by_itself_is_not_told(self) -> None:
        """It came back, and did not forget."""
        async with telling() as down:
            await asyncio.sleep(60)
            down.courier.gone(DEVICE)
            down.here(version=None)
            await asyncio.sleep(1)
            await down.say(told(State.DOWNLOADING, percent=50))
            await asyncio.sleep(60)
            assert down.outlet.installs() == [V2]

    async def test_who_went_on_and_came_back_once_more_is_told(self) -> None:
        """What it had said before it lost its power counts for nothing."""
        async with telling() as down:
            await asyncio.sleep(60)
            down.courier.gone(DEVICE)
            down.here(version=None)
            await asyncio.sleep(1)
            await down.say(told(State.DOWNLOADING, percent=50))
            down.courier.gone(DEVICE)
            await asyncio.sleep(60)
            down.here()
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2, V2]

    async def test_who_is_paused_is_not_told(self) -> None:
        """An operator holds it back."""
        async with telling() as down:
            await asyncio.sleep(60)
            down.record.act(hold(down.update, paused=True))
            down.here()
            await asyncio.sleep(60)
            assert down.outlet.installs() == [V2]

    async def test_who_is_weak_by_now_is_not_told(self) -> None:
        """It may have forgotten because its battery is empty."""
        async with telling(order=wants(min_power=50)) as down:
            await asyncio.sleep(60)
            down.here(battery=5)
            await asyncio.sleep(60)
            assert down.outlet.installs() == [V2]
            await down.say(VersionReported(device=DEVICE, version=V1, battery=80))
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2, V2]

    async def test_who_comes_outside_the_hours_is_not_told(self) -> None:
        """To begin anew is to begin."""
        policy = Policy(window=Window(time(0), time(0, 30)), needs_evidence=False)
        async with telling(policy) as down:
            await asyncio.sleep(3600)
            down.here()
            await asyncio.sleep(60)
            assert down.outlet.installs() == [V2]

    async def test_what_a_device_does_by_itself_is_its_own(self) -> None:
        """Nobody ordered it."""
        async with site() as down:
            await down.say(told(State.DOWNLOADING))
            down.here()
            await asyncio.sleep(60)
            assert down.outlet.told == []


class TestWithdraw:
    """What was called off."""

    @pytest.mark.parametrize("state", [State.NOTIFIED, State.DOWNLOADING])
    async def test_the_device_is_told(self, state: State) -> None:
        """Once, by the update's name."""
        async with telling(None, *([state] if state is State.DOWNLOADING else [])) as down:
            down.orders.cancel(down.update, Reason.CANCELED_BY_OPERATOR)
            await asyncio.sleep(60)
            assert down.outlet.withdrawals() == [V2]
            assert down.outlet.installs() == [V2]

    @pytest.mark.parametrize(
        ("state", "told_again"),
        [(State.DOWNLOADING, True), (State.VERIFIED, True), (State.INSTALLING, False), (State.FAILED, False)],
    )
    async def test_a_device_that_was_away_is_told_when_it_speaks_of_it(
        self, state: State, *, told_again: bool
    ) -> None:
        """While it can still leave it."""
        async with telling() as down:
            down.outlet.deaf.add(DEVICE)
            down.orders.cancel(down.update, Reason.CANCELED_BY_OPERATOR)
            down.outlet.deaf.clear()
            await down.say(told(state))
            await asyncio.sleep(1)
            assert down.outlet.withdrawals() == ([V2] if told_again else [])

    async def test_a_device_that_was_away_and_says_first_what_it_runs_starts_nothing_over(self) -> None:
        """As devices do when they come: what it then goes on with is what was called off, no attempt of its own."""
        async with telling(None, State.DOWNLOADING) as down:
            down.courier.gone(DEVICE)
            down.outlet.deaf.add(DEVICE)
            down.orders.cancel(down.update, Reason.CANCELED_BY_OPERATOR)
            await asyncio.sleep(60)
            down.outlet.deaf.clear()
            down.here()
            await down.say(told(State.DOWNLOADING, percent=60))
            assert down.outlet.withdrawals() == [V2]
            await down.say(told(State.INSTALLING), told(State.SUCCEEDED))
            await asyncio.sleep(60)
            assert (down.update.number, down.update.state) == (1, State.CANCELED)
            assert down.outlet.installs() == [V2]

    async def test_a_newer_order_follows_at_once(self) -> None:
        """The pause between two tellings is for the same update."""
        async with telling() as down:
            down.take(ONE, wants(V3))
            await asyncio.sleep(SOON)
            assert (down.outlet.withdrawals(), down.outlet.installs()) == ([V2], [V2, V3])


class TestServed:
    """What the gateway sees of a device's download."""

    async def served(self, down: Down, sent: int, *, version: Any = V2, start: int = 0) -> None:
        """Tell how much a transfer has brought."""
        down.courier.served(
            Served(subject=str(DEVICE), sha256=image_of(version).sha256, start=start, sent=sent, size=1000)
        )
        await down.ledger.drain()

    async def test_it_is_progress_of_a_device_that_does_not_tell(self) -> None:
        """Up to 99: whether it has all of it, only the device knows."""
        async with telling() as down:
            seen = []
            for sent in (0, 100, 50, 990, 1000):
                await self.served(down, sent)
                seen.append((down.update.state, down.update.percent))
            assert seen == [(State.DOWNLOADING, percent) for percent in (0, 10, 10, 99, 99)]
            assert down.update.synthetic

    async def test_a_device_that_tells_knows_better(self) -> None:
        """It may read ahead."""
        async with telling(None, State.DOWNLOADING) as down:
            await down.say(told(State.DOWNLOADING, percent=10))
            await self.served(down, 900)
            assert down.update.percent == 10

    async def test_another_image_is_none_of_it(self) -> None:
        """An older link, say."""
        async with telling() as down:
            await self.served(down, 500, version=V3)
            assert down.update.state is State.NOTIFIED

    @pytest.mark.parametrize("state", [State.INSTALLING, State.FAILED])
    async def test_it_says_nothing_later(self, state: State) -> None:
        """Nothing goes back."""
        async with telling(None, state) as down:
            await self.served(down, 500)
            assert down.update.state is state


class TestFailedCommits:
    """The store fails while devices are told."""

    async def test_a_device_is_not_told_all_the_time(self) -> None:
        """What was told is not known to the store; but it was told."""
        async with site() as down:
            down.here()
            down.take(ONE, wants())
            await asyncio.sleep(0.5)
            down.store.fates.extend([Fate.REFUSED] * 30)
            await asyncio.sleep(90)
            gaps = [later - earlier for earlier, later in pairwise(times(down))]
            assert gaps == [] or min(gaps) >= AGAIN_AFTER
            await asyncio.sleep(60)
            assert down.store.updates[down.update.id].state is State.NOTIFIED

    async def test_it_goes_on_when_the_store_does(self) -> None:
        """The order itself was taken back, and comes again."""
        async with site() as down:
            down.here()
            await down.ledger.drain()
            down.store.fates.append(Fate.REFUSED)
            down.take(ONE, wants())
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == []
            down.take(ONE, wants())
            await asyncio.sleep(SOON)
            assert down.outlet.installs() == [V2]


class TestRestart:
    """What is owed follows from the store."""

    @pytest.mark.parametrize("state", [State.QUEUED, *BUSY])
    async def test_a_device_is_told_after_a_restart(self, state: State) -> None:
        """When it comes with something else than the target."""
        async with site() as down:
            down.take(ONE, wants())
            await down.ledger.drain()
            if state is not State.QUEUED:
                await down.say(told(state))
        again = Down(store=down.store)
        await again.load()
        async with again.works():
            again.here()
            await asyncio.sleep(SOON)
            assert (again.outlet.installs(), len(again.firmwares.fetches)) == ([V2], 1)

    @pytest.mark.parametrize("state", [State.NOTIFIED, State.DOWNLOADING])
    async def test_a_device_that_had_asked_anew_need_not_ask_again(self, state: State) -> None:
        """It booted and said what it runs; we went before it could be told, and it only connects again."""
        async with telling(Policy(), *([state] if state is not State.NOTIFIED else [])) as down:
            await asyncio.sleep(1)
            down.courier.gone(DEVICE)
            down.here()
            await down.ledger.drain()
            assert down.outlet.installs() == [V2]
        again = Down(store=down.store)
        await again.load()
        async with again.works():
            again.here(version=None)
            await asyncio.sleep(SOON)
            assert again.outlet.installs() == [V2]
            again.courier.gone(DEVICE)
            again.here(version=None)
            await asyncio.sleep(10 * LONG_GRACE)
            assert again.outlet.installs() == [V2]

    async def test_a_pause_and_a_consent_survive(self) -> None:
        """Nothing is sent because of a restart."""
        async with site() as down:
            down.take(ONE, wants(needs_confirmation=True))
            down.take(ONE, wants(device=OTHER), device=OTHER)
            down.record.act(hold(down.newest(OTHER), paused=True))
            await down.ledger.drain()
        again = Down(store=down.store)
        await again.load()
        async with again.works():
            again.here(DEVICE, OTHER)
            await asyncio.sleep(3600)
            assert again.outlet.installs() == again.outlet.installs(OTHER) == []


async def test_two_clouds_with_two_wishes_are_served_one_after_the_other() -> None:
    """The loser is taken up when the winner's update has ended, and each image is fetched for its turn."""
    async with site() as down:
        down.here()
        down.take(TWO, wants(V2))
        down.take(ONE, wants(V3))
        await asyncio.sleep(SOON)
        assert down.outlet.installs() == [V3]
        await down.say(told(State.SUCCEEDED, version=V3))
        await asyncio.sleep(SOON)
        assert down.outlet.installs() == [V3, V2]


async def test_an_end_that_the_cloud_repeats_is_told_to_nobody() -> None:
    """It lags; the device is not told again."""
    async with telling(None, State.FAILED) as down:
        await asyncio.sleep(1)
        down.take(ONE, wants())
        await asyncio.sleep(LAG.total_seconds() / 2)
        assert down.outlet.installs() == [V2]


async def test_a_report_of_a_stranger_s_download_is_ignored() -> None:
    """A device that nobody knows."""
    async with site() as down:
        down.courier.served(Served(subject="GONE/x", sha256=image_of(V2).sha256, start=0, sent=1, size=1000))
        down.courier.answer(StateReported(device=OTHER, state=State.DOWNLOADING, version=V2))
        assert down.outlet.told == []
