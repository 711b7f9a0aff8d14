"""The object store behind FirmwareURL: pre-signed, expiring, with ranges as an object store serves them."""

import hashlib
import re

from aiohttp import web

from tests.simulators.firmware import Firmware

RANGE = re.compile(r"bytes=(\d+)-(\d*)")
DENIED = "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


def signed_path(product: str, version: str, *, expires: int) -> str:
    """Return a path that is good until ``expires``, unix seconds."""
    return f"/firmware/{product}/{version}?t={expires}&sign={_sign(product, version, str(expires))}"


def serve_image(request: web.Request, firmware: Firmware | None, *, now: float) -> web.Response:
    """Answer 403 to a wrong or expired signature, 404 to an unknown image, 416 past the end."""
    product, version = request.match_info["product"], request.match_info["version"]
    expires = request.query.get("t", "0")
    signature = _sign(product, version, expires)
    if request.query.get("sign") != signature or int(expires) < now:
        return web.Response(status=403, text=DENIED, content_type="application/xml")
    if firmware is None:
        return web.Response(
            status=404, text="<Error><Code>NoSuchKey</Code></Error>", content_type="application/xml"
        )
    return _cut_out(firmware, request.headers.get("Range", ""))


def _sign(product: str, version: str, expires: str) -> str:
    return hashlib.sha256(f"{product}/{version}/{expires}".encode()).hexdigest()[:32]


def _cut_out(firmware: Firmware, wanted: str) -> web.Response:
    headers = {
        "ETag": f'"{firmware.md5}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }
    match = RANGE.fullmatch(wanted)
    if match is None:
        return web.Response(body=firmware.image, headers=headers)
    first, last = int(match[1]), min(int(match[2] or firmware.size), firmware.size - 1)
    if first > last:
        headers["Content-Range"] = f"bytes */{firmware.size}"
        return web.Response(status=416, headers=headers)
    headers["Content-Range"] = f"bytes {first}-{last}/{firmware.size}"
    return web.Response(status=206, body=firmware.image[first : last + 1], headers=headers)
