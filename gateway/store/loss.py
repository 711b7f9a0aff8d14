"""What a damaged write-ahead log took with it: SQLite ends the log at its first bad page, and says nothing.

The log's index (`-shm`) still says how long it was. It outlives a kill; it is never synced, so that after a power cut it
may be older than the log, and less is known.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog
from sqlalchemy import Engine

from gateway.store.damage import DamagedError

log = structlog.get_logger()

#: https://www.sqlite.org/walformat.html#the_wal_index_file_format: a header, written twice, and what checkpoints did.
_HEADER, _END = 48, 132
_PAGES_AT, _SALTS_AT, _MOVED_AT, _BEGUN_AT = 16, 32, 96, 128
_NUMBER = struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class Index:
    """How long the log is, in pages, and how many of them were moved into the file."""

    pages: int
    moved: int
    #: Also counts what a checkpoint that was cut off may have moved.
    begun: int
    #: Names the log; zeros where there is none.
    salts: bytes

    @classmethod
    def of(cls, engine: Engine) -> Self | None:
        """Read it as it lies there; None where there is none that makes sense."""
        try:
            with Path(f"{engine.url.database}-shm").open("rb") as file:
                raw = file.read(_END)
        except FileNotFoundError:
            return None
        if len(raw) < _END or raw[:_HEADER] != raw[_HEADER : 2 * _HEADER]:
            return None
        [pages], [moved], [begun] = (_NUMBER.unpack_from(raw, at) for at in (_PAGES_AT, _MOVED_AT, _BEGUN_AT))
        return cls(pages, moved, begun, raw[_SALTS_AT : _SALTS_AT + 8])


def look(before: Index | None, after: Index | None) -> bool:
    """Tell, and log, whether commits are gone from the log since `before`, which was read before it was opened.

    Raises DamagedError where what is left of it would put old pages over newer ones in the file.
    """
    if before is None or after is None or after.salts not in (before.salts, bytes(8)):
        return False
    # Without any log the file is as its last whole checkpoint left it.
    is_whole = after.pages >= before.begun or (after.pages == 0 and before.moved == before.begun)
    if not is_whole:
        raise DamagedError(
            f"its log ends at page {after.pages} of {before.pages}; {before.begun} had been moved into it"
        )
    lost = before.pages - max(after.pages, before.moved)
    if lost > 0:
        log.error("store_log_damaged", pages_lost=lost, pages=before.pages)
    return lost > 0
