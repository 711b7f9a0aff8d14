"""What a cloud asks or teaches. Commands go down; what a reply to a report taught comes back as one, too."""

from dataclasses import dataclass

from gateway.model.identity import DeviceId, Module, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAbsent:
    """The cloud has no open task that this report could belong to: it is not applicable there."""

    device: DeviceId
    module: Module
    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCanceled:
    """The cloud called its task off; nothing more may be told to it about this update."""

    device: DeviceId
    module: Module
    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskConflict:
    """The cloud had already ended its task otherwise than the device says; nothing more may be told to it."""

    device: DeviceId
    module: Module
    version: Version


Command = TaskAbsent | TaskCanceled | TaskConflict
