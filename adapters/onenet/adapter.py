"""The shell around OneNET's words: finds the task of a report and holds the conversation about it."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, field_validator

from adapters.onenet.conversation import Act, Conversation
from adapters.onenet.signing import Method
from adapters.onenet.south import Answer, Credentials, South
from adapters.onenet.tasks import Address, Task, Tasks
from gateway.model.identity import DeviceId, Module, Version
from gateway.ports.cloud import (
    AdapterFactory,
    CloudError,
    Command,
    Denied,
    Device,
    Rejected,
    Scope,
    Secret,
    Site,
    State,
    StateReported,
    TaskAbsent,
    TaskCanceled,
    TaskConflict,
    Unavailable,
)


class OneNetSettings(BaseModel):
    """The `[clouds.NAME]` table of an adapter "onenet"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api: Literal["south", "fuse"] = "south"
    url: HttpUrl = HttpUrl("http://ota.heclouds.com")
    #: `products/{product id}`.
    resource: str = Field(min_length=1)
    #: The product's key, base64.
    access_key: Secret
    method: Method = "sha256"
    version: str = "2018-10-31"
    #: Seconds for which a signature is valid.
    window: float = Field(default=3600, ge=60)
    #: Module → type of the task: 1 (FOTA, communication module) or 2 (SOTA, MCU).
    modules: Mapping[str, Literal[1, 2]] = {"default": 2}

    @field_validator("api")
    @classmethod
    def _is_available(cls, api: str) -> str:
        if api == "fuse":
            raise ValueError('"fuse" is not available yet; it must be "south"')
        return api


class OneNet:
    """Tells one OneNET product what its devices do. Keeps task tokens in memory, as a cache."""

    Settings = OneNetSettings

    def __init__(self, settings: OneNetSettings, site: Site) -> None:
        self._modules = settings.modules
        credentials = Credentials(
            resource=settings.resource,
            access_key=settings.access_key,
            method=settings.method,
            version=settings.version,
            window=settings.window,
        )
        self._south = South(str(settings.url).rstrip("/"), credentials, site)
        self._tasks = Tasks(self._south, site)

    async def deliver(self, device: Device, event: StateReported, after: State | None) -> Sequence[Command]:
        """Say what the cloud has not heard yet, in its order.

        `device.external`: `dev_id` (a device without it is not applicable), `manuf` and `model` (codes of the
        vendor's table; without them a task is found only while its token lives), `type` (1 or 2).
        """
        talk = Conversation(after, event)
        if talk.pending is None:
            return ()
        try:
            return await self._hold(talk, device, event, after)
        except CloudError as error:
            error.reached = talk.reached
            raise

    async def _hold(
        self, talk: Conversation, device: Device, event: StateReported, after: State | None
    ) -> Sequence[Command]:
        if event.version is None:
            raise Rejected("version_unfit", "the report names no version, by which its task is found")
        about = _About(device=event.device, module=event.module, version=event.version)
        if "dev_id" not in device.external:
            return [TaskAbsent(**about)]
        address = self._address(device, event)
        task = await self._tasks.find(address, device, event, after)
        while (request := talk.pending) is not None:
            if task is None:
                return [TaskAbsent(**about)]
            answer = await self._south.send(request, address.dev_id, task.token)
            match talk.hear(answer.errno):
                case Act.RENEW_TOKEN:
                    task = await self._tasks.fetch(address, device, event, after)
                case Act.FINISHED:
                    return [TaskConflict(**about)]
                case Act.CANCELED:
                    return [TaskCanceled(**about)]
                case Act.GO_ON:
                    pass
                case act:
                    raise self._error(act, answer, task)
        if event.state.is_terminal:
            self._tasks.forget(address)
        return ()

    def _address(self, device: Device, event: StateReported) -> Address:
        default = self._modules.get("default", 2)
        kind = device.external.get("type") or str(self._modules.get(event.module, default))
        return Address(device.external["dev_id"], kind)

    def _error(self, act: Act, answer: Answer, task: Task) -> CloudError:
        text = self._south.describe(answer)
        match act:
            case Act.PAUSED:
                return Unavailable(text, code="paused", retry_after=task.interval)
            case Act.PARK_DEVICE:
                return Denied(Scope.DEVICE, str(answer.errno), text)
            case _:
                return self._south.rejection(answer)


class _About(TypedDict):
    device: DeviceId
    module: Module
    version: Version


factory: AdapterFactory = OneNet
