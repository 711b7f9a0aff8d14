"""Partial images: what is proven stays, what is not goes."""

import json
from pathlib import Path

import pytest

from gateway.firmware.partial import Partial, note_of


def begun(path: Path) -> Partial:
    """Return an open partial image."""
    partial = Partial(path)
    partial.open()
    return partial


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where it lies."""
    return tmp_path / "0f.part"


def test_only_what_was_proven_is_believed(path: Path) -> None:
    """Bytes behind the last checkpoint are cut off at the next start, and the digests go on from there."""
    first = begun(path)
    first.append(b"abc")
    first.checkpoint()
    first.append(b"lost in a power cut")
    first.close()

    again = begun(path)
    assert again.received == 3
    again.append(b"def")
    image = again.finish()
    again.close()

    assert path.read_bytes() == b"abcdef"
    assert (image.md5, image.size) == ("e80b5017098950fc58aad83c8c14978e", 6)


@pytest.mark.parametrize(
    "note", ["", "{", "[]", '{"proven": "3"}', '{"proven": -1}', '{"proven": null}', "[" * 5000]
)
def test_a_torn_note_proves_nothing(path: Path, note: str) -> None:
    """The image begins again."""
    path.write_bytes(b"abc")
    note_of(path).write_text(note)
    partial = begun(path)
    assert partial.received == 0
    partial.discard()


def test_a_note_cannot_prove_more_than_there_is(path: Path) -> None:
    """A file that lost its tail is as long as it is."""
    path.write_bytes(b"abc")
    note_of(path).write_text(json.dumps({"proven": 5}))
    partial = begun(path)
    assert partial.received == 3
    partial.discard()


def test_a_restart_leaves_no_note_behind(path: Path) -> None:
    """A note of other bytes would prove those that come next."""
    partial = begun(path)
    partial.append(b"wrong")
    partial.checkpoint()
    partial.restart()
    assert not note_of(path).exists()
    partial.append(b"right")
    assert partial.keep() == 5
    assert path.read_bytes() == b"right"


def test_nothing_is_kept_of_nothing(path: Path) -> None:
    """An image of which no byte came leaves no file."""
    assert begun(path).keep() == 0
    assert list(path.parent.iterdir()) == []


def test_a_discarded_image_leaves_nothing(path: Path) -> None:
    """Neither file nor note."""
    partial = begun(path)
    partial.append(b"abc")
    partial.checkpoint()
    partial.discard()
    partial.close()
    assert list(path.parent.iterdir()) == []
