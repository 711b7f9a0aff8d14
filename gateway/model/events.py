"""What a device says, or the gateway on its behalf (`synthetic`). Events go up."""

from dataclasses import dataclass

from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, Version
from gateway.model.states import Phase, Reason, State


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionReported:
    """The device runs this version."""

    device: DeviceId
    version: Version
    module: Module = DEFAULT_MODULE
    #: Percent of its battery, and its signal in whatever unit it uses, where it says so.
    battery: int | None = None
    signal: int | None = None
    #: A QoS 1 redelivery (DUP): perhaps old news, perhaps the first copy that arrives.
    redelivered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReported:
    """An update of the device stands here. Told to the engine by a device, told to a cloud by the engine."""

    device: DeviceId
    state: State
    #: The target; None when the device did not say, then it means its open update.
    version: Version | None = None
    module: Module = DEFAULT_MODULE
    #: 0 to 100, of the state it stands in.
    percent: int | None = None
    phase: Phase = Phase.UNKNOWN
    reason: Reason = Reason.NONE
    #: The device's own code and text, verbatim.
    code: str = ""
    detail: str = ""
    synthetic: bool = False
    #: A user has agreed to the update, which had to wait for that.
    confirmed: bool = False
    #: A QoS 1 redelivery (DUP): never taken for a device that starts over.
    redelivered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A user at the device agreed to the update that waits for it, or refused."""

    device: DeviceId
    accept: bool
    #: None when the device did not say, then it means its open update.
    version: Version | None = None
    module: Module = DEFAULT_MODULE
    redelivered: bool = False


Event = VersionReported | StateReported | Confirmed
