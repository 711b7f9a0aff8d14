"""What a person may do with what a cloud refused for good: send it again, or forget it."""

import asyncio
from collections.abc import Collection

import structlog

from gateway.core.desk import OPERATOR, NotPossibleError, UnknownError, written
from gateway.core.ledger import Ledger
from gateway.core.record import Record
from gateway.model import codec
from gateway.model.identity import Lane
from gateway.ports.history import DeadLetter, History
from gateway.ports.store import Entry, Kind, Message

log = structlog.get_logger()


class DeadLetters:
    """One for the site."""

    def __init__(self, history: History, *, lanes: Collection[Lane], ledger: Ledger, record: Record) -> None:
        self._history = history
        self._lanes = lanes
        self._ledger = ledger
        self._record = record
        # Read, decided and committed one after the other: two people must not send the same one twice.
        self._turn = asyncio.Lock()

    async def replay(self, number: int) -> DeadLetter:
        """Put a dead letter back into its queue; the cloud hears it unless it has heard of something later."""
        async with self._turn:
            letter = await self._find(number)
            message = self._message(letter)
            self._ledger.changes.messages.append(message)
            self._forget(letter, "sent again")
            await written(self._ledger)
        return letter

    async def drop(self, number: int) -> DeadLetter:
        """Forget a dead letter."""
        async with self._turn:
            letter = await self._find(number)
            self._forget(letter, "dropped")
            await written(self._ledger)
        return letter

    async def _find(self, number: int) -> DeadLetter:
        letter = await self._history.dead_letter(number)
        if letter is None:
            raise UnknownError(
                f"there is no dead letter {number}; list them with: ota-gateway dead-letters list"
            )
        return letter

    def _message(self, letter: DeadLetter) -> Message:
        if letter.lane not in self._lanes or self._record.rules(letter.device) is None:
            raise NotPossibleError(
                f"dead letter {letter.id} is of {letter.lane} and {letter.device}, "
                "and one of them is no longer in the configuration; drop it"
            )
        if letter.kind is Kind.PROGRESS:
            raise NotPossibleError(f"dead letter {letter.id} is progress, which is out of date; drop it")
        try:
            event = codec.decode(letter.body)
        except (ValueError, KeyError):
            raise NotPossibleError(f"dead letter {letter.id} cannot be read; drop it") from None
        return Message(lane=letter.lane, update=letter.update, kind=letter.kind, event=event)

    def _forget(self, letter: DeadLetter, did: str) -> None:
        self._ledger.changes.dropped.append(letter.id)
        text = f"{did}: what {letter.lane} had refused with {letter.code}"
        self._ledger.changes.journal.append(
            Entry(device=letter.device, update=letter.update, source=OPERATOR, text=text)
        )
        log.info("dead_letter_moved", number=letter.id, lane=letter.lane, update=letter.update, did=did)
