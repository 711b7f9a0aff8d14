"""A "cloud" that is a file: one JSON line for each report. The shortest adapter, and the template for others.

An adapter is a `Settings` model, a class with the methods of `gateway.ports.cloud.CloudAdapter`, and a `factory` that
an entry point of the group `ota_gateway.adapters` names. It imports that port and the model, nothing else of the
gateway. It translates one canonical state and returns once the cloud has taken it; the gateway stores, orders,
retries and rates. Trouble leaves it as one of three errors: `Unavailable` (later), `Rejected` (never) or `Denied`
(not us).
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gateway.ports.cloud import (
    AdapterFactory,
    CloudView,
    Command,
    Device,
    Firmware,
    Order,
    Rejected,
    Site,
    State,
    StateReported,
    Unavailable,
    Version,
)


class JournalSettings(BaseModel):
    """The `[clouds.NAME]` table of an adapter "journal"."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    #: Relative to the gateway's data_dir; appended to, made where absent.
    path: Path = Path("journal.jsonl")


class Journal:
    """Writes what devices do into a file."""

    Settings = JournalSettings

    def __init__(self, settings: JournalSettings, site: Site) -> None:
        self._path = site.data_dir / settings.path
        self._now = site.now

    @property
    def names_modules(self) -> bool:
        """Each line says it."""
        return True

    async def deliver(self, device: Device, event: StateReported, after: State | None) -> Sequence[Command]:
        """Append the state; durable on return. A resend after a lost reply is a second, equal line."""
        if after is not None and after.is_terminal:
            return ()
        line = json.dumps({"at": round(self._now(), 3), **_words(device, event)}, ensure_ascii=False)
        try:
            await asyncio.to_thread(_append, self._path, f"{line}\n".encode("utf-8", "replace"))
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}", code="file") from error
        return ()

    def objection(self, version: Version) -> str | None:  # noqa: ARG002 - a line has room for any
        """Have none."""
        return None

    async def poll(self, device: Device) -> Sequence[Order]:  # noqa: ARG002 - a file orders nothing
        """Return nothing: a file wants no updates."""
        return ()

    async def observe(self, device: Device) -> Sequence[CloudView]:  # noqa: ARG002 - nor does it believe anything
        """Return nothing: a file has no opinion."""
        return ()

    def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:  # noqa: ARG002
        """Refuse: a file has no images."""
        raise Rejected("not_found", f"the journal has no image of {firmware.version}")


def _words(device: Device, event: StateReported) -> dict[str, str | int]:
    words: dict[str, str | int | None] = {
        "device": str(device.id),
        "module": event.module,
        "version": event.version,
        "state": event.state,
        "percent": event.percent,
        "phase": event.phase,
        "reason": event.reason,
        "code": event.code,
        "detail": event.detail,
    }
    return {name: word for name, word in words.items() if word not in (None, "")}


def _append(path: Path, line: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        file.write(line)
        os.fsync(file.fileno())


factory: AdapterFactory = Journal
