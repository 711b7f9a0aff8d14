"""The shell around OneNET's words: finds the task of a report and holds the conversation about it."""

from collections.abc import Sequence

from adapters.onenet.conversation import Act, Conversation
from adapters.onenet.settings import OneNetSettings
from adapters.onenet.south import Answer, South
from adapters.onenet.tasks import Address, Task, Tasks
from gateway.ports.cloud import (
    AdapterFactory,
    CloudError,
    Command,
    Denied,
    Device,
    Rejected,
    Scope,
    Site,
    State,
    StateReported,
    TaskAbsent,
    TaskCanceled,
    TaskConflict,
    Unavailable,
)


class OneNet:
    """Tells one OneNET product what its devices do. Keeps task tokens in memory, as a cache."""

    Settings = OneNetSettings

    def __init__(self, settings: OneNetSettings, site: Site) -> None:
        self._modules = settings.modules
        self._south = South(settings, site)
        self._tasks = Tasks(self._south, site)

    async def deliver(self, device: Device, event: StateReported, after: State | None) -> Sequence[Command]:
        """Say what the cloud has not heard yet, in its order.

        `device.external`: `dev_id` (a device without it is not applicable), `manuf` and `model` (codes of the
        vendor's table; without them a task is found only while its token lives), `type` (1 or 2).
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

    async def _tell(
        self, talk: Conversation, device: Device, event: StateReported, after: State | None
    ) -> type[Command] | None:
        if "dev_id" not in device.external:
            return TaskAbsent
        address = self._address(device, event)
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
            answer = await self._south.send(request, address.dev_id, task.token)
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

    def _address(self, device: Device, event: StateReported) -> Address:
        default = self._modules.get("default", 2)
        kind = device.external.get("type") or str(self._modules.get(event.module, default))
        return Address(device.external["dev_id"], kind)

    def _error(self, act: Act, answer: Answer, task: Task) -> CloudError:
        text = self._south.describe(answer)
        match act:
            case Act.PAUSED:
                return Unavailable(text, code="paused", retry_after=task.interval, scope=Scope.DEVICE)
            case Act.PARK_DEVICE:
                return Denied(Scope.DEVICE, str(answer.errno), text)
            case _:
                return self._south.rejection(answer)


factory: AdapterFactory = OneNet
