"""The road down around the real core: clouds that order and look back, images that come, devices that listen."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gateway.core.courier import Courier
from gateway.core.images import Images
from gateway.core.poller import Poller, PollSettings
from gateway.core.reconciler import Reconciler
from gateway.model.commands import AskVersion, Install, Instruction, Order, UpdateOrdered, Withdraw
from gateway.model.events import VersionReported
from gateway.model.firmware import Firmware, Image, Md5, Sha256
from gateway.model.identity import DEFAULT_MODULE, Device, DeviceId, Lane, Module, Version
from gateway.model.policy import Policy
from gateway.model.update import Update
from gateway.ports.cloud import CloudView
from gateway.ports.firmware import ImageSource
from gateway.ports.store import Changes, Committed, Ordered
from tests.unit.core.fakes import FakeCloud, FakeStore
from tests.unit.core.house import DEVICE, ONE, TWO, V1, V2, House, still


def image_of(version: Version) -> Image:
    """Return the image of a version."""
    digits = f"{int(version.replace('.', '')):064d}"
    return Image(sha256=Sha256(digits), md5=Md5(digits[:32]), size=1000)


def wants(
    version: Version = V2,
    *,
    device: DeviceId = DEVICE,
    module: Module = DEFAULT_MODULE,
    handle: str = "",
    url: str = "",
    **more: Any,
) -> UpdateOrdered:
    """Make an order; its handle is new with each version."""
    where = url or f"http://cloud.test/{module}/{version}"
    return UpdateOrdered(
        device=device,
        module=module,
        version=version,
        firmware=Firmware(version=version, module=module, url=where),
        handle=handle or f"task {version}",
        **more,
    )


@dataclass
class FakeFirmwares:
    """Implements `ports.firmware.Firmwares` as far as the core asks; each fetch takes a second and the script's end."""

    script: deque[BaseException | None] = field(default_factory=deque)
    #: What goes wrong with each fetch of a URL that begins so.
    troubles: dict[str, BaseException] = field(default_factory=dict)
    seconds: float = 1.0
    fetches: list[tuple[float, Firmware, str]] = field(default_factory=list)
    pinned: dict[str, Image] = field(default_factory=dict)
    gone: set[Sha256] = field(default_factory=set)
    under_way: int = 0
    most: int = 0
    cut: int = 0

    async def obtain(self, firmware: Firmware, source: ImageSource, *, key: str) -> Image:
        """Fetch it, or fail as the script says."""
        self.fetches.append((asyncio.get_running_loop().time(), firmware, key))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
            trouble = self.script.popleft() if self.script else self._trouble(firmware.url)
            if trouble is not None:
                raise trouble
        except asyncio.CancelledError:
            self.cut += 1
            raise
        finally:
            self.under_way -= 1
        self.pinned[key] = image_of(firmware.version)
        self.gone.discard(self.pinned[key].sha256)
        return self.pinned[key]

    def find(self, sha256: Sha256) -> Image | None:
        """Return it unless it is gone."""
        held = [image for image in self.pinned.values() if image.sha256 == sha256]
        return held[0] if held and sha256 not in self.gone else None

    def keep(self, firmware: Firmware, key: str) -> bool:
        """Say whether it is pinned."""
        return key in self.pinned

    def unpin(self, key: str) -> None:
        """Let go of it."""
        self.pinned.pop(key, None)

    def _trouble(self, url: str) -> BaseException | None:
        return next((each for begin, each in self.troubles.items() if url.startswith(begin)), None)


@dataclass
class FakeOutlet:
    """Implements `ports.devices.Outlet`: everybody hears, but who is deaf."""

    told: list[tuple[float, Instruction]] = field(default_factory=list)
    deaf: set[DeviceId] = field(default_factory=set)
    watch: Callable[[Instruction], None] = lambda _: None

    def tell(self, instruction: Instruction) -> bool:
        """Take it down."""
        if instruction.device in self.deaf:
            return False
        self.watch(instruction)
        self.told.append((asyncio.get_running_loop().time(), instruction))
        return True

    def heard(self, kind: type[Instruction], device: DeviceId = DEVICE) -> list[Any]:
        """What a device heard of one kind."""
        return [each for _, each in self.told if isinstance(each, kind) and each.device == device]

    def installs(self, device: DeviceId = DEVICE) -> list[Version]:
        """The versions that a device was told to install."""
        return [each.version for each in self.heard(Install, device)]

    def withdrawals(self, device: DeviceId = DEVICE) -> list[Version]:
        """The versions that a device was told to leave."""
        return [each.version for each in self.heard(Withdraw, device)]

    def questions(self, device: DeviceId = DEVICE) -> int:
        """How often a device was asked what it runs."""
        return len(self.heard(AskVersion, device))


#: How a cloud answers a question: with orders, or an error, or after a while.
Reply = Callable[[Device], Awaitable[Sequence[Order]]]


@dataclass
class OrderingCloud(FakeCloud):
    """Implements `ports.cloud.CloudAdapter`."""

    orders: dict[DeviceId, list[Order]] = field(default_factory=dict)
    #: How the next questions are answered otherwise.
    replies: deque[Reply | BaseException] = field(default_factory=deque)
    seconds: float = 0.1
    asked: list[tuple[float, Device]] = field(default_factory=list)
    #: What it believes, a list for each question; the last one stays.
    views: deque[list[CloudView] | BaseException] = field(default_factory=lambda: deque([[]]))
    observed: list[float] = field(default_factory=list)
    names_modules: bool = True

    def objection(self, version: Version) -> str | None:
        """Carry everything."""
        return None

    async def poll(self, device: Device) -> Sequence[Order]:
        """Say what it wants of the device."""
        self.asked.append((asyncio.get_running_loop().time(), device))
        await asyncio.sleep(self.seconds)
        reply = self.replies.popleft() if self.replies else None
        if isinstance(reply, BaseException):
            raise reply
        return list(self.orders.get(device.id, ())) if reply is None else await reply(device)

    async def observe(self, device: Device) -> Sequence[CloudView]:
        """Say what it believes."""
        self.observed.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.seconds)
        views = self.views.popleft() if len(self.views) > 1 else self.views[0]
        if isinstance(views, BaseException):
            raise views
        return views

    def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
        """Never; the images are a fake of their own."""
        raise NotImplementedError

    def times(self, device: DeviceId = DEVICE) -> list[float]:
        """When it was asked about a device."""
        return [at for at, asked in self.asked if asked.id == device]


class Down(House):
    """The house with its road down: images and courier, and makers of pollers and reconcilers."""

    def __init__(self, *, policy: Policy | None = None, store: FakeStore | None = None, **more: Any) -> None:
        super().__init__(policy=policy, store=store, **more)
        self.firmwares = FakeFirmwares()
        self.outlet = FakeOutlet()
        self.renewals: list[Ordered] = []
        self.adapters = {ONE: OrderingCloud(), TWO: OrderingCloud()}
        self.images = self.make_images()
        self.courier = Courier(
            self.record,
            self.orders,
            self.images,
            outlet=self.outlet,
            link=lambda image, device: f"http://gateway.test/{device}/{image.sha256[-4:]}",
            report=self.engine.report,
            clock=self.clock,
        )
        self.engine.on_version = self.courier.runs
        self.engine.on_canceled = self.courier.answer
        self.orders.on_withdrawn = self.courier.withdraw
        self.reconcilers: list[Reconciler] = []

    def make_images(self) -> Images:
        """Make the images."""
        firmwares: Any = self.firmwares
        return Images(
            firmwares,
            self.adapters,
            on_change=self._image_changed,
            on_expired=self.renewals.append,
            jitter=still,
        )

    def poller(self, settings: PollSettings | None = None, lane: Lane = ONE, **more: Any) -> Poller:
        """Make the poller of a cloud."""
        given: dict[str, Any] = {"jitter": still, **more}
        return Poller(
            lane,
            self.adapters[lane],
            record=self.record,
            orders=self.orders,
            gate=self.gates[lane],
            clock=self.clock,
            metrics=self.metrics,
            settings=settings or PollSettings(),
            external=lambda named, device: Device(id=device, external={"lane": named}),
            waits=self.ledger.is_end_waiting,
            **given,
        )

    def reconciler(self, lane: Lane = ONE, interval: timedelta = timedelta(hours=1)) -> Reconciler:
        """Make the reconciler of a cloud."""
        made = Reconciler(
            lane,
            self.adapters[lane],
            record=self.record,
            orders=self.orders,
            ledger=self.ledger,
            gate=self.gates[lane],
            clock=self.clock,
            metrics=self.metrics,
            interval=interval,
            external=lambda named, device: Device(id=device, external={"lane": named}),
        )
        self.reconcilers.append(made)
        return made

    @property
    def update(self) -> Update:
        """The newest update of the device, which must be there."""
        return self.newest()

    def newest(self, device: DeviceId = DEVICE, module: Module = DEFAULT_MODULE) -> Update:
        """Return the newest update of a module."""
        update = self.record.update(device, module)
        assert update is not None
        return update

    def row(self, lane: Lane = ONE, device: DeviceId = DEVICE, module: Module = DEFAULT_MODULE) -> Ordered:
        """Return what a cloud wants."""
        found = [row for row in self.orders.all() if row.key == (lane, device, module)]
        assert len(found) == 1
        return found[0]

    def take(self, lane: Lane, *found: Order, device: DeviceId = DEVICE) -> bool:
        """Let a cloud answer what it wants."""
        return self.orders.take(lane, device, found)

    def missing(self, lane: Lane, device: DeviceId = DEVICE) -> None:
        """Let a cloud want nothing, twice."""
        self.take(lane, device=device)
        self.take(lane, device=device)

    def here(self, *devices: DeviceId, version: Version | None = V1, **more: Any) -> None:
        """Let devices come, and say what they run."""
        for device in devices or (DEVICE,):
            self.courier.listening(device)
            if version is not None:
                self.publish(VersionReported(device=device, version=version, **more))

    @asynccontextmanager
    async def works(self) -> AsyncIterator[None]:
        """Run ledger, lanes and courier."""
        async with self.open(), self.running(self.courier.run()):
            yield

    @asynccontextmanager
    async def running(self, *works: Any) -> AsyncIterator[None]:
        """Run these; one that died makes it fail."""
        tasks = [asyncio.create_task(work) for work in works]
        try:
            yield
            assert [task for task in tasks if task.done()] == []
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _image_changed(self) -> None:
        self.courier.wake()

    def _committed(self, changes: Changes, committed: Committed) -> None:
        super()._committed(changes, committed)
        for reconciler in self.reconcilers:
            reconciler.told(changes)
        if changes.updates or changes.orders:
            self.courier.wake()
