"""An image on its way to the disk, and a note beside it of how much of it is proven to be there.

Law: only bytes that were fsynced before the note said so are believed after a restart; the rest is cut off. All of it
blocks: call it in a thread, one call at a time.
"""

import contextlib
import json
import os
from pathlib import Path

from gateway.firmware.digests import Digests, take
from gateway.firmware.disk import read_object, sync_directory, write_whole
from gateway.model.firmware import Image


class Partial:
    """One file; closed after its making, until `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = note_of(path)
        self._descriptor = -1
        self._digests = Digests()
        self._proven = 0
        #: True once the file is in its place.
        self.is_moved = False

    @property
    def received(self) -> int:
        """Bytes that are in the file."""
        return self._digests.size

    @property
    def unproven(self) -> int:
        """Bytes that a power cut could take."""
        return self.received - self._proven

    def open(self) -> None:
        """Take up what an earlier run has proven: cut the file there and read it once, for the digests."""
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        proven = min(_proven(self._note), os.fstat(self._descriptor).st_size)
        os.ftruncate(self._descriptor, proven)
        take(self._descriptor, self._digests, proven)
        self._proven = proven

    def append(self, block: bytes | bytearray) -> None:
        """Write and hash the next bytes."""
        view = memoryview(block)
        while view:
            count = os.write(self._descriptor, view)
            self._digests.update(view[:count])
            view = view[count:]

    def checkpoint(self) -> None:
        """Prove what is there."""
        if self.unproven:
            os.fdatasync(self._descriptor)
            write_whole(self._note, json.dumps({"proven": self.received}).encode())
            self._proven = self.received

    def restart(self) -> None:
        """Begin again from nothing."""
        self._note.unlink(missing_ok=True)
        sync_directory(self.path.parent)  # before other bytes come, which the note would prove
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._digests = Digests()
        self._proven = 0

    def finish(self) -> Image:
        """Make the whole file last and say what it is; it stays where it is, and the note with it."""
        self.checkpoint()
        os.fsync(self._descriptor)
        return self._digests.image()

    def move(self, to: Path) -> None:
        """Put the finished file in its place, over what may be there."""
        self.path.replace(to)
        self.is_moved = True
        sync_directory(to.parent)
        self._note.unlink(missing_ok=True)
        self.close()

    def keep(self) -> int:
        """Prove what is there and let go of it; return how many bytes are kept."""
        if self._descriptor >= 0:
            self.checkpoint()
            self.close()
            if not self.received:
                remove(self.path)
        return self.path.stat().st_size if self.path.exists() else 0

    def discard(self) -> None:
        """Leave nothing of it."""
        self.close()
        remove(self.path)

    def close(self) -> None:
        """Let go of the file; closing twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def note_of(path: Path) -> Path:
    """Return where the note of a partial image lies."""
    return path.with_suffix(".json")


def remove(path: Path) -> None:
    """Remove a partial image and its note; the note first, for it must never prove another file."""
    note_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _proven(note: Path) -> int:
    with contextlib.suppress(ValueError):
        proven = read_object(note).get("proven")
        if isinstance(proven, int) and proven > 0:
            return proven
    return 0
