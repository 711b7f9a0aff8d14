"""Every error that crosses a room. Leaves are named for what the catcher does; the docstring is the message."""

from enum import StrEnum

from gateway.hidden import hidden

#: Of what a cloud says, before secrets are taken out and it is cut for good.
_LONGEST = 4096


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


def _sayable(text: str) -> str:
    """Hide secrets, and replace NUL and half surrogate pairs, which JSON can smuggle in and no database can take."""
    return hidden(text.encode("utf-8", "replace").decode().replace("\0", "\ufffd"))


class StoreError(GatewayError):
    """A transaction was not committed; nothing of it may be acknowledged."""


class StoreDamagedError(StoreError):
    """The database's file is damaged: end, so that the next start sets it aside and goes on with a fresh one."""


class CloudError(GatewayError):
    """A cloud did not take a report.

    `reached` is the last state that the cloud did acknowledge before the trouble, when the call got that far.
    """

    reached: str | None = None

    def __init__(self, code: str, reason: str) -> None:
        #: The cloud's own code, or a word of ours where it gave none; cut, for a cloud may say anything.
        self.code = _sayable(code[:_LONGEST])[:128]
        self.reason = _sayable(reason[:_LONGEST])[:1024]
        super().__init__(f"{self.code}: {self.reason}")


class Scope(StrEnum):
    """How far a refusal reaches."""

    DEVICE = "device"
    LANE = "lane"


class Unavailable(CloudError):  # noqa: N818 - the word of the adapter contract
    """The cloud cannot be reached or cannot take this now: retry with backoff.

    `retry_after` is the cloud's own wish in seconds, when it gave one. Of scope LANE it counts for the breaker; of
    scope DEVICE the cloud is well and only this device must wait (its task is paused, say).
    """

    def __init__(
        self,
        reason: str,
        *,
        code: str = "unavailable",
        retry_after: float | None = None,
        scope: Scope = Scope.LANE,
    ) -> None:
        super().__init__(code, reason)
        self.retry_after = retry_after
        self.scope = scope


class Rejected(CloudError):  # noqa: N818 - the word of the adapter contract
    """The cloud will never take this message: put it aside as a dead letter and go on."""


class Denied(CloudError):  # noqa: N818 - the word of the adapter contract
    """The cloud does not trust us: park that device or that lane without burning retries, raise the alert."""

    def __init__(self, scope: Scope, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.scope = scope
