"""Canonical events as JSON, the form in which they wait in the outbox and stand in the journal.

Law: `decode(encode(event)) == event`; keys at their default are left out; unknown keys are ignored, so that a
newer gateway's rows can be read after a downgrade. Of a newer gateway's words, a phase or a reason reads as unknown;
a state decides what is told, and stays an error.
"""

import json
from typing import Any

from gateway.model.events import StateReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, Version
from gateway.model.states import Phase, Reason, State

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(event: StateReported) -> str:
    """Write the event as one line of JSON."""
    fields: dict[str, Any] = {
        "product": event.device.product_id,
        "device": event.device.name,
        "state": event.state.value,
    }
    if event.version is not None:
        fields["version"] = event.version
    if event.module != DEFAULT_MODULE:
        fields["module"] = event.module
    if event.percent is not None:
        fields["percent"] = event.percent
    if event.phase is not Phase.UNKNOWN:
        fields["phase"] = event.phase.value
    if event.reason is not Reason.NONE:
        fields["reason"] = event.reason.value
    fields.update({key: value for key, value in (("code", event.code), ("detail", event.detail)) if value})
    for name in ("synthetic", "confirmed"):
        if getattr(event, name):
            fields[name] = True
    return _encode(fields)


def decode(text: str) -> StateReported:
    """Read what `encode` wrote; raises ValueError or KeyError on anything else."""
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise ValueError(f"an event is a JSON object, not of type {type(fields).__name__}")  # noqa: TRY004 - as said
    version = fields.get("version")
    return StateReported(
        device=DeviceId(fields["product"], fields["device"]),
        state=State(fields["state"]),
        version=None if version is None else Version(version),
        module=Module(fields.get("module", DEFAULT_MODULE)),
        percent=fields.get("percent"),
        phase=phase_of(fields.get("phase", Phase.UNKNOWN)),
        reason=reason_of(fields.get("reason", Reason.NONE)),
        code=fields.get("code", ""),
        detail=fields.get("detail", ""),
        synthetic=fields.get("synthetic", False),
        confirmed=fields.get("confirmed", False),
    )


def phase_of(word: str) -> Phase:
    """Read a stored phase."""
    try:
        return Phase(word)
    except ValueError:
        return Phase.UNKNOWN


def reason_of(word: str) -> Reason:
    """Read a stored reason."""
    try:
        return Reason(word)
    except ValueError:
        return Reason.UNKNOWN
