"""What stands in the way of an image, in the words of the port."""

import errno

from gateway.errors import CloudError, Denied, Unavailable
from gateway.ports.firmware import FirmwareError, NotNowError, Trouble, UnfitError, UrlExpiredError

#: The code of a Rejected that asks for the image from its first byte.
RANGE_REFUSED = "range_refused"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNFIT = {
    trouble.value: trouble
    for trouble in (
        Trouble.NOT_FOUND,
        Trouble.URL_FORBIDDEN,
        Trouble.WRONG_SIZE,
        Trouble.WRONG_MD5,
        Trouble.ENDLESS,
        Trouble.TOO_LARGE,
    )
}


class DiskFullError(NotNowError):
    """The disk is full before the quota is; what came of the image was removed."""


def trouble_with_source(error: CloudError) -> FirmwareError:
    """Translate what a source raised."""
    match error:
        case Unavailable():
            return NotNowError(Trouble.SOURCE_UNAVAILABLE, str(error), retry_after=error.retry_after)
        case Denied():
            return NotNowError(Trouble.SOURCE_DENIED, str(error))
        case _ if error.code == Trouble.URL_EXPIRED:
            return UrlExpiredError(Trouble.URL_EXPIRED, error.reason)
        case _:
            known = _UNFIT.get(error.code)
            return UnfitError(known or Trouble.SOURCE_REFUSED, error.reason if known else str(error))


def trouble_with_disk(error: OSError) -> NotNowError:
    """Translate what the disk raised."""
    why = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return DiskFullError(Trouble.NO_ROOM, f"{why}; free some space or set firmware.quota lower")
    return NotNowError(Trouble.DISK_FAILED, why)
