"""The two shapes of a reply: the documented one, and the one that the vendor's own clients parse."""

from collections.abc import Mapping
from typing import Any, Literal

Envelope = Literal["documented", "client"]


def success(envelope: Envelope, request_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Wrap what an Action returns."""
    if envelope == "documented":
        return {"Response": {**fields, "RequestId": request_id}}
    return {"code": 0, "msg": "", "data": {**fields, "RequestId": request_id}}


def failure(envelope: Envelope, request_id: str, code: str, message: str) -> dict[str, Any]:
    """Wrap a business error."""
    error = {"Error": {"Code": code, "Message": message}, "RequestId": request_id}
    if envelope == "documented":
        return {"Response": error}
    return {"code": -1000, "msg": message, "data": error}


def hidden(code: str, message: str) -> tuple[str, str]:
    """Hide a code in the message, as the AppGetToken sample does (1081/40786)."""
    return "InternalError", f"{code}|{message}"
