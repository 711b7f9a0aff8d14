"""The object store behind FirmwareURL: pre-signed, expiring, with ranges as an object store serves them."""

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from tests.simulators.firmware import Firmware, Part, image_response
from tests.simulators.spoiling import CALL

if TYPE_CHECKING:
    from tests.simulators.tencent.cloud import TencentCloud

RANGE = re.compile(r"bytes=(\d+)-(\d*)")
DENIED = "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
GONE = "<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"


def signed_path(product: str, version: str, *, expires: int, number: int) -> str:
    """Return a path that is good until ``expires``, unix seconds; another number is another URL."""
    sign = _sign(product, version, str(expires), str(number))
    return f"/firmware/{product}/{quote(version, safe='')}?t={expires}&n={number}&sign={sign}"


def download(cloud: "TencentCloud", request: web.Request) -> web.Response:
    """Answer 403 to a wrong or expired signature, 404 to an unknown image, 416 past the end."""
    product, version = request.match_info["product"], request.match_info["version"]
    firmware = cloud.firmware_of(product, version)
    response = _answer(cloud, request, firmware)
    if response.status >= 400:
        cloud.record.downloads[f"{product}/{version}"].refused += 1
    request[CALL] = cloud.record.hear(
        "download",
        version=version,
        reply="ok" if response.status < 400 else str(response.status),
        body={"url": request.path_qs, "range": request.headers.get("Range", "")},
    )
    return response


def _answer(cloud: "TencentCloud", request: web.Request, firmware: Firmware | None) -> web.Response:
    if not _is_good(cloud, request):
        return web.Response(status=403, text=DENIED, content_type="application/xml")
    if firmware is None:
        return web.Response(status=404, text=GONE, content_type="application/xml")
    return _cut_out(cloud, request, firmware)


def _is_good(cloud: "TencentCloud", request: web.Request) -> bool:
    product, version = request.match_info["product"], request.match_info["version"]
    expires, number = request.query.get("t", "0"), request.query.get("n", "0")
    if request.query.get("sign") != _sign(product, version, expires, number):
        return False
    # The store signs the method as well: a URL for GET is no good for HEAD.
    return request.method == "GET" and int(expires) >= cloud.now() and int(number) > cloud.urls_revoked


def _sign(product: str, version: str, expires: str, number: str) -> str:
    return hashlib.sha256(f"{product}/{version}/{expires}/{number}".encode()).hexdigest()[:32]


def _cut_out(cloud: "TencentCloud", request: web.Request, firmware: Firmware) -> web.Response:
    headers = {
        "ETag": f'"{firmware.md5}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }
    length = firmware.length
    match = RANGE.fullmatch(request.headers.get("Range", ""))
    first, last = (
        (0, length - 1) if match is None else (int(match[1]), min(int(match[2] or length), length - 1))
    )
    if match is not None and first > last:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{length}"})
    tally = cloud.record.downloads["{product}/{version}".format(**request.match_info)]
    part = Part(content=firmware.content, first=first, last=last, tally=tally)
    if match is None:
        return image_response(request, part, headers=headers)
    headers["Content-Range"] = f"bytes {first}-{last}/{length}"
    return image_response(request, part, headers=headers, status=206)
