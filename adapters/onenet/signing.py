"""OneNET's signed Authorization ("Security authentication", version 2018-10-31 and its successors). Pure."""

import base64
import hmac
from typing import Literal
from urllib.parse import quote

Method = Literal["sha1", "sha256", "md5"]


def authorization(*, resource: str, key: str, expires: int, method: Method, version: str) -> str:
    """Return the header's value, raw, without a scheme; `key` is base64, `expires` Unix seconds.

    Raises ValueError when the key is not base64.
    """
    # Values only, in the alphabetical order of their names, joined by LF, without one at the end.
    text = f"{expires}\n{method}\n{resource}\n{version}"
    digest = hmac.digest(base64.b64decode(key, validate=True), text.encode(), method)
    sign = base64.b64encode(digest).decode()
    values = {"version": version, "res": resource, "et": str(expires), "method": method, "sign": sign}
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items())
