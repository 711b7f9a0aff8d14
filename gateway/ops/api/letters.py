"""The API's dead letters and quarantine: what a cloud refused for good, and what a device said in vain."""

from base64 import b64encode
from typing import Annotated, TypeVar

from pydantic import Field

from gateway.core.desk import UnknownError
from gateway.hidden import hidden
from gateway.model.identity import Lane
from gateway.ops.api.answering import number_before
from gateway.ops.api.letter_shapes import (
    AsidePage,
    AsideShown,
    AsideView,
    LetterPage,
    LetterShown,
    LetterView,
)
from gateway.ops.api.operation import acts, looks_up
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.parameters import Name, Numbered, Paged, Since
from gateway.ops.api.views import in_words, instant
from gateway.ports.history import AsideQuery, DeadLetter, LetterQuery, SetAside

_LETTERS, _ASIDE = "/api/v1/dead-letters", "/api/v1/quarantine"

T = TypeVar("T", DeadLetter, SetAside)


class KeptAsked(Paged):
    """Which of what is kept is wanted."""

    product: Annotated[Name, Field(description="Only those of this product.")] | None = None
    device: Annotated[Name, Field(description="Only those of devices of this name.")] | None = None
    since: Annotated[Since, Field(description="Only those of then or later.")] | None = None

    @property
    def before(self) -> int | None:
        """The number at which the page before ended."""
        return None if self.cursor is None else number_before(self.cursor)


class LettersAsked(KeptAsked):
    """Which dead letters are wanted."""

    lane: Annotated[Name, Field(description="Only those that this cloud refused.")] | None = None


class AsideAsked(KeptAsked):
    """What of the quarantine is wanted."""

    reason: Annotated[Name, Field(description="Only what was set aside for this reason.")] | None = None


@looks_up(_LETTERS)
async def list_dead_letters(outlook: Outlook, asked: LettersAsked) -> LetterPage:
    """List what clouds refused for good, the newest first."""
    query = LetterQuery(
        lane=None if asked.lane is None else Lane(asked.lane),
        product=asked.product,
        device=asked.device,
        since=asked.since,
        before=asked.before,
        limit=asked.limit + 1,
    )
    page, following = _page(list(await outlook.history.dead_letters(query)), asked.limit)
    return {"dead_letters": [_letter(letter) for letter in page], "next": following}


@looks_up(f"{_LETTERS}/{{number}}")
async def show_dead_letter(outlook: Outlook, asked: Numbered) -> LetterShown:
    """Show a dead letter with what it told."""
    letter = await outlook.history.dead_letter(asked.number)
    if letter is None:
        raise UnknownError(f"there is no dead letter {asked.number}")
    return {**_letter(letter), "body": hidden(letter.body)}


@acts(f"{_LETTERS}/{{number}}/replay")
async def replay_dead_letter(outlook: Outlook, asked: Numbered) -> LetterView:
    """Put a dead letter back into its queue; its cloud hears it unless it has heard of something later."""
    return _letter(await outlook.letters.replay(asked.number))


@acts(f"{_LETTERS}/{{number}}/drop")
async def drop_dead_letter(outlook: Outlook, asked: Numbered) -> LetterView:
    """Forget a dead letter."""
    return _letter(await outlook.letters.drop(asked.number))


@looks_up(_ASIDE)
async def list_quarantine(outlook: Outlook, asked: AsideAsked) -> AsidePage:
    """List what devices said that could not be understood, or not be acted upon, the newest first."""
    query = AsideQuery(
        product=asked.product,
        device=asked.device,
        reason=asked.reason,
        since=asked.since,
        before=asked.before,
        limit=asked.limit + 1,
    )
    page, following = _page(list(await outlook.history.quarantine(query)), asked.limit)
    return {"quarantine": [_aside(item) for item in page], "next": following}


@looks_up(f"{_ASIDE}/{{number}}")
async def show_quarantined(outlook: Outlook, asked: Numbered) -> AsideShown:
    """Show one entry of the quarantine with what the device sent."""
    item = await outlook.history.set_aside(asked.number)
    if item is None:
        raise UnknownError(f"nothing with the number {asked.number} is in quarantine")
    # Byte for byte as it came, but for the site's secrets, its own password for example.
    payload = hidden(item.payload.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    return {
        **_aside(item),
        "payload": {"text": payload.decode(errors="replace"), "base64": b64encode(payload).decode()},
    }


def _page(found: list[T], limit: int) -> tuple[list[T], str | None]:
    page = found[:limit]
    return page, str(page[-1].id) if len(found) > limit else None


def _letter(letter: DeadLetter) -> LetterView:
    return {
        "id": letter.id,
        "at": instant(letter.wall),
        "lane": letter.lane,
        "device": str(letter.device),
        "update": letter.update,
        "kind": letter.kind.name.lower(),
        "said": in_words(hidden(letter.body)),
        "code": letter.code,
        "reason": letter.reason,
    }


def _aside(item: SetAside) -> AsideView:
    return {
        "id": item.id,
        "at": instant(item.wall),
        "device": str(item.device),
        "topic": item.topic,
        "reason": item.reason,
        "detail": hidden(item.detail),
        "bytes": len(item.payload),
    }


OPERATIONS = (
    list_dead_letters,
    show_dead_letter,
    replay_dead_letter,
    drop_dead_letter,
    list_quarantine,
    show_quarantined,
)
