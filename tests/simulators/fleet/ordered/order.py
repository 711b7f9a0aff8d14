"""What a device is told, read as a device would: from the product's README and the vendor's page 1081/39359. Pure."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.fleet.device import Device, Dialect
from tests.simulators.fleet.saying import DEFAULT_MODULE


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Install this."""

    version: str
    url: str = field(repr=False)
    size: int
    md5: str
    #: Tencent has neither sha256 nor id.
    sha256: str = ""
    id: str = ""
    module: str = DEFAULT_MODULE

    @property
    def target(self) -> tuple[str, str]:
        """What is to become what."""
        return self.module, self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Leave it."""

    version: str
    id: str
    module: str = DEFAULT_MODULE

    @property
    def target(self) -> tuple[str, str]:
        """What was to become what."""
        return self.module, self.version


@dataclass(frozen=True, slots=True)
class Ask:
    """Say your version."""


@dataclass(frozen=True, slots=True)
class Answer:
    """To a version report of a Tencent device."""


Told = Order | Cancel | Ask | Answer


def read(dialect: Dialect, payload: bytes) -> Told:
    """Read a command; KeyError, TypeError or ValueError when a device could not."""
    said = json.loads(payload)
    return _READERS[dialect, said["type"]](said)


def _update(said: dict[str, Any]) -> Order:
    return Order(
        id=_text(said["id"]),
        version=_text(said["version"]),
        url=_url(said["url"]),
        size=_number(said["size"]),
        md5=_text(said["md5"]),
        sha256=_text(said["sha256"]),
        module=_text(said.get("module", DEFAULT_MODULE)),
    )


def _update_firmware(said: dict[str, Any]) -> Order:
    return Order(
        version=_text(said["version"]),
        url=_url(said["url"]),
        size=_number(said["file_size"]),
        md5=_text(said["md5sum"]),
        module=_text(said.get("fw_type", DEFAULT_MODULE)),
    )


def _cancel(said: dict[str, Any]) -> Cancel:
    return Cancel(
        id=_text(said["id"]),
        version=_text(said["version"]),
        module=_text(said.get("module", DEFAULT_MODULE)),
    )


_READERS: dict[tuple[Dialect, str], Callable[[dict[str, Any]], Told]] = {
    ("plain", "update"): _update,
    ("plain", "cancel"): _cancel,
    ("plain", "report_version"): lambda _: Ask(),
    ("tencent", "update_firmware"): _update_firmware,
    ("tencent", "report_version_rsp"): lambda _: Answer(),
}


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError(f"{value!r} is no text")


def _number(value: object) -> int:
    if type(value) is int and value > 0:
        return value
    raise ValueError(f"{value!r} is no number of bytes")


def _url(value: object) -> str:
    url = _text(value)
    if len(url) > 511:
        raise ValueError(f"the URL has {len(url)} characters; old SDKs have 512 bytes for it")
    return url


def confirmation(accept: bool, version: str | None) -> bytes:  # noqa: FBT001 - the field of the message
    """Return a plain device's word that its user agrees or refuses."""
    said = {"type": "confirm", "accept": accept}
    return json.dumps(said if version is None else {**said, "version": version}).encode()


def chunk_topics(device: Device) -> tuple[str, str]:
    """Return where a plain device asks for chunks, and where they come."""
    return f"ota/{device.address}/chunk/get", f"ota/{device.address}/chunk"
