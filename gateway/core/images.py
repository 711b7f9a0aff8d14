"""Sees to it that the image of every order is in the cache: fetched once, tried again while that may help."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import random

import structlog

from gateway.core.retry import Backoff
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
    expired: int = 0
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
    ) -> None:
        self._firmwares = firmwares
        self._sources = sources
        self._on_change = on_change
        self._on_expired = on_expired
        self._wanted: dict[str, Wanted] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    def see_to(self, rows: Iterable[Ordered]) -> None:
        """Fetch what these orders name, and let go of everything else."""
        named = {row.command.firmware.identity: row for row in rows}
        for identity in [identity for identity in self._wanted if identity not in named]:
            self._let_go(identity)
        for identity, row in named.items():
            wanted = self._wanted.get(identity)
            if wanted is None:
                wanted = self._wanted[identity] = Wanted(row)
                wanted.task = asyncio.create_task(self._fetch(identity, wanted), name="image")
            # Its link may have been signed anew.
            wanted.row = row

    def find(self, row: Ordered) -> Wanted | None:
        """Return how far the image of an order is; None before it was seen to."""
        return self._wanted.get(row.command.firmware.identity)

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

    async def _fetch(self, identity: str, wanted: Wanted) -> None:
        attempts = 0
        while not await self._is_settled(identity, wanted):
            attempts += 1
            wish = wanted.trouble.retry_after if isinstance(wanted.trouble, NotNowError) else None
            await asyncio.sleep(max(RETRY.delay(attempts, random), wish or 0.0))
        self._on_change()

    async def _is_settled(self, identity: str, wanted: Wanted) -> bool:
        """Try once; True when the image is here, or will never be."""
        row = wanted.row
        try:
            async with self._slots:
                wanted.image = await self._firmwares.obtain(
                    row.command.firmware, self._sources[row.lane], key=identity
                )
        except FirmwareError as err:
            wanted.trouble = err
            self._judge(wanted, row, err)
            return wanted.unfit is not None
        else:
            wanted.trouble = None
            return True

    def _judge(self, wanted: Wanted, row: Ordered, err: FirmwareError) -> None:
        if isinstance(err, UrlExpiredError):
            wanted.expired += 1
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

    def _let_go(self, identity: str) -> None:
        wanted = self._wanted.pop(identity)
        if wanted.task is not None:
            wanted.task.cancel()
        self._firmwares.unpin(identity)
