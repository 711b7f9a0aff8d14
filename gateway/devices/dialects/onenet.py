"""How devices with an SDK of OneNET speak: a doorbell, and the answer whether it was heard.

OneNET has no MQTT topic for anything else about an update: neither a version, nor progress, nor an end. When it rings,
a device asks OneNET itself over HTTP what there is, fetches it there, and reports there. So this much can be done:

- An order becomes a ring. It carries no image, because no SDK reads one from it.
- The device's answer that it heard is NOTIFIED. The answer that it will not now (the SDK's 100) ends nothing: it may
  well ask later, and an end told to OneNET would end the task that the device is about to carry out. It is set aside.
- Nothing can be called off, and no version asked for.
- What became of it only OneNET knows, and nobody may tell it: such a product should not have its reports, or its
  deadlines, told to the cloud that its devices report to.

Facts are the vendor's SDK's (OneNET_AIO_c: `tm_api.c`, `tm_mqtt.c`, `tm_onejson.c`).
"""

import zlib
from typing import Final, assert_never

from gateway.devices.dialects import payload as fields
from gateway.devices.dialects.dialect import Publish, Reading
from gateway.errors import NotUnderstoodError
from gateway.model.commands import AskVersion, Install, Instruction, Withdraw
from gateway.model.events import StateReported
from gateway.model.identity import DeviceId, UpdateId
from gateway.model.states import State

#: The SDK says 200; others in the field say 0.
_HEARD: Final = frozenset({200, 0})


class OneNet:
    """`$sys/{product}/{device}/ota/inform` down, `…/ota/inform_reply` up."""

    name = "onenet"

    def up_topics(self, device: DeviceId) -> frozenset[str]:
        """Return the topic of the answer."""
        return frozenset({f"$sys/{device}/ota/inform_reply"})

    def down_filters(self, device: DeviceId) -> frozenset[str]:
        """Return the doorbell, and two filters below the device's own name.

        The SDK subscribes to these two alone, and gives up when one is refused; on the second nothing ever comes.
        """
        return frozenset({f"$sys/{device}/ota/inform", f"$sys/{device}/ota/#", f"$sys/{device}/thing/#"})

    def write(self, instruction: Instruction) -> Publish | None:
        """Ring for an update; see Dialect. There is no word for anything else."""
        match instruction:
            case Install():
                # Without `params` the SDK does not take it for a request; what is in it, it does not read.
                ring = {"id": _short(instruction.update), "version": "1.0", "params": {}}
                return Publish(f"$sys/{instruction.device}/ota/inform", fields.compact(ring))
            case Withdraw() | AskVersion():
                return None
            case _:
                assert_never(instruction)

    def read(self, device: DeviceId, topic: str, payload: bytes) -> Reading:  # noqa: ARG002 - only one topic
        """Translate the answer; see Dialect. It says nothing of module or version: the open update is meant."""
        said = fields.parse(payload).get("code")
        if said is None or said == "":
            raise NotUnderstoodError("missing_field", "code is missing")
        code = fields.whole(said)
        if code is None:
            raise NotUnderstoodError("bad_field", f"code is {fields.shown(said)}; it must be a number")
        if code not in _HEARD:
            raise NotUnderstoodError("not_supported", f"the device will not update now: code {code}")
        return Reading(StateReported(device=device, state=State.NOTIFIED, code=str(code)), "state")


def _short(update: UpdateId) -> str:
    """Return a message id of digits: the SDK copies it into 16 bytes, unchecked."""
    return str(zlib.crc32(update.encode()))
