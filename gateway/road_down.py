"""The parts of the road down: from a cloud's order over the image to the device, and the proof that it was believed."""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from gateway import wiring
from gateway.config import Config, FirmwareConfig
from gateway.core.clock import Clock
from gateway.core.courier import Courier
from gateway.core.engine import Engine
from gateway.core.gate import Gate
from gateway.core.images import Images
from gateway.core.ledger import Ledger
from gateway.core.orders import Orders
from gateway.core.poller import Poller
from gateway.core.reconciler import Reconciler
from gateway.core.record import Record
from gateway.firmware.cache import FirmwareCache
from gateway.firmware.chunks import Status
from gateway.firmware.links import load_key
from gateway.firmware.readings import readings
from gateway.firmware.responder import ChunkResponder
from gateway.firmware.server import FirmwareServer
from gateway.metrics import Metrics
from gateway.model.events import VersionReported
from gateway.model.firmware import Image, Sha256
from gateway.model.identity import DeviceId, Lane
from gateway.ops.api.status import ImagesStatus, ImageTrouble
from gateway.ops.pushes import Pushes
from gateway.ports.cloud import CloudAdapter
from gateway.ports.devices import Outlet
from gateway.ports.store import Changes, Ordered, Store

#: Images that cannot be had, of which the status tells.
MAX_TROUBLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the road down shares with the road up."""

    #: As it is at the moment.
    config: Callable[[], Config]
    clock: Clock
    store: Store
    metrics: Metrics
    ledger: Ledger
    record: Record
    orders: Orders
    engine: Engine
    link: Outlet
    adapters: Mapping[Lane, CloudAdapter]
    gates: Mapping[Lane, Gate]


class RoadDown:
    """Use it as an async context manager; then run its `works`."""

    def __init__(self, parts: Parts, firmware: FirmwareConfig) -> None:
        config = parts.config()
        data_dir = config.gateway.data_dir
        self._parts = parts
        self._ttl = firmware.link_ttl
        self.cache = FirmwareCache(data_dir / "firmware", quota=firmware.quota)
        self.images = Images(
            self.cache,
            parts.adapters,
            on_change=self._image_changed,
            on_expired=self._renew,
        )
        self.courier = Courier(
            parts.record,
            parts.orders,
            self.images,
            outlet=parts.link,
            link=self._link,
            report=parts.engine.report,
            clock=parts.clock,
        )
        self.server = FirmwareServer(
            listen=firmware.listen,
            public_url=firmware.public_url,
            firmwares=self.cache,
            key=load_key(data_dir / "firmware-links.key"),
            report=self.courier.served,
            waits=wiring.waits(config),
            now=parts.clock.now,
        )
        self.responder = ChunkResponder(
            self.cache, self._ordered, report=self.courier.served, max_chunk=firmware.max_chunk
        )
        parts.metrics.read_firmware(lambda: readings(self.cache, self.server, self.responder))
        self.pollers = {lane: self._poller(lane) for lane in parts.adapters}
        self.pushes = Pushes(
            wiring.pushed_clouds(config, parts.adapters), follow=self.hint, metrics=parts.metrics
        )
        self.reconcilers = {lane: self._reconciler(lane) for lane in parts.adapters if self._reconciles(lane)}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.cache)
        try:
            await self._stack.enter_async_context(self.server)
        except BaseException:
            await self._stack.aclose()
            raise
        for reconciler in self.reconcilers.values():
            reconciler.load()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def works(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Yield what has to run for ever, with its name; see `lane_works`."""
        yield "courier", self.courier.run()

    def lane_works(self, lane: Lane) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Yield what has to run for a lane as long as it is there, with its name."""
        yield f"{lane}-polls", self.pollers[lane].run()
        if lane in self.reconcilers:
            yield f"{lane}-reconciler", self.reconcilers[lane].run()

    def reconfigured(self, renewed: Iterable[Lane]) -> None:
        """Go by the configuration as it is now; the works of renewed lanes have ended, and begin anew."""
        for lane in self.pollers.keys() | self.reconcilers.keys():
            if lane not in self._parts.adapters:
                self.pollers.pop(lane, None)
                self.reconcilers.pop(lane, None)
        for lane in renewed:
            self.pollers[lane] = self._poller(lane)
            self.reconcilers.pop(lane, None)
            if self._reconciles(lane):
                self.reconcilers[lane] = self._reconciler(lane)
                self.reconcilers[lane].load()
        self.pushes.replace(wiring.pushed_clouds(self._parts.config(), self._parts.adapters))
        self.courier.wake()

    def listening(self, device: DeviceId) -> None:
        """Learn that a device listens."""
        self.courier.listening(device)
        self.ask(device)

    def gone(self, device: DeviceId) -> None:
        """Learn that a device is away."""
        self.courier.gone(device)
        for poller in self.pollers.values():
            poller.gone(device)

    def runs(self, event: VersionReported) -> None:
        """Learn what a device runs."""
        self.courier.runs(event)
        self.ask(event.device)

    def ask(self, device: DeviceId) -> None:
        """Ask the clouds soon what they want of the device."""
        for poller in self.pollers.values():
            poller.wake(device)

    def reconsider(self, device: DeviceId) -> None:
        """Ask those clouds soon about a device that is there which its product has now, and no others."""
        for poller in self.pollers.values():
            poller.gone(device)
        self.ask(device)

    def hint(self, lane: Lane, device: DeviceId) -> bool:
        """Ask a cloud now what it wants of a device that is there; False when it is not."""
        return self.pollers[lane].hint(device)

    def committed(self, changes: Changes) -> None:
        """Learn what a commit changed."""
        for reconciler in self.reconcilers.values():
            reconciler.told(changes)
        if changes.updates or changes.orders:
            self.courier.wake()

    def status(self) -> ImagesStatus:
        """Say how things stand with the images."""
        figures, missing = self.cache.figures, self.images.missing
        trouble: list[ImageTrouble] = [
            {
                "lane": wanted.row.lane,
                "version": wanted.row.command.version,
                "reason": wanted.trouble.reason.value,
                "detail": wanted.trouble.detail,
                "final": wanted.unfit is not None,
            }
            for wanted in missing
            if wanted.trouble is not None
        ]
        return {
            "images": figures.images,
            "bytes": figures.taken,
            "quota": figures.quota,
            "fetching": figures.fetching,
            "trouble": trouble[:MAX_TROUBLES],
        }

    def _image_changed(self) -> None:
        self.courier.wake()

    def _renew(self, row: Ordered) -> None:
        """Ask the cloud for its order again, whose link is no longer good."""
        poller = self.pollers.get(row.lane)
        if poller is not None:
            poller.wake(row.command.device)

    def _link(self, image: Image, device: DeviceId) -> str:
        return self.server.link(image, str(device), self._ttl)

    def _ordered(self, device: DeviceId, name: str) -> Sha256 | Status:
        try:
            return self.courier.image_of(device, name) or Status.NOT_READY
        except LookupError:
            return Status.UNKNOWN_ID

    def _poller(self, lane: Lane) -> Poller:
        parts = self._parts
        return Poller(
            lane,
            parts.adapters[lane],
            record=parts.record,
            orders=parts.orders,
            gate=parts.gates[lane],
            clock=parts.clock,
            metrics=parts.metrics,
            waits=parts.ledger.is_end_waiting,
            settings=wiring.poll_settings(parts.config(), lane),
            external=wiring.directory(parts.config),
        )

    def _reconciles(self, lane: Lane) -> bool:
        return wiring.cloud_of(self._parts.config(), lane).reconcile

    def _reconciler(self, lane: Lane) -> Reconciler:
        parts = self._parts
        return Reconciler(
            lane,
            parts.adapters[lane],
            record=parts.record,
            orders=parts.orders,
            ledger=parts.ledger,
            gate=parts.gates[lane],
            clock=parts.clock,
            metrics=parts.metrics,
            interval=wiring.cloud_of(parts.config(), lane).reconcile_interval,
            external=wiring.directory(parts.config),
        )
