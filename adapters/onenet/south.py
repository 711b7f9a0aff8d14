"""The calls of OneNET's south interface (ota.heclouds.com): numeric device ids, and tokens that live for 48 hours."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, quote, urlencode

from adapters.onenet.channel import Answer, Channel
from adapters.onenet.images import judge_south
from adapters.onenet.interface import Place
from adapters.onenet.offers import Address, Task
from adapters.onenet.wire import Progress, Report, Request, TokenCheck
from gateway.ports.cloud import Answer as HttpAnswer
from gateway.ports.cloud import Device, Version

VERSION_FIELDS = {"1": "f_version", "2": "s_version"}
_CODES = ("manuf", "model")
_IMAGE = "/ota/south/download?"


def missing_facts(external: Mapping[str, str]) -> Sequence[str]:
    """Say which codes of a device are missing, without which no token is made for its tasks."""
    return [
        f"{key} is missing, which asking for tasks needs; add the code that OneNET's console shows, "
        'or set tasks = "off" for the product'
        for key in _CODES
        if "dev_id" in external and key not in external
    ]


class South:
    """The interface as one product sees it."""

    needs = "manuf, model (in the device's table of this cloud) and a version that the device has reported"

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def name_of(self, device: Device) -> str | None:
        """Return the dev_id, which only the configuration knows."""
        return device.external.get("dev_id")

    def may_check(self, device: Device) -> bool:
        """Whether codes and version are known; with wrong ones the cloud fails the task."""
        return set(_CODES) <= device.external.keys() and device.running is not None

    async def check(self, address: Address, device: Device) -> Answer:
        """Make a token."""
        facts = {
            "type": address.type,
            "manuf": device.external["manuf"],
            "model": device.external["model"],
            "version": str(device.running),
            "cdn": "false",
        }
        return await self._ask("check", "/ota/south/check", address.device, facts)

    async def tasking(self, address: Address) -> Answer:
        """Find the task while its token lives."""
        return await self._ask("tasking", "/ota/south/tasking", address.device, {"type": address.type})

    async def versions(self, name: str) -> Answer:
        """Read f_version and s_version."""
        return await self._ask("version", "/ota/device/version", name)

    async def report_version(self, address: Address, version: Version) -> Answer:
        """Say one of the two; the other one stays."""
        body = {VERSION_FIELDS[address.type]: version}
        return await self._ask("report_version", "/ota/device/version", address.device, body=body)

    async def say(self, request: Request, name: str, token: str) -> Answer:
        """Say one thing about the task."""
        path = quote(token, safe="")
        match request:
            case TokenCheck():
                return await self._ask("token_check", f"/ota/south/download/{path}/check", name)
            case Progress(percent):
                url = f"/ota/south/device/download/{path}/progress"
                return await self._ask("progress", url, name, body={"step": percent})
            case Report(code):
                body = {"result": code}
                return await self._ask("report", "/ota/south/report", name, {"token": token}, body=body)

    async def standing(self, address: Address, device: Device, task: Task | None) -> Answer:  # noqa: ARG002
        """Ask whether the task is open: this interface tells no more, and `check` would write."""
        return await self.tasking(address)

    def handle(self, address: Address, task: Task) -> str:
        """Name it by what it orders: the token changes, and it is a secret."""
        return f"{address.type}/{task.target}/{task.md5 or ''}"

    def image_url(self, address: Address, task: Task) -> str:  # noqa: ARG002 - the token is found anew
        """Return where the token for the image is to be had."""
        return f"{self._channel.base}{_IMAGE}{urlencode({'dev_id': address.device, 'type': address.type})}"

    def place_of(self, url: str) -> Place | None:
        """Read it again."""
        base, mark, query = url.partition(_IMAGE)
        given = dict(parse_qsl(query))
        if not mark or base != self._channel.base or given.keys() != {"dev_id", "type"}:
            return None
        return Place(Address(given["dev_id"], given["type"]), None)

    def download_url(self, address: Address, token: str) -> str:  # noqa: ARG002 - the token says it all
        """Return the address with the token in it."""
        return f"{self._channel.base}/ota/south/download/{quote(token, safe='')}"

    def judge(self, answer: HttpAnswer) -> None:
        """Refuse the byte that stands for an error."""
        judge_south(answer)

    async def _ask(
        self,
        action: str,
        path: str,
        name: str,
        params: dict[str, str] | None = None,
        body: Mapping[str, int | str] | None = None,
    ) -> Answer:
        query = {"dev_id": name, **(params or {})}
        return await self._channel.ask(action, path, name, params=query, body=body)
