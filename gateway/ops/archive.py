"""A support bundle as a file: pieces of text in a tar, each bounded and without secrets, for its owner alone."""

import io
import os
import tarfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.ops.redaction import Redaction

DIRECTORY = "ota-gateway-support"
#: Of one piece; what is longer loses its middle.
MOST_CHARACTERS = 4_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a bundle."""

    name: str
    #: What is in it, for the README.
    about: str
    #: A text, or what is written as JSON.
    content: object


def pack(path: Path, head: str, pieces: Iterable[Piece], redaction: Redaction) -> None:
    """Write the bundle; raises FileExistsError rather than overwrite anything."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
            told = []
            for piece in pieces:
                told.append(f"{piece.name:<20} {piece.about}")
                _add(archive, piece.name, _written(piece.content, redaction))
            _add(archive, "README.txt", redaction.text("\n".join([head, "", *told, ""])))
    except BaseException:
        path.unlink()
        raise


def _written(content: object, redaction: Redaction) -> str:
    text = redaction.text(content) if isinstance(content, str) else redaction.json(content)
    if len(text) <= MOST_CHARACTERS:
        return text
    half = MOST_CHARACTERS // 2
    return f"{text[:half]}\n… {len(text) - MOST_CHARACTERS} characters are left out here …\n{text[-half:]}"


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode(errors="replace")
    entry = tarfile.TarInfo(f"{DIRECTORY}/{name}")
    entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
    archive.addfile(entry, io.BytesIO(data))
