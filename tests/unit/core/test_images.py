"""Images: fetched once for all who want them, tried again while that may help, let go when nobody wants them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from gateway.core.images import AT_ONCE, MAX_EXPIRED, Images
from gateway.model.firmware import Firmware, read_md5
from gateway.model.identity import DeviceId, Version
from gateway.model.states import Phase, Reason
from gateway.ports.firmware import (
    FirmwareError,
    ImageGoneError,
    NotNowError,
    Trouble,
    UnfitError,
    UrlExpiredError,
)
from gateway.ports.store import Ordered
from tests.unit.core.down import FakeFirmwares, OrderingCloud, image_of, wants
from tests.unit.core.house import BOTH, ONE, TWO, V2, V3, still

MD5 = read_md5("a" * 32)
GONE_LINK = UrlExpiredError(Trouble.URL_EXPIRED, "403")
NOT_NOW = NotNowError(Trouble.SOURCE_UNAVAILABLE, "503")


def row(version: Version = V2, *, device: str = "dev01", url: str = "", md5: bool = False) -> Ordered:
    """Make an order as the book has it."""
    command = wants(version, device=DeviceId(BOTH, device), url=url)
    if md5:
        command = replace(command, firmware=Firmware(version=version, url=command.firmware.url, md5=MD5))
    return Ordered(lane=ONE, command=command)


@dataclass
class Scene:
    """Images, and what they called."""

    firmwares: FakeFirmwares = field(default_factory=FakeFirmwares)
    changes: int = 0
    renewals: list[Ordered] = field(default_factory=list)

    def __post_init__(self) -> None:
        firmwares: Any = self.firmwares
        self.images = Images(
            firmwares,
            {ONE: OrderingCloud(), TWO: OrderingCloud()},
            on_change=self._changed,
            on_expired=self.renewals.append,
            jitter=still,
        )

    def _changed(self) -> None:
        self.changes += 1

    @property
    def times(self) -> list[float]:
        """Seconds between the fetches."""
        times = [at for at, _, _ in self.firmwares.fetches]
        return [later - earlier for earlier, later in pairwise(times)]


@asynccontextmanager
async def scene(*script: BaseException | None) -> AsyncIterator[Scene]:
    """Make images whose first fetches end so."""
    made = Scene()
    made.firmwares.script.extend(script)
    try:
        yield made
    finally:
        await made.images.close()


async def test_an_image_is_fetched_and_said_to_be_here() -> None:
    """Pinned under its identity."""
    async with scene() as at:
        wish = row()
        at.images.see_to([wish])
        found = at.images.find(wish)
        assert found is not None
        assert (found.image, found.failure, at.changes) == (None, None, 0)
        await asyncio.sleep(2)
        assert (found.image, at.changes) == (image_of(V2), 1)
        assert list(at.firmwares.pinned) == [wish.command.firmware.identity]


async def test_nobody_s_image_is_not_known() -> None:
    """It was not seen to yet."""
    async with scene() as at:
        assert at.images.find(row()) is None


async def test_a_thousand_who_want_the_same_cause_one_fetch() -> None:
    """However often they are seen to, and though each has a link of its own."""
    async with scene() as at:
        rows = [row(device=f"d{n}", url=f"http://cloud.test/image?q-sign-time={n}") for n in range(1000)]
        for _ in range(3):
            at.images.see_to(rows)
            await asyncio.sleep(2)
        assert (len(at.firmwares.fetches), at.changes) == (1, 1)


async def test_only_a_few_are_fetched_at_once() -> None:
    """The line of a site is thin."""
    async with scene() as at:
        at.images.see_to([row(Version(f"{n}.0")) for n in range(10)])
        await asyncio.sleep(60)
        assert (at.firmwares.most, len(at.firmwares.fetches)) == (AT_ONCE, 10)


async def test_one_that_waits_for_its_next_try_keeps_no_other_out() -> None:
    """A source that is away for hours delays only its own images."""
    async with scene(*[NotNowError(Trouble.SOURCE_UNAVAILABLE, "503", retry_after=1e5)] * AT_ONCE) as at:
        at.images.see_to([row(Version(f"{n}.0")) for n in range(AT_ONCE + 1)])
        await asyncio.sleep(10)
        assert at.changes == 1


@pytest.mark.parametrize(
    "trouble",
    [NOT_NOW, ImageGoneError(Trouble.GONE, "evicted"), NotNowError(Trouble.NO_ROOM, "full")],
    ids=lambda trouble: trouble.reason.value,
)
async def test_what_may_pass_is_tried_again(trouble: FirmwareError) -> None:
    """Each time a little later."""
    async with scene(*[trouble] * 6) as at:
        wish = row()
        at.images.see_to([wish])
        await asyncio.sleep(2000)
        found = at.images.find(wish)
        assert found is not None
        assert (found.image, found.trouble, at.changes) == (image_of(V2), None, 1)
        assert len(at.firmwares.fetches) == 7
        assert at.times == [2, 3, 5, 9, 17, 33]


async def test_the_source_s_own_wish_is_honoured() -> None:
    """Not sooner; and the next time without a wish as before."""
    async with scene(NotNowError(Trouble.SOURCE_UNAVAILABLE, "429", retry_after=900), NOT_NOW) as at:
        at.images.see_to([row()])
        await asyncio.sleep(2000)
        assert at.times[0] >= 900
        assert at.times[1] < 10


@pytest.mark.parametrize(
    ("trouble", "phase", "reason"),
    [
        (Trouble.WRONG_MD5, Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
        (Trouble.WRONG_SIZE, Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
        (Trouble.ENDLESS, Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
        (Trouble.TOO_LARGE, Phase.DOWNLOAD, Reason.INSUFFICIENT_STORAGE),
        (Trouble.NOT_FOUND, Phase.DOWNLOAD, Reason.PACKAGE_NOT_FOUND),
        (Trouble.URL_FORBIDDEN, Phase.DOWNLOAD, Reason.PACKAGE_NOT_FOUND),
        (Trouble.SOURCE_REFUSED, Phase.DOWNLOAD, Reason.PACKAGE_NOT_FOUND),
    ],
)
async def test_what_will_never_do_is_a_failure(trouble: Trouble, phase: Phase, reason: Reason) -> None:
    """With phase, reason and words for the clouds; it is not tried again."""
    async with scene(UnfitError(trouble, "in words")) as at:
        wish = row()
        at.images.see_to([wish])
        await asyncio.sleep(5000)
        found = at.images.find(wish)
        assert found is not None
        assert found.failure == (phase, reason, f"{trouble}: in words")
        assert (len(at.firmwares.fetches), at.changes) == (1, 1)


async def test_an_expired_link_is_asked_for_again_and_the_new_one_used() -> None:
    """The image is the same, its link is not."""
    async with scene(GONE_LINK) as at:
        old, new = row(url="http://cloud.test/i?sign=1"), row(url="http://cloud.test/i?sign=2")
        at.images.see_to([old])
        await asyncio.sleep(1.5)
        assert at.renewals == [old]
        at.images.see_to([new])
        await asyncio.sleep(60)
        assert [firmware.url[-1] for _, firmware, _ in at.firmwares.fetches] == ["1", "2"]
        found = at.images.find(new)
        assert found is not None
        assert found.image == image_of(V2)


async def test_a_link_that_is_expired_whenever_it_is_given_is_a_failure() -> None:
    """The cloud has no other."""
    async with scene(*[GONE_LINK] * 1000) as at:
        wish = row()
        at.images.see_to([wish])
        while len(at.renewals) < 100 and (found := at.images.find(wish)) and found.failure is None:
            await asyncio.sleep(1)
            if at.renewals and at.renewals[-1] is wish:
                # Polled anew: the cloud says the same again.
                wish = replace(wish, command=replace(wish.command))
                at.images.see_to([wish])
        found = at.images.find(wish)
        assert found is not None
        assert found.failure is not None
        assert found.failure[:2] == (Phase.DOWNLOAD, Reason.URL_EXPIRED)
        assert len(at.firmwares.fetches) >= MAX_EXPIRED


async def test_a_link_that_cannot_be_renewed_is_no_failure() -> None:
    """The cloud is out of reach for days: that is nobody's end. It is asked for each time, until it comes."""
    async with scene(*[GONE_LINK] * 50) as at:
        wish = row()
        at.images.see_to([wish])
        await asyncio.sleep(5 * 3600)
        found = at.images.find(wish)
        assert found is not None
        assert (found.failure, found.image) == (None, image_of(V2))
        assert len(at.renewals) == 50


async def test_of_several_links_one_is_used_that_is_not_expired() -> None:
    """One device is away, so that its link is never renewed; the other's is fresh."""
    async with scene(GONE_LINK) as at:
        away = row(device="away", url="http://cloud.test/i?sign=1")
        at.images.see_to([away])
        await asyncio.sleep(1.5)
        here = row(device="here", url="http://cloud.test/i?sign=2")
        at.images.see_to([here, away])
        await asyncio.sleep(60)
        assert [firmware.url[-1] for _, firmware, _ in at.firmwares.fetches] == ["1", "2"]


async def test_an_adapter_that_breaks_is_tried_again() -> None:
    """Its mistake may be about this moment; nothing dies of it, and nobody waits for ever."""
    async with scene(KeyError("data"), asyncio.CancelledError()) as at:
        wish = row()
        at.images.see_to([wish])
        await asyncio.sleep(60)
        found = at.images.find(wish)
        assert found is not None
        assert found.image == image_of(V2)


async def test_what_nobody_wants_is_let_go() -> None:
    """Unpinned, so that it may be evicted."""
    async with scene() as at:
        at.images.see_to([row(V2), row(V3)])
        await asyncio.sleep(2)
        at.images.see_to([row(V3)])
        assert list(at.firmwares.pinned) == [row(V3).command.firmware.identity]
        assert at.images.find(row(V2)) is None


async def test_a_fetch_that_nobody_wants_is_cut() -> None:
    """And says nothing more."""
    async with scene() as at:
        at.images.see_to([row()])
        await asyncio.sleep(0.5)
        at.images.see_to([])
        await asyncio.sleep(10)
        assert (at.firmwares.cut, at.firmwares.pinned, at.changes) == (1, {}, 0)


async def test_a_wait_that_nobody_waits_for_is_cut() -> None:
    """No further try."""
    async with scene(*[NOT_NOW] * 5) as at:
        at.images.see_to([row()])
        await asyncio.sleep(1.01)
        at.images.see_to([])
        await asyncio.sleep(1000)
        assert len(at.firmwares.fetches) == 1


async def test_what_is_wanted_again_is_fetched_again() -> None:
    """Also what would not do: the cloud may have mended it."""
    async with scene(UnfitError(Trouble.NOT_FOUND, "404")) as at:
        at.images.see_to([row()])
        await asyncio.sleep(2)
        at.images.see_to([])
        at.images.see_to([row()])
        await asyncio.sleep(2)
        found = at.images.find(row())
        assert found is not None
        assert (found.image, found.failure) == (image_of(V2), None)


async def test_what_was_damaged_on_the_disk_is_fetched_again() -> None:
    """A device would be refused it for ever."""
    async with scene() as at:
        at.images.see_to([row()])
        await asyncio.sleep(2)
        at.firmwares.gone.add(image_of(V2).sha256)
        at.images.see_to([row()])
        await asyncio.sleep(2)
        assert (len(at.firmwares.fetches), at.changes) == (2, 2)


async def test_the_same_content_is_one_image_whatever_its_name() -> None:
    """Known by its md5."""
    async with scene() as at:
        at.images.see_to([row(url="http://a.test/x", md5=True), row(url="http://b.test/y", md5=True)])
        await asyncio.sleep(2)
        assert len(at.firmwares.fetches) == 1


async def test_closing_stops_all_fetches() -> None:
    """Nothing goes on behind the gateway's back."""
    async with scene() as at:
        at.images.see_to([row(V2), row(V3)])
        await asyncio.sleep(0.5)
        await at.images.close()
        assert (at.firmwares.cut, at.firmwares.under_way) == (2, 0)
