"""The calls of OneNET's fuse interface (iot-api.heclouds.com): names in the path, tasks by number, no tokens.

Answers are put into the numbers of the south interface, so that both share one table of codes and one order.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from adapters.onenet.channel import Answer, Channel
from adapters.onenet.images import judge_fuse
from adapters.onenet.interface import Place
from adapters.onenet.offers import Address, Task
from adapters.onenet.wire import Progress, Report, Request, TokenCheck
from gateway.ports.cloud import Answer as HttpAnswer
from gateway.ports.cloud import Device, Version

VERSION_FIELDS = {"1": "f_version", "2": "s_version"}
NO_TASK, NO_TOKEN = 11, 4
EXPIRED, RETRIES_EXHAUSTED = 208, 207
#: Status of a task → what a token check would say of it.
_OPENINGS = MappingProxyType({1: 0, 2: 0, 3: 17, 4: 20, 5: 20, 6: 22})
TO_BE_UPGRADED = 1
_PREFIX = "/fuse-ota/"


class Fuse:
    """The interface as one product sees it."""

    needs = "a version that the device has reported"

    def __init__(self, channel: Channel, resource: str) -> None:
        self._channel = channel
        kind, _, product = resource.partition("/")
        self._product_id = product.partition("/")[0] if kind == "products" else ""

    def name_of(self, device: Device) -> str | None:
        """Return product and device as they stand in the path."""
        product = device.external.get("product_id") or self._product_id or device.id.product_id
        name = device.external.get("device_name") or device.id.name
        return f"{quote(product, safe='')}/{quote(name, safe='')}"

    def may_check(self, device: Device) -> bool:
        """Whether the version is known, which `check` writes down."""
        return device.running is not None

    async def check(self, address: Address, device: Device) -> Answer:
        """Find the task."""
        facts = {"type": address.type, "version": str(device.running)}
        return await self._ask("check", address.device, "/check", params=facts)

    async def tasking(self, address: Address) -> Answer:  # noqa: ARG002 - as the other generation's
        """Say that this interface has no such call."""
        return Answer(errno=NO_TOKEN, code=NO_TOKEN)

    async def versions(self, name: str) -> Answer:
        """Read f_version and s_version."""
        return await self._ask("version", name, "/version")

    async def report_version(self, address: Address, version: Version) -> Answer:
        """Say the one that is known, and the other one as the cloud has it: the call wants both."""
        known = await self.versions(address.device)
        stored = {field: known.data[field] for field in VERSION_FIELDS.values() if field in known.data}
        body = {**stored, VERSION_FIELDS[address.type]: version}
        return await self._ask("report_version", address.device, "/version", body=body)

    async def say(self, request: Request, name: str, token: str) -> Answer:
        """Say one thing about the task; a number that the cloud does not know is like a token that is over."""
        match request:
            case TokenCheck():
                answer = await self._open(name, token)
            case Progress(percent):
                answer = await self._step(name, token, percent)
            case Report(code):
                # This interface's list ends at 207.
                answer = await self._step(name, token, RETRIES_EXHAUSTED if code == EXPIRED else code)
        return replace(answer, errno=NO_TOKEN) if answer.errno == NO_TASK else answer

    async def standing(self, address: Address, device: Device, task: Task | None) -> Answer:
        """Ask for the status: by number, or by what is true of the device."""
        if task is not None:
            return await self._ask("task", address.device, f"/{task.token}/check")
        return await self.check(address, device) if self.may_check(device) else await self.tasking(address)

    def handle(self, address: Address, task: Task) -> str:  # noqa: ARG002 - numbers are the product's
        """Name it by its number."""
        return task.token

    def image_url(self, address: Address, task: Task) -> str:
        """Return the image's own address."""
        return self.download_url(address, task.token)

    def place_of(self, url: str) -> Place | None:
        """Read it again."""
        base, mark, path = url.partition(_PREFIX)
        parts = path.split("/")
        if not mark or base != self._channel.base or len(parts) != 4 or parts[-1] != "download":
            return None
        return Place(Address("/".join(parts[:2]), ""), parts[2])

    def download_url(self, address: Address, token: str) -> str:
        """Return the same address."""
        return f"{self._channel.base}{_PREFIX}{address.device}/{token}/download"

    def judge(self, answer: HttpAnswer) -> None:
        """Refuse what the header Ota-Errno refuses."""
        judge_fuse(answer)

    async def _open(self, name: str, token: str) -> Answer:
        answer = await self._ask("task", name, f"/{token}/check")
        if answer.errno != 0:
            return answer
        status = answer.data.get("status")
        if status == TO_BE_UPGRADED:
            # The first step begins the download.
            return await self._step(name, token, 0)
        return replace(answer, errno=_OPENINGS.get(status, 0)) if isinstance(status, int) else answer

    async def _step(self, name: str, token: str, number: int) -> Answer:
        action = "progress" if number <= 100 else "report"
        return await self._ask(action, name, f"/{token}/status", body={"step": number})

    async def _ask(
        self,
        action: str,
        name: str,
        path: str,
        params: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Answer:
        return await self._channel.ask(action, f"{_PREFIX}{name}{path}", name, params=params, body=body)
