"""The shell around OneNET's words: finds the task of a report or an image, and holds the conversation about it."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace

from adapters.onenet import push, wire
from adapters.onenet.channel import Answer, Channel
from adapters.onenet.conversation import Act, Conversation, act_on
from adapters.onenet.fuse import Fuse
from adapters.onenet.interface import Interface, Place
from adapters.onenet.offers import Address, Task
from adapters.onenet.settings import OneNetSettings
from adapters.onenet.south import South, missing_facts
from adapters.onenet.tasks import Tasks, is_absence
from adapters.onenet.views import view
from adapters.onenet.wire import TokenCheck
from gateway.ports.cloud import (
    DEFAULT_MODULE,
    AdapterFactory,
    CloudError,
    CloudView,
    Command,
    Device,
    Firmware,
    Module,
    Order,
    PushAnswer,
    PushRequest,
    Rejected,
    Scope,
    Site,
    State,
    StateReported,
    TaskAbsent,
    TaskCanceled,
    TaskConflict,
    Unavailable,
    Version,
)


class OneNet:
    """Tells one OneNET product what its devices do, and asks what it wants of them. Keeps tokens, as a cache."""

    Settings = OneNetSettings

    def __init__(self, settings: OneNetSettings, site: Site) -> None:
        self._modules = settings.modules
        self._push = settings.push
        self._site = site
        self._channel = Channel(settings, site)
        self._interface: Interface = (
            South(self._channel) if settings.api == "south" else Fuse(self._channel, settings.resource)
        )
        self._tasks = Tasks(self._interface, self._channel, site)

    @staticmethod
    def problems(settings: OneNetSettings) -> Sequence[str]:
        """Say what is wrong with the key; raises Denied when there is none."""
        if settings.can_sign():
            return ()
        return ("access_key is not base64; copy the key as OneNET's console shows it",)

    @staticmethod
    def device_problems(settings: OneNetSettings, external: Mapping[str, str]) -> Sequence[str]:
        """Say what is missing to ask for the tasks of a device; one that is not here has none."""
        return [] if settings.api == "fuse" else missing_facts(external)

    @property
    def names_modules(self) -> bool:
        """By the type of the task."""
        return True

    async def deliver(self, device: Device, event: StateReported, after: State | None) -> Sequence[Command]:
        """Say what the cloud has not heard yet, in its order; it has no word for a user's consent.

        `device.external`, south: `dev_id` (a device without it is not applicable), `manuf` and `model` (codes of
        the vendor's table; without them a task is found only while its token lives). Fuse: `product_id` and
        `device_name` where they differ. Both: `type` (1 or 2).
        """
        talk = Conversation(after, event)
        if talk.pending is None:
            return ()
        if event.version is None:
            raise Rejected("version_unfit", "the report names no version, by which its task is found")
        lesson = await self._tell(talk, device, event, after)
        return (
            ()
            if lesson is None
            else [lesson(device=event.device, module=event.module, version=event.version)]
        )

    def objection(self, version: Version) -> str | None:
        """Say whether the version has a form that the platform does not take."""
        return wire.objection(version)

    async def poll(self, device: Device) -> Sequence[Order]:
        """Report the version where it is news, then ask for the task of each module."""
        orders: list[Order] = []
        for module, address in self._addresses(device):
            task = await self._tasks.ask(address, _as_known(device, module))
            if task is not None:
                handle, url = self._interface.handle(address, task), self._interface.image_url(address, task)
                orders.append(task.order(device.id, module, url=url, handle=handle))
        return orders

    async def observe(self, device: Device) -> Sequence[CloudView]:
        """Return the tasks that are open and, where the interface tells it, how they stand."""
        views: list[CloudView] = []
        for module, address in self._addresses(device):
            task = self._tasks.known(address)
            answer = await self._interface.standing(address, _as_known(device, module), task)
            seen = view(answer, task, module=module, running=device.running)
            if seen is None and not is_absence(answer.errno):
                raise await self._tasks.trouble(answer, address)
            views += [] if seen is None else [seen]
        return views

    async def fetch(self, firmware: Firmware, start: int) -> AsyncIterator[bytes]:
        """Check the task's token, without which there is no download, and read on from `start`."""
        place = self._interface.place_of(firmware.url)
        if place is None:
            raise Rejected("url_forbidden", "the URL is not one that this cloud's orders name")
        token = await self._opened(place, firmware)
        stream = self._site.downloads.download(
            self._interface.download_url(place.address, token),
            start,
            size=firmware.size,
            headers={"Authorization": self._channel.authorization()},
            judge=self._interface.judge,
        )
        try:
            async for chunk in stream:
                yield chunk
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    def hear_push(self, request: PushRequest) -> PushAnswer:
        """Answer the task push service, where it is set up."""
        if self._push is None:
            return PushAnswer(status=404)
        return push.answer(request, token=self._push.token.reveal(), uid=str(self._push.uid))

    def name_in_pushes(self, device: Device) -> str | None:
        """Return the dev_id, by which pushes name devices whatever the interface."""
        return device.external.get("dev_id")

    async def _opened(self, place: Place, firmware: Firmware) -> str:
        if place.token is not None:
            return place.token
        task = await self._tasks.for_image(place.address, firmware)
        if task is not None:
            answer = await self._interface.say(TokenCheck(), place.address.device, task.token)
            act = act_on(answer.errno)
            if act in (Act.GO_ON, Act.RESYNC):
                return task.token
            if act is Act.PAUSED:
                raise await self._tasks.trouble(answer, place.address)
            self._tasks.forget(place.address)
        raise Rejected(
            "url_expired", "the task that the image belongs to has no valid token; ask for it again"
        )

    async def _tell(
        self, talk: Conversation, device: Device, event: StateReported, after: State | None
    ) -> type[Command] | None:
        name = self._interface.name_of(device)
        if name is None or event.module not in (DEFAULT_MODULE, *self._modules):
            # Two modules in one task would tell the cloud two stories at once.
            return TaskAbsent
        address = Address(name, self._type(device, event.module))
        try:
            lesson = await self._hold(talk, address, device, event, after)
        except CloudError as error:
            error.reached = talk.reached
            raise
        if lesson is not None or event.state.is_terminal:
            self._tasks.forget(address)
        return lesson

    async def _hold(
        self, talk: Conversation, address: Address, device: Device, event: StateReported, after: State | None
    ) -> type[Command] | None:
        task = await self._tasks.find(address, device, event, after)
        while (request := talk.pending) is not None:
            if task is None:
                return TaskAbsent
            answer = await self._interface.say(request, address.device, task.token)
            match talk.hear(answer.errno):
                case Act.GO_ON:
                    pass
                case Act.RENEW_TOKEN:
                    task = await self._tasks.fetch(address, device, event, after)
                case Act.FINISHED:
                    return TaskConflict
                case Act.CANCELED:
                    return TaskCanceled
                case act:
                    raise self._error(act, answer, task)
        return None

    def _addresses(self, device: Device) -> Iterator[tuple[Module, Address]]:
        name = self._interface.name_of(device)
        modules = (DEFAULT_MODULE, *self._modules) if name is not None else ()
        seen: set[str] = set()
        for module in modules:
            kind = self._type(device, Module(module))
            if kind not in seen:
                seen.add(kind)
                yield Module(module), Address(str(name), kind)

    def _type(self, device: Device, module: Module) -> str:
        default = self._modules.get(DEFAULT_MODULE, 2)
        return device.external.get("type") or str(self._modules.get(module, default))

    def _error(self, act: Act, answer: Answer, task: Task) -> CloudError:
        text = self._channel.describe(answer)
        match act:
            case Act.PAUSED:
                return Unavailable(text, code="paused", retry_after=task.pause, scope=Scope.DEVICE)
            case Act.PARK_DEVICE:
                return self._channel.denied(Scope.DEVICE, answer)
            case _:
                return self._channel.rejection(answer)


def _as_known(device: Device, module: Module) -> Device:
    """Return the device as far as it is known with respect to a module: what runs is said of the default one."""
    return device if module == DEFAULT_MODULE else replace(device, running=None)


factory: AdapterFactory = OneNet
