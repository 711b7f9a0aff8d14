"""What the generations of OneNET's calls have in common; each answers in the numbers of the south interface.

Law: a task is asked for only with facts. `check` overwrites the version that the cloud has stored, and in the south
a wrong manuf or model fails the customer's task for good.
"""

from typing import NamedTuple, Protocol

from adapters.onenet.channel import Answer
from adapters.onenet.offers import Address, Task
from adapters.onenet.wire import Request
from gateway.ports.cloud import Answer as HttpAnswer
from gateway.ports.cloud import Device, Version


class Place(NamedTuple):
    """Where an image is found: at a task, and with a token, unless that is to be asked for."""

    address: Address
    token: str | None


class Interface(Protocol):
    """One generation."""

    #: What `check` takes, for people.
    needs: str

    def name_of(self, device: Device) -> str | None:
        """Return what the cloud calls the device; None when it cannot know it."""
        ...

    def may_check(self, device: Device) -> bool:
        """Whether all that `check` writes down is known to be true."""
        ...

    async def check(self, address: Address, device: Device) -> Answer:
        """Ask for the task, with what is true of the device."""
        ...

    async def tasking(self, address: Address) -> Answer:
        """Ask for the task without a side effect; errno 4 where that cannot be."""
        ...

    async def versions(self, name: str) -> Answer:
        """Ask which versions the cloud has stored, which changes nothing."""
        ...

    async def report_version(self, address: Address, version: Version) -> Answer:
        """Say which version runs; the task whose target it is is over by that."""
        ...

    async def say(self, request: Request, name: str, token: str) -> Answer:
        """Say one thing about a task."""
        ...

    async def standing(self, address: Address, device: Device, task: Task | None) -> Answer:
        """Ask where the task stands, by its number if that is known; `data` has a `status` where one is told."""
        ...

    def handle(self, address: Address, task: Task) -> str:
        """Name the task for as long as it lives."""
        ...

    def image_url(self, address: Address, task: Task) -> str:
        """Return where the image is found; no secret stands in it."""
        ...

    def place_of(self, url: str) -> Place | None:
        """Read what `image_url` wrote; None for any other URL, which is none of ours."""
        ...

    def download_url(self, address: Address, token: str) -> str:
        """Return where the image lies for who has the token."""
        ...

    def judge(self, answer: HttpAnswer) -> None:
        """Raise when a download's answer is the vendor's way to refuse one."""
        ...
