"""What a cloud asks or teaches, and what a device is told. Commands go down.

What a reply to a report taught comes back as a command, too: one way in for everything a cloud says.
"""

from dataclasses import dataclass, field

from gateway.model.firmware import Firmware, Image
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, UpdateId, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOrdered:
    """A cloud wants this version on the device. Asked again it says the same again, until the update ends."""

    device: DeviceId
    module: Module
    version: Version
    firmware: Firmware
    #: What the cloud calls its task: opaque, stable for as long as the task lives, and no secret.
    handle: str
    #: Nothing may be sent to the device before a user agrees.
    needs_confirmation: bool = False
    #: The version that the cloud believes to run now, where it says so.
    source: Version | None = None
    #: The image is a difference: it fits only a device that runs `source`, or what the cloud was told instead.
    is_delta: bool = False
    #: What the device must have before it begins: percent of its battery; signal, in the cloud's own unit.
    min_power: int | None = None
    min_signal: int | None = None
    #: How often the device may try again, and how many seconds it waits in between.
    retries: int | None = None
    retry_interval: float | None = None


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


#: What asking a cloud for tasks may bring.
Order = UpdateOrdered | TaskCanceled
#: What a reply to a report may teach.
Command = TaskAbsent | TaskCanceled | TaskConflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """To the device: bring this module to this version."""

    device: DeviceId
    update: UpdateId
    version: Version
    image: Image
    #: From the gateway itself, for this device alone, and expiring. Not shown: its path is its permission.
    url: str = field(repr=False)
    module: Module = DEFAULT_MODULE


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """To the device: leave this update, if that is still possible."""

    device: DeviceId
    update: UpdateId
    version: Version
    module: Module = DEFAULT_MODULE


@dataclass(frozen=True, slots=True, kw_only=True)
class AskVersion:
    """To the device: say which versions you run."""

    device: DeviceId


#: What a device may be told.
Instruction = Install | Withdraw | AskVersion
