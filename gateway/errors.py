"""Every error that crosses a room. Leaves are named for what the catcher does; the docstring is the message."""

from enum import StrEnum


class GatewayError(Exception):
    """The gateway could not do what it was asked."""


class ConfigError(GatewayError):
    """The configuration has mistakes; each problem names key, value, rule and way out."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotUnderstoodError(GatewayError):
    """A device said something that its dialect cannot read; it goes to quarantine, never back to the device.

    `reason` is a word of a small fixed set (a metric label); `detail` is for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class StoreError(GatewayError):
    """A transaction was not committed; nothing of it may be acknowledged."""


class StoreFullError(StoreError):
    """A lane is at its hard limit; the publish is refused by closing the connection, not acknowledged and lost."""


class CloudError(GatewayError):
    """A cloud did not take a report.

    `reached` is the last state that the cloud did acknowledge before the trouble, when the call got that far.
    """

    reached: str | None = None


class Unavailable(CloudError):  # noqa: N818 - the word of the adapter contract
    """The cloud cannot be reached or cannot answer now: retry with backoff, count for the breaker.

    `retry_after` is the cloud's own wish in seconds, when it gave one.
    """

    def __init__(self, reason: str, *, code: str = "unavailable", retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.retry_after = retry_after


class Rejected(CloudError):  # noqa: N818 - the word of the adapter contract
    """The cloud will never take this message: put it aside as a dead letter and go on."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class Scope(StrEnum):
    """How far a refusal reaches."""

    DEVICE = "device"
    LANE = "lane"


class Denied(CloudError):  # noqa: N818 - the word of the adapter contract
    """The cloud does not trust us: park that device or that lane without burning retries, raise the alert."""

    def __init__(self, scope: Scope, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.scope = scope
        self.code = code
        self.reason = reason
