"""The gateway's own dialect, small enough for a 64 KB device: no field is required that a device cannot know."""

from types import MappingProxyType
from typing import Any, Final, assert_never

from gateway.devices.dialects import payload as fields
from gateway.devices.dialects.dialect import ChunkAsked, Publish, Reading
from gateway.errors import NotUnderstoodError
from gateway.model.commands import AskVersion, Install, Instruction, Withdraw
from gateway.model.events import Confirmed, StateReported, VersionReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId
from gateway.model.states import Phase, Reason, State

#: What only a cloud, the gateway's clock or an operator decides. A device that gives up says failed or rejected.
_NOT_A_DEVICES: Final = frozenset({State.QUEUED, State.TIMED_OUT, State.CANCELED})
_STATES: Final = MappingProxyType({state.value: state for state in State if state not in _NOT_A_DEVICES})
_PHASES: Final = MappingProxyType({phase.value: phase for phase in Phase})
_REASONS: Final = MappingProxyType({reason.value: reason for reason in Reason})
_UNHAPPY: Final = frozenset({State.FAILED, State.REJECTED})


class Plain:
    """`ota/{product}/{device}/report` up, `…/command` down, one JSON object each."""

    name = "plain"

    def up_topics(self, device: DeviceId) -> frozenset[str]:
        """Return the report topic, and the one on which chunks of an image are asked for."""
        return frozenset({f"ota/{device}/report", f"ota/{device}/chunk/get"})

    def down_filters(self, device: DeviceId) -> frozenset[str]:
        """Return the command topic, and the one on which chunks of an image come."""
        return frozenset({f"ota/{device}/command", f"ota/{device}/chunk"})

    def write(self, instruction: Instruction) -> Publish | None:
        """Translate what the device is told; see Dialect. There is a word for everything."""
        return Publish(f"ota/{instruction.device}/command", fields.compact(_command(instruction)))

    def read(self, device: DeviceId, topic: str, payload: bytes) -> Reading:
        """Translate a report; see Dialect."""
        if not topic.endswith("/report"):
            return Reading(ChunkAsked(f"ota/{device}/chunk"), "chunk")
        said = fields.parse(payload)
        match said.get("type"):
            case "state":
                return Reading(_state(device, said), "state")
            case "version":
                return Reading(_version(device, said), "version")
            case "confirm":
                return Reading(_confirmation(device, said), "confirm")
            case other:
                raise NotUnderstoodError("unknown_type", f"type is {fields.shown(other)}")


def _command(instruction: Instruction) -> dict[str, Any]:
    match instruction:
        case Install(image=image):
            return {
                "type": "update",
                **_update(instruction),
                "url": instruction.url,
                "size": image.size,
                "md5": image.md5,
                "sha256": image.sha256,
            }
        case Withdraw():
            return {"type": "cancel", **_update(instruction)}
        case AskVersion():
            return {"type": "report_version"}
        case _:
            assert_never(instruction)


def _update(instruction: Install | Withdraw) -> dict[str, Any]:
    """Name the update; a device with one module need not know the word."""
    named = {"id": instruction.update, "version": instruction.version}
    return named if instruction.module == DEFAULT_MODULE else {**named, "module": instruction.module}


def _version(device: DeviceId, said: dict[str, Any]) -> VersionReported:
    return VersionReported(
        device=device,
        version=fields.required_version(said.get("version")),
        module=fields.module(said.get("module")),
        battery=fields.percent(said.get("battery")),
        signal=fields.whole(said.get("signal")),
    )


def _confirmation(device: DeviceId, said: dict[str, Any]) -> Confirmed:
    return Confirmed(
        device=device,
        accept=fields.required_bool(said.get("accept"), "accept"),
        version=fields.version(said.get("version")),
        module=fields.module(said.get("module")),
    )


def _state(device: DeviceId, said: dict[str, Any]) -> StateReported:
    state = _known_state(said.get("state"))
    reason, code = _reason(said.get("reason")) if state in _UNHAPPY else (Reason.NONE, "")
    return StateReported(
        device=device,
        state=state,
        version=fields.version(said.get("version")),
        module=fields.module(said.get("module")),
        percent=fields.percent(said.get("percent")),
        phase=_PHASES.get(fields.text(said.get("phase")).lower(), Phase.UNKNOWN),
        reason=reason,
        code=code,
        detail=fields.text(said.get("detail")),
    )


def _known_state(value: object) -> State:
    state = _STATES.get(value.lower()) if isinstance(value, str) else None
    if state is None:
        raise NotUnderstoodError("unknown_state", f"state is {fields.shown(value)}")
    return state


def _reason(value: object) -> tuple[Reason, str]:
    """Return the reason, and the device's own word where ours has none for it."""
    word = fields.text(value, fields.MAX_NAME_CHARS)
    reason = _REASONS.get(word.upper(), Reason.UNKNOWN)
    if reason in (Reason.NONE, Reason.UNKNOWN):
        return Reason.UNKNOWN, word
    return reason, ""
