"""Sees to it that the image of every order is in the cache: fetched once, tried again while that may help."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from random import random

import structlog

from gateway.core.calls import asked_of
from gateway.core.retry import Backoff
from gateway.errors import CloudError
from gateway.model.firmware import Image
from gateway.model.identity import Lane
from gateway.model.states import Phase, Reason
from gateway.ports.firmware import (
    FirmwareError,
    Firmwares,
    ImageSource,
    NotNowError,
    Trouble,
    UnfitError,
    UrlExpiredError,
)
from gateway.ports.store import Ordered

log = structlog.get_logger()

RETRY = Backoff(timedelta(seconds=2), timedelta(minutes=5))
#: A cloud that gives a link which is expired, again and again, has no other.
MAX_EXPIRED = 5
#: Images that are fetched at the same time.
AT_ONCE = 3

#: An image as one cloud has it: another may have the same where it can be had.
_Key = tuple[Lane, str]

#: What an image that will never do means for its updates.
_REASONS = {
    Trouble.WRONG_MD5: (Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
    Trouble.WRONG_SIZE: (Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
    Trouble.ENDLESS: (Phase.VERIFY, Reason.INTEGRITY_CHECK_FAILED),
    Trouble.TOO_LARGE: (Phase.DOWNLOAD, Reason.INSUFFICIENT_STORAGE),
    Trouble.URL_EXPIRED: (Phase.DOWNLOAD, Reason.URL_EXPIRED),
}


@dataclass(slots=True)
class Wanted:
    """An image that updates wait for, and how far it is."""

    row: Ordered
    image: Image | None = None
    #: Why it will never do.
    unfit: FirmwareError | None = None
    #: Why it could not be had the last time.
    trouble: FirmwareError | None = None
    #: How many links were expired, and the last of these orders.
    expired: int = 0
    stale: Ordered | None = None
    task: asyncio.Task[None] | None = None

    @property
    def failure(self) -> tuple[Phase, Reason, str] | None:
        """What to say of the updates that wait for it, once it will never do."""
        if self.unfit is None:
            return None
        phase, reason = _REASONS.get(self.unfit.reason, (Phase.DOWNLOAD, Reason.PACKAGE_NOT_FOUND))
        return phase, reason, str(self.unfit)


class Images:
    """One for the site. `on_change` is called whenever an image came or will never come."""

    def __init__(
        self,
        firmwares: Firmwares,
        sources: Mapping[Lane, ImageSource],
        *,
        on_change: Callable[[], None],
        on_expired: Callable[[Ordered], None],
        jitter: Callable[[], float] = random,
    ) -> None:
        self._firmwares = firmwares
        self._sources = sources
        self._on_change = on_change
        self._on_expired = on_expired
        self._jitter = jitter
        self._wanted: dict[_Key, Wanted] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    def see_to(self, rows: Iterable[Ordered], spare: Iterable[Ordered] = ()) -> None:
        """Fetch what these orders name, and let go of everything else.

        Of the spare ones, for which these stand in, what had trouble is remembered, and tried on while that may help.
        """
        named: dict[_Key, Ordered] = {}
        for row in chain(rows, (row for row in spare if self._has_trouble(row))):
            # Of several links one that is not known to be expired.
            if _key(row) not in named or not self._is_stale(row):
                named[_key(row)] = row
        for key in [key for key in self._wanted if key not in named]:
            self._let_go(key)
        for row in named.values():
            # Before anything is fetched: what is here must not have to make room for it.
            self._firmwares.keep(row.command.firmware, row.command.firmware.identity)
        for key, row in named.items():
            wanted = self._wanted.get(key)
            if wanted is not None and self._is_lost(wanted):
                self._let_go(key)
                wanted = None
            if wanted is None:
                wanted = self._wanted[key] = Wanted(row)
                wanted.task = asyncio.create_task(self._fetch(wanted), name="image")
            # Its link may have been signed anew.
            wanted.row = row

    def best(self, rows: Sequence[Ordered]) -> Ordered:
        """Return the order whose image to use, of several for the same update.

        That is the first whose image is here, so that nobody's changes under a device that fetches it; or the first
        that has had no trouble; or the first that may still come.
        """
        for is_good in (self.is_here, self._is_untroubled, self._may_come):
            for row in rows:
                if is_good(row):
                    return row
        return rows[0]

    def find(self, row: Ordered) -> Wanted | None:
        """Return how far the image of an order is; None before it was seen to."""
        return self._wanted.get(_key(row))

    def is_here(self, row: Ordered) -> bool:
        """Whether the image of an order is here."""
        wanted = self.find(row)
        return wanted is not None and wanted.image is not None

    @property
    def missing(self) -> list[Wanted]:
        """The images that updates wait for."""
        return [wanted for wanted in self._wanted.values() if wanted.image is None]

    async def close(self) -> None:
        """Stop fetching; what has come is kept."""
        tasks = [wanted.task for wanted in self._wanted.values() if wanted.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _has_trouble(self, row: Ordered) -> bool:
        wanted = self.find(row)
        return wanted is not None and wanted.trouble is not None

    def _is_untroubled(self, row: Ordered) -> bool:
        return not self._has_trouble(row)

    def _may_come(self, row: Ordered) -> bool:
        wanted = self.find(row)
        return wanted is None or wanted.unfit is None

    def _is_stale(self, row: Ordered) -> bool:
        wanted = self.find(row)
        return wanted is not None and wanted.stale is not None and _is_same_link(wanted.stale, row)

    def _is_lost(self, wanted: Wanted) -> bool:
        """Whether the image was here and is no longer: the disk had damaged it."""
        return wanted.image is not None and self._firmwares.find(wanted.image.sha256) is None

    async def _fetch(self, wanted: Wanted) -> None:
        attempts = 0
        while not await self._is_settled(wanted):
            attempts += 1
            wish = wanted.trouble.retry_after if isinstance(wanted.trouble, NotNowError) else None
            await asyncio.sleep(max(RETRY.delay(attempts, self._jitter), wish or 0.0))
        self._on_change()

    async def _is_settled(self, wanted: Wanted) -> bool:
        """Try once; True when the image is here, or will never be."""
        row, firmware = wanted.row, wanted.row.command.firmware
        source = self._sources.get(row.lane)
        if source is None:
            # Its cloud is configured no more: whoever wanted it soon lets go of it.
            return False
        try:
            async with self._slots:
                obtained = self._firmwares.obtain(firmware, source, key=firmware.identity)
                wanted.image = await asked_of(obtained, row.lane, limit=None)
        except FirmwareError as err:
            wanted.trouble = err
            self._judge(wanted, row, err)
            return wanted.unfit is not None
        except CloudError as err:
            # The adapter's own mistake; it may be gone the next time.
            wanted.trouble = NotNowError(Trouble.SOURCE_UNAVAILABLE, err.reason)
            return False
        else:
            wanted.trouble = None
            return True

    def _judge(self, wanted: Wanted, row: Ordered, err: FirmwareError) -> None:
        if isinstance(err, UrlExpiredError) and not self._is_stale(row):
            # The cloud is to blame only for a link that it gave since the last one: it may be out of reach.
            wanted.expired += 1
            wanted.stale = row
        if isinstance(err, UnfitError) or wanted.expired >= MAX_EXPIRED:
            wanted.unfit = err
        elif isinstance(err, UrlExpiredError):
            self._on_expired(row)
        log.warning(
            "image_not_fetched",
            lane=row.lane,
            version=row.command.version,
            reason=err.reason,
            detail=err.detail,
            final=wanted.unfit is not None,
        )

    def _let_go(self, key: _Key) -> None:
        wanted = self._wanted.pop(key)
        if wanted.task is not None:
            wanted.task.cancel()
        identity = key[1]
        if all(other != identity for _, other in self._wanted):
            self._firmwares.unpin(identity)


def _key(row: Ordered) -> _Key:
    return row.lane, row.command.firmware.identity


def _is_same_link(before: Ordered, now: Ordered) -> bool:
    """Whether the cloud has not been asked in between; that it said the same again makes another object of it."""
    return before.command is now.command
