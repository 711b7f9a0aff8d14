"""Each dialect tells its devices what they are told, in the form that their vendor gave it, or says that it cannot."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.devices.dialects import DIALECTS
from gateway.model.commands import AskVersion, Install, Instruction, Withdraw
from gateway.model.firmware import Image, Md5, Sha256
from gateway.model.identity import DeviceId, Module, UpdateId, Version

DEVICE = DeviceId("PR0DUCT01", "dev01")
VECTORS = Path(__file__).parents[2] / "vectors" / "dialects"
#: The image of OneNET's samples, whose md5 its documents give.
BYTES = b"1" * 14 + b"2" * 8
IMAGE = Image(
    sha256=Sha256(hashlib.sha256(BYTES).hexdigest()),
    md5=Md5(hashlib.md5(BYTES).hexdigest()),
    size=len(BYTES),
)
#: What old SDKs copy into 512 bytes, unchecked.
LONGEST_URL = "http://192.0.2.10:8070/f/".ljust(511, "x")


def samples() -> list[Any]:
    """Every vector with the name of its dialect."""
    return [
        pytest.param(name, vector, id=f"{name}: {vector['says']}")
        for name in DIALECTS
        for vector in json.loads((VECTORS / f"{name}_down.json").read_text())
    ]


def instruction_of(fields: dict[str, Any]) -> Instruction:
    """Build the instruction that a vector writes down."""
    module = Module(fields.get("module", "default"))
    update = UpdateId(f"{DEVICE}/{module}/3")
    match fields["kind"]:
        case "install":
            return Install(
                device=DEVICE,
                update=update,
                version=Version(fields["version"]),
                module=module,
                image=IMAGE,
                url=fields["url"],
            )
        case "withdraw":
            return Withdraw(device=DEVICE, update=update, version=Version(fields["version"]), module=module)
        case _:
            return AskVersion(device=DEVICE)


@pytest.mark.parametrize(("name", "vector"), samples())
def test_a_device_is_told_in_the_words_of_its_dialect(name: str, vector: dict[str, Any]) -> None:
    """An instruction becomes the publish that stands beside it, or None where there is no word for it."""
    publish = DIALECTS[name].write(instruction_of(vector["instruction"]))

    told = None if publish is None else json.loads(publish.payload)
    assert told == vector["payload"]
    assert (publish and publish.topic) == vector["topic"]


@pytest.mark.parametrize(("name", "vector"), samples())
def test_a_device_is_told_on_a_topic_that_it_may_subscribe_to(name: str, vector: dict[str, Any]) -> None:
    """What is written reaches the device that it is for, and no other."""
    publish = DIALECTS[name].write(instruction_of(vector["instruction"]))

    assert publish is None or publish.topic in DIALECTS[name].down_filters(DEVICE)


@pytest.mark.parametrize("name", list(DIALECTS))
def test_an_order_fits_into_a_small_buffer(name: str) -> None:
    """With the longest link, and a version as long as a cloud allows, it stays below the 1 KB of small devices."""
    fields = {"kind": "install", "version": "v" * 32, "module": "m" * 32, "url": LONGEST_URL}
    publish = DIALECTS[name].write(instruction_of(fields))

    assert publish is not None
    assert len(publish.payload) < 1024
    assert publish.payload.isascii()


def test_a_doorbells_id_fits_into_the_sdks_buffer() -> None:
    """It is copied into 16 bytes, and one update has one id, so that a ring that comes twice can be told."""
    long = UpdateId(f"{'P' * 48}/{'d' * 48}/{'m' * 64}/4294967295")
    order = Install(device=DEVICE, update=long, version=Version("2.0"), image=IMAGE, url=LONGEST_URL)
    first, again = DIALECTS["onenet"].write(order), DIALECTS["onenet"].write(order)

    assert first is not None
    assert json.loads(first.payload)["id"].isdigit()
    assert len(json.loads(first.payload)["id"]) < 16
    assert first == again
