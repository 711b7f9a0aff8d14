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
    fields = _object(text)
    version, percent = fields.get("version"), fields.get("percent")
    if percent is not None and type(percent) is not int:
        raise ValueError(f"percent is of type {type(percent).__name__}")
    return StateReported(
        device=DeviceId(_text(fields["product"]), _text(fields["device"])),
        state=State(fields["state"]),
        version=None if version is None else Version(_text(version)),
        module=Module(_text(fields.get("module", DEFAULT_MODULE))),
        percent=percent,
        phase=phase_of(fields.get("phase", Phase.UNKNOWN)),
        reason=reason_of(fields.get("reason", Reason.NONE)),
        code=_text(fields.get("code", "")),
        detail=_text(fields.get("detail", "")),
        synthetic=fields.get("synthetic") is True,
        confirmed=fields.get("confirmed") is True,
    )


def _object(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply for an event") from error
    if not isinstance(fields, dict):
        raise ValueError(f"an event is a JSON object, not of type {type(fields).__name__}")  # noqa: TRY004 - as said
    return fields


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is of type {type(value).__name__}")  # noqa: TRY004 - as said
    return value


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
