"""The shapes of dead letters and of what is in quarantine, in the way of `shapes`."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from gateway.ops.api.shapes import Instant, documented

_KINDS = ("progress", "transition", "terminal")


@documented
class LetterView(TypedDict):
    """A message that a cloud refused for good."""

    id: int
    at: Instant
    lane: str
    device: str
    update: str
    kind: Annotated[str, Field(json_schema_extra={"enum": list(_KINDS)})]
    said: str
    """What it told, in words."""
    code: str
    """The cloud's own code."""
    reason: str


class LetterShown(LetterView):
    """A dead letter with what it told, as the gateway wrote it."""

    body: str


@documented
class LetterPage(TypedDict):
    """Dead letters, the newest first."""

    dead_letters: list[LetterView]
    next: str | None
    """The cursor of the next page; null at the end."""


@documented
class AsideView(TypedDict):
    """Device input that could not be understood, or not be acted upon."""

    id: int
    at: Instant
    device: str
    topic: str
    reason: str
    detail: str
    bytes: int
    """How much of it was kept."""


class Payload(TypedDict):
    """What a device sent, perhaps only its beginning, with the site's secrets replaced by ***."""

    text: str
    base64: str


class AsideShown(AsideView):
    """One entry of the quarantine with its input."""

    payload: Payload


@documented
class AsidePage(TypedDict):
    """The quarantine, the newest first."""

    quarantine: list[AsideView]
    next: str | None
    """The cursor of the next page; null at the end."""
