"""The least of a gateway's lower road, for tests of devices that take orders: it orders one version until it runs."""

import asyncio
import hashlib
import json
import re
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.simulators import serve
from tests.simulators.fleet import Device
from tests.simulators.fleet.listener import Listener, Publish, listening

IMAGE = bytes(range(256)) * 40
TARGET = "2.0"


@dataclass
class Ordering:
    """Answers a version report with an order for the target; the attributes take effect at once."""

    image: bytes = IMAGE
    #: What the order says of the image.
    said_of: bytes = IMAGE
    module: str = ""
    #: Answers of HTTP that come before the image does.
    statuses: list[int] = field(default_factory=list)
    #: The server answers everything with the whole image.
    knows_no_range: bool = False
    #: So many answers over HTTP break off in the middle.
    breaks: int = 0
    #: Statuses of chunk answers that come before the data, None for no answer at all.
    chunk_statuses: list[int | None] = field(default_factory=list)
    #: So many version reports are answered with an order.
    times: int = 1000
    #: Values of the header Range, in order.
    ranges: list[str] = field(default_factory=list)
    listener: Listener = field(default_factory=Listener)
    address: tuple[str, int] = ("", 0)
    url: str = ""

    def heard(self) -> list[dict[str, Any]]:
        """Return every report, once however often it came."""
        reports = [each for each in self.listener.publishes if "chunk" not in each.topic and not each.is_dup]
        return [json.loads(each.payload) for each in reports]

    def order(self, device: Device, version: str = TARGET) -> None:
        """Tell the device to install."""
        self.tell(device, self.command(device, version))

    def cancel(self, device: Device, version: str = TARGET) -> None:
        """Tell the device to leave it."""
        self.tell(device, {"type": "cancel", "id": self._id(device), "version": version})

    def tell(self, device: Device, command: dict[str, Any]) -> None:
        """Tell the device anything."""
        topic = (
            f"$ota/update/{device.address}"
            if device.dialect == "tencent"
            else f"ota/{device.address}/command"
        )
        self.listener.tell(topic, json.dumps(command).encode())

    def command(self, device: Device, version: str) -> dict[str, Any]:
        """Return the order in the device's dialect."""
        md5, sha256 = hashlib.md5(self.said_of).hexdigest(), hashlib.sha256(self.said_of).hexdigest()
        size, url = len(self.said_of), f"{self.url}/f/token?x=1"
        if device.dialect == "tencent":
            named = {"fw_type": self.module} if self.module else {}
            said = {
                "type": "update_firmware",
                "version": version,
                "md5sum": md5,
                "file_size": size,
                "url": url,
            }
            return said | named
        named = {"module": self.module} if self.module else {}
        said = {"type": "update", "id": self._id(device), "version": version, "url": url, "size": size}
        return said | {"md5": md5, "sha256": sha256} | named

    def _id(self, device: Device) -> str:
        return f"{device.address}/{self.module or 'default'}/1"

    def application(self) -> web.Application:
        """Return the image server."""
        application = web.Application()
        application.router.add_get("/f/token", self._serve)
        return application

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        assert request.query == {"x": "1"}
        self.ranges.append(request.headers["Range"])
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        if self.knows_no_range:
            return web.Response(body=self.image)
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["Range"])
        assert found
        part = self.image[int(found[1]) : int(found[2]) + 1]
        if self.breaks:
            self.breaks -= 1
            return await self._break(request, part)
        return web.Response(status=206, body=part)

    async def _break(self, request: web.Request, part: bytes) -> web.StreamResponse:
        response = web.StreamResponse(status=206, headers={"Content-Length": str(len(part))})
        await response.prepare(request)
        await response.write(part[: len(part) // 2])
        await asyncio.sleep(0.02)
        assert request.transport
        request.transport.abort()
        return response

    def answer_for(self, device: Device) -> Callable[[Publish], bytes | None]:
        """Return what the listener answers to this device's publishes."""

        def answer(publish: Publish) -> bytes | None:
            if publish.topic.endswith("/chunk/get"):
                self._chunk(device, json.loads(publish.payload))
                return None
            said = json.loads(publish.payload)
            version = (
                said.get("version") if said["type"] == "version" else said.get("report", {}).get("version")
            )
            is_report = said["type"] in ("version", "report_version")
            if is_report and version != TARGET and self.times:
                self.times -= 1
                self.order(device)
            return None

        return answer

    def _chunk(self, device: Device, asked: dict[str, Any]) -> None:
        status = self.chunk_statuses.pop(0) if self.chunk_statuses else 0
        if status is None:
            return
        at = asked["offset"]
        data = b"word" if status else self.image[at : at + asked["length"]]
        tag = zlib.crc32(asked["id"].encode())
        head = struct.pack(">2sBBIIII", b"OC", 1, status, tag, at, len(self.image), zlib.crc32(data))
        self.listener.tell(f"ota/{device.address}/chunk", head + data)


@asynccontextmanager
async def ordering(device: Device) -> AsyncIterator[Ordering]:
    """Serve both sides for one device."""
    made = Ordering()
    made.listener.answer = made.answer_for(device)
    async with listening(made.listener) as address, serve(made) as url:
        made.address, made.url = address, url
        yield made
