"""The promise of the firmware room: each image is fetched once for the site, proven, kept, and served.

Trouble leaves it as one of four errors, named for what the asker does next; `reason` is a word of a small fixed set.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from gateway.errors import GatewayError
from gateway.model.firmware import Firmware, Image, Sha256


class Trouble(StrEnum):
    """Why an image is not to be had."""

    WRONG_MD5 = "wrong_md5"
    WRONG_SIZE = "wrong_size"
    #: More bytes came than the cloud had said.
    ENDLESS = "endless"
    #: The image alone exceeds the quota.
    TOO_LARGE = "too_large"
    NOT_FOUND = "not_found"
    #: The URL names a place that images may not come from.
    URL_FORBIDDEN = "url_forbidden"
    SOURCE_REFUSED = "source_refused"
    URL_EXPIRED = "url_expired"
    #: The quota is full of images in use, or the disk is full.
    NO_ROOM = "no_room"
    SOURCE_UNAVAILABLE = "source_unavailable"
    SOURCE_DENIED = "source_denied"
    DISK_FAILED = "disk_failed"
    #: The image was here and is no longer: evicted, or never fetched.
    GONE = "gone"
    #: What lay on the disk was no longer what had been proven; it was removed.
    DAMAGED = "damaged"


class FirmwareError(GatewayError):
    """An image is not to be had; `reason` says why, `detail` is for people and holds no secret."""

    def __init__(self, reason: Trouble, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class UnfitError(FirmwareError):
    """The image will never be what was ordered: end the update with the reason."""


class UrlExpiredError(FirmwareError):
    """The cloud's link is no longer good: ask the cloud for its task again, then obtain anew."""


class NotNowError(FirmwareError):
    """The image cannot be had now: obtain it again later, what has come is kept where it can be.

    `retry_after` is the source's own wish in seconds, when it gave one.
    """

    def __init__(self, reason: Trouble, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after


class ImageGoneError(FirmwareError):
    """The cache does not hold the image, or no longer: obtain it again."""


class ImageSource(Protocol):
    """Where images come from; a cloud's adapter is one."""

    def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
        """Yield the image from byte `start` to its end; nothing but bytes of the image, never a vendor's error body.

        Raises Unavailable, Rejected or Denied, also midway. Rejected has the code `range_refused` when the source
        cannot or will not go on at `start`, `url_expired`, `not_found`, `url_forbidden` or `wrong_size` where these
        are meant, any other word otherwise. Ending early without an error means: ask again from there.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """How an HTTP server answered, as a judge sees it before any byte of the body is used."""

    status: int
    #: Names in any case.
    headers: Mapping[str, str]
    #: The whole body where it has no length and is at most 64 bytes: OneNET reports errors so.
    short_body: bytes = b""


#: Raises a CloudError when the answer is a vendor's way to say no.
Judge = Callable[[Answer], None]


class Downloads(Protocol):
    """The guarded HTTP fetcher that the gateway lends to adapters."""

    def download(
        self,
        url: str,
        start: int,
        *,
        size: int | None = None,
        headers: Mapping[str, str] | None = None,
        judge: Judge | None = None,
    ) -> AsyncIterator[bytes]:
        """Yield what lies at the URL, as an ImageSource must: resuming, bounded, from allowed places only."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is."""

    received: int
    #: None where the cloud did not say.
    size: int | None

    @property
    def percent(self) -> int | None:
        """0 to 100, None where the size is unknown."""
        return None if self.size is None else min(self.received * 100 // self.size, 100)


class OpenImage(Protocol):
    """An image in use: proven when it was opened, and not evicted before it is closed. Use it in a `with`."""

    @property
    def image(self) -> Image:
        """What it is."""
        ...

    def fileno(self) -> int:
        """Return a descriptor to read from at offsets; its own position means nothing."""
        ...

    async def read(self, offset: int, length: int) -> bytes:
        """Read up to the end of the image, without blocking the event loop."""
        ...

    def close(self) -> None:
        """Let go of it; closing twice is harmless."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Firmwares(Protocol):
    """The images of the site. A key names who wants one: an update, say."""

    async def obtain(self, firmware: Firmware, source: ImageSource, *, key: str) -> Image:
        """Return the image, proven and pinned under the key; fetch it if it is not here.

        However many ask, one fetch runs; it resumes what an earlier one left, and goes on while anyone waits.
        Raises UnfitError, UrlExpiredError or NotNowError.
        """
        ...

    async def open(self, sha256: Sha256) -> OpenImage:
        """Open an image to serve it; raises ImageGoneError."""
        ...

    def find(self, sha256: Sha256) -> Image | None:
        """Return what is known of the image, if it is here."""
        ...

    def pin(self, sha256: Sha256, key: str) -> bool:
        """Keep the image while the key wants it; False when it is not here. Pins do not outlive the process."""
        ...

    def keep(self, firmware: Firmware, key: str) -> bool:
        """Keep the image that a cloud means while the key wants it, as `pin`; False when it is not here."""
        ...

    def unpin(self, key: str) -> None:
        """Let go of all that the key wants."""
        ...

    def progress(self, key: str) -> Progress | None:
        """Tell how far the fetch is that the key waits for; None when it waits for none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How much of an image one transfer has brought to a device."""

    #: Whom the link was made for, or the device that asked over MQTT.
    subject: str
    sha256: Sha256
    #: The first byte of this transfer.
    start: int
    sent: int
    #: Of the whole image.
    size: int

    @property
    def percent(self) -> int:
        """How far into the image the device is, if it reads from the front."""
        return min((self.start + self.sent) * 100 // self.size, 100)


#: Called while a transfer runs and once at its end; never raises.
Report = Callable[[Served], None]
