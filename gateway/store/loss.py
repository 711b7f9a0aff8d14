"""What a damaged write-ahead log took with it: SQLite ends the log at its first bad page, and says nothing.

The index of the log (`-shm`) still says how long it was. It outlives a kill; it is never synced, so that after a power
cut it may be older than the log, and less is known. Its law: they are read before SQLite opens them, for whoever
closes a file gives up all locks that his process has on it.
"""

import struct
import sys
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import structlog

from gateway.store.damage import DamagedError

log = structlog.get_logger()

#: https://www.sqlite.org/walformat.html: the index has a header, written twice, and what checkpoints did.
_COPY, _END = 48, 132
_PAGES_AT, _SALTS_AT, _MOVED_AT, _BEGUN_AT = 16, 32, 96, 128
_NUMBER = struct.Struct("=I")
#: What it begins with: the version of its form, in the order of bytes of the machine that wrote it.
_INDEX = _NUMBER.pack(3007000)
#: https://www.sqlite.org/fileformat2.html#walformat: magic, version, page size, checkpoints, salts, checksum.
_LOG = struct.Struct(">4I8s2I")
#: Page number, pages of the database if this ends a commit, salts, checksum.
_PAGE = struct.Struct(">2I8s2I")
_SUMMED, _LITTLE_ENDIAN, _BIG_ENDIAN = 8, 0x377F0682, 0x377F0683


@dataclass(frozen=True, slots=True)
class _Index:
    """How long the log is, in pages, and how many of them were moved into the file."""

    pages: int
    moved: int
    #: Also counts what a checkpoint that was cut off may have moved.
    begun: int
    #: Names the log.
    salts: bytes

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what it says; None where there is none that makes sense."""
        raw = b""
        with suppress(FileNotFoundError), path.open("rb") as file:
            raw = file.read(_END)
        if len(raw) < _END or not raw.startswith(_INDEX) or raw[:_COPY] != raw[_COPY : 2 * _COPY]:
            return None
        [pages], [moved], [begun] = (_NUMBER.unpack_from(raw, at) for at in (_PAGES_AT, _MOVED_AT, _BEGUN_AT))
        return cls(pages, moved, begun, raw[_SALTS_AT : _SALTS_AT + 8])


def look(store: Path) -> bool:
    """Tell, and log, whether commits are gone from the log of a store that nobody has open.

    A log that would put older pages over newer ones in the file is put aside, in the place of the last such one, where
    all of it had been moved, for the file is whole without it. Raises DamagedError where it is not.
    """
    path = store.with_name(f"{store.name}-wal")
    index = _Index.read(store.with_name(f"{store.name}-shm"))
    if index is None or index.pages == 0 or not store.exists():
        return False
    found: int | None = 0
    with suppress(FileNotFoundError), path.open("rb") as file:
        found = _good_pages(file, index)
    if found is None or found >= index.pages:
        return False
    if found >= index.begun:
        log.error("store_log_damaged", pages_lost=index.pages - found, pages=index.pages)
        return True
    # Beside a reader, what was written again since is left out, however early it was written.
    if index.moved < index.pages:
        raise DamagedError(f"its log is damaged, and {index.begun} of {index.pages} pages may be in it")
    with suppress(FileNotFoundError):
        path.replace(path.with_name(f"{path.name}.damaged"))
    return False


def _good_pages(file: BinaryIO, index: _Index) -> int | None:
    """Count the pages up to the last commit before the first bad one; None where it is another log."""
    head = file.read(_LOG.size)
    if len(head) < _LOG.size:
        return 0
    magic, _, size, _, salts, *wanted = _LOG.unpack(head)
    is_big = magic == _BIG_ENDIAN
    total = _sum(head[:-_SUMMED], (0, 0), is_big=is_big)
    # Of nothing but zeros the sum is right.
    if magic not in (_LITTLE_ENDIAN, _BIG_ENDIAN) or total != tuple(wanted):
        return 0
    if salts != index.salts:
        return None
    committed = 0
    for number, page in enumerate(_pages(file, size), start=1):
        _, ends, found, *wanted = _PAGE.unpack_from(page)
        total = _sum(page[:_SUMMED], total, is_big=is_big)
        total = _sum(page[_PAGE.size :], total, is_big=is_big)
        if found != salts or total != tuple(wanted):
            break
        committed = number if ends else committed
        if committed >= index.pages:
            break
    return committed


def _pages(file: BinaryIO, size: int) -> Iterator[bytes]:
    # One by one: beside a long backup the log may have grown beyond what a small box has of memory.
    while len(page := file.read(_PAGE.size + size)) == _PAGE.size + size:
        yield page


def _sum(raw: bytes, total: tuple[int, int], *, is_big: bool) -> tuple[int, int]:
    words = array("I", raw)
    if is_big != (sys.byteorder == "big"):
        words.byteswap()
    first, second = total
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
