"""What only the journal does: lines in a file, durable, or a reason to try again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.journal import Journal, JournalSettings
from gateway.errors import Unavailable
from gateway.model.identity import Device
from gateway.model.states import Phase, Reason, State
from gateway.ports.cloud import Site
from tests.unit.adapters.events import DEVICE, event, failed


async def test_line_says_what_the_device_said(site: Site, tmp_path: Path) -> None:
    """A line is a JSON object without what is unknown."""
    journal = Journal(JournalSettings(), replace(site, now=lambda: 1893456000.1234))

    told = failed(Phase.INSTALL, Reason.LOW_BATTERY, code="12", detail="3,1 V \ud800 电量不足")
    await journal.deliver(Device(id=DEVICE), told, None)

    assert json.loads((tmp_path / "journal.jsonl").read_text(encoding="utf-8")) == {
        "at": 1893456000.123,
        "device": "PR0DUCT01/dev01",
        "module": "default",
        "version": "2.0",
        "state": "failed",
        "phase": "install",
        "reason": "LOW_BATTERY",
        "code": "12",
        "detail": "3,1 V ? 电量不足",
    }


async def test_file_is_made_where_it_is_wanted(site: Site, tmp_path: Path) -> None:
    """Missing directories are made, below data_dir or wherever an absolute path says."""
    journal = Journal(JournalSettings(path=tmp_path / "a" / "b.jsonl"), site)

    await journal.deliver(Device(id=DEVICE), event(State.NOTIFIED), None)
    await journal.deliver(Device(id=DEVICE), event(State.DOWNLOADING), State.NOTIFIED)

    assert len((tmp_path / "a" / "b.jsonl").read_text().splitlines()) == 2


async def test_file_that_cannot_be_written_is_tried_again(site: Site, tmp_path: Path) -> None:
    """A disk in trouble is a cloud in trouble."""
    (tmp_path / "journal.jsonl").mkdir()

    with pytest.raises(Unavailable, match=r"journal\.jsonl") as caught:
        await Journal(JournalSettings(), site).deliver(Device(id=DEVICE), event(State.NOTIFIED), None)

    assert caught.value.code == "file"
