"""The shelf after crashes, and after hands that meant well."""

import hashlib
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.firmware.partial import Partial, note_of
from gateway.firmware.shelf import MAX_NAMES, Held, Shelf, touch
from gateway.model.firmware import Image, Md5, Sha256

CONTENT = b"firmware " * 1000


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty one."""
    shelf = Shelf(tmp_path)
    shelf.prepare()
    return shelf


def placed(shelf: Shelf, content: bytes = CONTENT, **known: str) -> Held:
    """Put an image on the shelf the regular way."""
    partial = Partial(shelf.partial("0" * 32))
    partial.open()
    partial.append(content)
    held = Held(image=partial.finish(), **known)  # type: ignore[arg-type]
    shelf.place(partial, held)
    return held


def test_what_was_placed_is_found(shelf: Shelf) -> None:
    """Digests, size, version, module and names survive a restart; nothing else lies about."""
    held = placed(shelf, version="2.0", module="mcu").named("a" * 32)
    shelf.note(held)
    (found,) = shelf.scan()
    assert (found.image, found.version, found.module, found.names) == (held.image, "2.0", "mcu", ("a" * 32,))
    assert held.image.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert list(shelf.partials.iterdir()) == []


@pytest.mark.parametrize(
    "note", [None, "", "{", '{"md5": "x", "size": 3}', '{"md5": "", "size": 9000}', '{"size": 1}']
)
def test_a_lost_note_is_made_up_for(shelf: Shelf, note: str | None) -> None:
    """The image is measured anew."""
    held = placed(shelf)
    path = note_of(shelf.path(held.image))
    if note is None:
        path.unlink()
    else:
        path.write_text(note)
    (found,) = shelf.scan()
    assert found.image == held.image


def test_what_is_not_what_its_name_says_is_removed(shelf: Shelf) -> None:
    """A short file, and a file without a note that has another digest."""
    short, changed = placed(shelf), placed(shelf, b"other")
    os.truncate(shelf.path(short.image), 10)
    shelf.path(changed.image).write_bytes(b"OTHER")
    note_of(shelf.path(changed.image)).unlink()
    with capture_logs() as logs:
        assert shelf.scan() == []
    assert list(shelf.objects.iterdir()) == []
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["firmware_damaged"] * 2


def test_what_a_crash_left_is_swept_out(shelf: Shelf) -> None:
    """Drafts, notes without an image, notes without a partial image; partial images stay."""
    (shelf.objects / ("a" * 64 + ".json")).write_text("{}")
    (shelf.objects / ("b" * 64 + ".json.new")).write_text("{")
    (shelf.partials / "c.json").write_text("{}")
    (shelf.partials / "d.json.new").write_text("{")
    (shelf.partials / "e.part").write_bytes(b"12345")
    assert shelf.scan() == []
    assert shelf.scan_partials() == {"e": (5, (shelf.partials / "e.part").stat().st_mtime)}
    assert [path.name for path in shelf.partials.iterdir()] == ["e.part"]
    assert list(shelf.objects.iterdir()) == []


def test_a_strangers_file_is_left_alone(shelf: Shelf) -> None:
    """It is not ours to remove, nor to serve."""
    (shelf.objects / "README").write_text("mine")
    assert shelf.scan() == []
    assert (shelf.objects / "README").exists()


def test_the_time_of_last_use_survives(shelf: Shelf) -> None:
    """It is kept beside the time of last change, which stays."""
    held = placed(shelf)
    path = shelf.path(held.image)
    changed = path.stat().st_mtime_ns
    touch(path, 1_700_000_000.0)
    assert shelf.scan()[0].used_at == 1_700_000_000.0
    assert path.stat().st_mtime_ns == changed
    touch(path.with_name("none"), 1.0)


def test_a_flipped_bit_is_seen(shelf: Shelf) -> None:
    """Reading the image tells; a missing one is not sound either."""
    held = placed(shelf)
    assert shelf.is_sound(held.image)
    with shelf.path(held.image).open("r+b") as file:
        file.write(b"F")
    assert not shelf.is_sound(held.image)
    shelf.remove(held.image)
    assert not shelf.is_sound(held.image)


def test_names_are_bounded() -> None:
    """The oldest is forgotten; one that is used again is the newest."""
    held = Held(image=Image(sha256=Sha256("0" * 64), md5=Md5("0" * 32), size=1))
    for number in range(MAX_NAMES + 1):
        held = held.named(str(number))
    held = held.named("1")
    assert len(held.names) == MAX_NAMES
    assert held.names[-2:] == (str(MAX_NAMES), "1")
