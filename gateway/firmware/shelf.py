"""The images on the disk: each a file named by its sha256, beside it a note of what else is known.

Notes can be lost: `scan` measures an image anew that has none, and removes what is not what its name says. All of it
blocks: call it in a thread.
"""

import contextlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from gateway.firmware.digests import measure
from gateway.firmware.disk import read_object, sync_directory, write_whole
from gateway.firmware.partial import Partial, note_of
from gateway.firmware.partial import remove as remove_partial
from gateway.model.firmware import Image, read_md5, read_sha256

MAX_NAMES = 64

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An image that is on the disk."""

    image: Image
    #: Identities under which clouds have named it without an md5; the newest last.
    names: tuple[str, ...] = ()
    #: For people.
    version: str = ""
    module: str = ""
    #: Unix seconds.
    used_at: float = 0.0

    def named(self, identity: str) -> "Held":
        """Return it with one more name; the oldest is forgotten where there are too many."""
        others = tuple(name for name in self.names if name != identity)
        return replace(self, names=(*others, identity)[-MAX_NAMES:])


class Shelf:
    """The directory `objects` and the directory `partial` beside it."""

    def __init__(self, directory: Path) -> None:
        self.objects = directory / "objects"
        self.partials = directory / "partial"

    def path(self, image: Image) -> Path:
        """Return where an image lies."""
        return self.objects / image.sha256

    def partial(self, identity: str) -> Path:
        """Return where an image lies while it comes."""
        return self.partials / f"{identity}.part"

    def free(self) -> int:
        """Return how many bytes the disk has left."""
        disk = os.statvfs(self.objects)
        return disk.f_bavail * disk.f_frsize

    def prepare(self) -> None:
        """Make the directories, readable to none but us."""
        for path in (self.objects, self.partials):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def scan(self) -> list[Held]:
        """Return the images, and sweep out what a crash left."""
        for path in list(self.objects.iterdir()):
            if path.suffix == ".new" or (path.suffix == ".json" and not path.with_suffix("").exists()):
                path.unlink()
        return [held for path in sorted(self.objects.iterdir()) if (held := _examine(path)) is not None]

    def scan_partials(self) -> dict[str, tuple[int, float]]:
        """Return size and time of last change of each partial image, and sweep out what a crash left."""
        found = {}
        for path in list(self.partials.iterdir()):
            if path.suffix == ".part":
                status = path.stat()
                found[path.stem] = (status.st_size, status.st_mtime)
            elif path.suffix == ".new" or not path.with_suffix(".part").exists():
                path.unlink()
        return found

    def place(self, partial: Partial, held: Held) -> None:
        """Take a finished image up. A crash midway leaves a note without an image, or all of it."""
        self.note(held)
        partial.move(self.path(held.image))
        touch(self.path(held.image), held.used_at)
        sync_directory(self.partials)

    def note(self, held: Held) -> None:
        """Write down what is known of an image."""
        known = {
            "md5": held.image.md5,
            "size": held.image.size,
            "version": held.version,
            "module": held.module,
            "names": held.names,
        }
        write_whole(note_of(self.path(held.image)), json.dumps(known).encode())

    def remove(self, image: Image) -> None:
        """Remove an image and its note."""
        self.path(image).unlink(missing_ok=True)
        note_of(self.path(image)).unlink(missing_ok=True)

    def remove_partial(self, identity: str) -> None:
        """Remove what came of an image."""
        remove_partial(self.partial(identity))

    def is_sound(self, image: Image) -> bool:
        """Read the image and tell whether it is what its name says."""
        with contextlib.suppress(OSError):
            return measure(self.path(image)) == image
        return False


def touch(path: Path, used_at: float) -> None:
    """Write down when an image was used last: as its access time, which the file system keeps for us anyway."""
    with contextlib.suppress(OSError):
        os.utime(path, ns=(int(used_at * 1e9), path.stat().st_mtime_ns))


def _examine(path: Path) -> Held | None:
    if path.suffix:
        return None
    try:
        sha256 = read_sha256(path.name)
    except ValueError:
        log.warning("firmware_stranger", file=path.name[:80])
        return None
    status = path.stat()
    held = _noted(path, sha256) or _measured(path)
    if held.image.sha256 != sha256 or held.image.size != status.st_size:
        log.error("firmware_damaged", sha256=sha256)
        path.unlink()
        note_of(path).unlink(missing_ok=True)
        return None
    return replace(held, used_at=status.st_atime)


def _noted(path: Path, sha256: str) -> Held | None:
    try:
        note = read_object(note_of(path))
        md5 = read_md5(_text(note.get("md5")))
        size = note.get("size")
        if md5 is None or not isinstance(size, int):
            return None
        names = note.get("names")
        return Held(
            image=Image(sha256=read_sha256(sha256), md5=md5, size=size),
            names=tuple(map(_text, names)) if isinstance(names, list) else (),
            version=_text(note.get("version")),
            module=_text(note.get("module")),
        )
    except ValueError:
        return None


def _measured(path: Path) -> Held:
    held = Held(image=measure(path))
    log.warning("firmware_note_lost", sha256=held.image.sha256, size=held.image.size)
    return held


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
