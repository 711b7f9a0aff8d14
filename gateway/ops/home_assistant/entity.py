"""What Home Assistant is told of one module of one device. Pure.

Discovery and payloads as its documentation of "MQTT Update" has them: a retained configuration names the topics, a
retained state has the versions and the progress. There is no `command_topic`, so there is nothing to press.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gateway.hidden import hidden
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, Version
from gateway.model.states import Reason
from gateway.model.update import Update

#: What `release_summary` may hold; more is refused there.
MAX_SUMMARY = 255
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
#: A summary is shown as Markdown: what may begin a mark of it, or make a link of an address.
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>()#+!|~&:/@]|(?<=[wW])\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One module of one device, by the name that topics and Home Assistant's registry know it by."""

    site: str
    device: DeviceId
    module: Module

    @property
    def object_id(self) -> str:
        """Return a name of `[A-Za-z0-9_-]` alone, which no other module shares."""
        full = f"{self.device}/{self.module}"
        return f"{_UNSAFE.sub('_', full)[:48]}_{sha256(full.encode()).hexdigest()[:8]}"

    @property
    def state_topic(self) -> str:
        """Where its state lies."""
        return f"{base(self.site)}/{self.object_id}"

    def discovery_topic(self, prefix: str) -> str:
        """Where its configuration lies."""
        return f"{prefix}/update/{node(self.site)}/{self.object_id}/config"

    def discovery(self, gateway_version: str) -> dict[str, Any]:
        """Return its configuration."""
        return {
            "name": None if self.module == DEFAULT_MODULE else self.module,
            "unique_id": f"{node(self.site)}_{self.object_id}",
            "device_class": "firmware",
            "entity_category": "diagnostic",
            "state_topic": self.state_topic,
            "availability_topic": availability_topic(self.site),
            "device": {
                "identifiers": [f"{node(self.site)}_{self.device}"],
                "name": self.device.name,
                "model": self.device.product_id,
            },
            "origin": {"name": "ota-gateway", "sw_version": gateway_version},
        }


def node(site: str) -> str:
    """Return the site's name as topics take it."""
    return f"ota_gateway_{_UNSAFE.sub('_', site)}"


def base(site: str) -> str:
    """Return the topic below which the site's states lie."""
    return f"ota-gateway/{node(site)}"


def availability_topic(site: str) -> str:
    """Return where the site says `online`, and its broker `offline` when it is gone."""
    return f"{base(site)}/availability"


def state(running: Version | None, update: Update | None) -> dict[str, Any]:
    """Say which version runs, which one is on its way, and how far it is.

    Without an open update there is nothing newer to have: the clouds decide that, not Home Assistant.
    """
    is_open = update is not None and not update.state.is_terminal
    latest = update.target if update is not None and is_open else running
    return {
        "installed_version": running,
        "latest_version": latest,
        "in_progress": is_open,
        "update_percentage": update.percent if update is not None and is_open else None,
        "release_summary": _summary(update),
    }


def _summary(update: Update | None) -> str:
    if update is None:
        return ""
    why = "" if update.reason is Reason.NONE else f": {update.reason} {_plain(update.detail)}".rstrip()
    return f"{_plain(update.target)} {update.state}{why}"[:MAX_SUMMARY].rstrip("\\")


def _plain(text: str) -> str:
    """Return what was said as Markdown that shows it letter by letter: no link, no picture, no secret."""
    return _MARKDOWN.sub(r"\\\g<0>", " ".join(hidden(text).split()))
