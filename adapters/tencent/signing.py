"""The signature of the calls before a login ("应用端 API 简介", HMAC-SHA1). Pure."""

import base64
import hmac
from collections.abc import Mapping


def signature(parameters: Mapping[str, str | int], *, secret: str) -> str:
    """Return what the parameter Signature must be beside these parameters; `secret` is the AppSecret."""
    # Raw values, sorted by name, joined as in a query but never percent-encoded.
    text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()
