"""What both ways to an image have in common."""

from collections.abc import Awaitable, Callable

from tests.simulators.fleet.saying import Failure

#: Called after each part and before each further try; may raise to end the download.
Progress = Callable[[], Awaitable[None]]


class FetchError(Exception):
    """The image cannot be had; says what to report."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class OrderGoneError(Exception):
    """The order is no longer good: wait for a new one, and report nothing."""


TIMEOUT = Failure(phase="download", reason="DOWNLOAD_TIMEOUT", tencent=-1, onenet=104, text="time_out")
NOT_FOUND = Failure(phase="download", reason="PACKAGE_NOT_FOUND", tencent=-2, onenet=107)
EXPIRED = Failure(phase="download", reason="URL_EXPIRED", tencent=-3, onenet=107)
WRONG = Failure(phase="verify", reason="INTEGRITY_CHECK_FAILED", tencent=-4, onenet=205)
