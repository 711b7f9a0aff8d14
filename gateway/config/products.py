"""The tables [products.ID] and [products.ID.devices.NAME]: how a kind of device speaks, logs in and is updated."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from gateway.config.hours import OptionalHours, TimeZone
from gateway.config.quantities import Count, Duration
from gateway.config.secret import Secret
from gateway.config.section import ConfigPath, Section

Authentication = Literal["password", "tencent", "onenet", "certificate", "anonymous"]
OpenState = Literal[
    "queued",
    "waiting_confirmation",
    "notified",
    "downloading",
    "downloaded",
    "verified",
    "installing",
    "applying",
    "confirming",
]
#: Why an update may fail, other than by somebody's decision.
Failure = Literal[
    "DOWNLOAD_TIMEOUT",
    "CONNECTION_LOST",
    "WEAK_SIGNAL",
    "PACKAGE_NOT_FOUND",
    "URL_EXPIRED",
    "INSUFFICIENT_STORAGE",
    "OUT_OF_MEMORY",
    "LOW_BATTERY",
    "DEVICE_BUSY",
    "ALREADY_INSTALLED",
    "INTEGRITY_CHECK_FAILED",
    "SIGNATURE_INVALID",
    "INCOMPATIBLE_DEVICE",
    "VERSION_MISMATCH",
    "INSTALL_FAILED",
    "BOOT_FAILED",
    "ROLLED_BACK",
    "INTERRUPTED",
    "RETRIES_EXHAUSTED",
    "STATE_TIMEOUT",
    "OUTSIDE_WINDOW",
    "UNKNOWN",
]
#: Those that may be gone the next time.
_PASSING: tuple[Failure, ...] = (
    "DOWNLOAD_TIMEOUT",
    "CONNECTION_LOST",
    "WEAK_SIGNAL",
    "URL_EXPIRED",
    "DEVICE_BUSY",
    "INTERRUPTED",
)

_IDENTITY = re.compile(r"[^/+#\0]{1,48}")
_SHA256 = re.compile(r"sha256\$(?:[0-9a-fA-F]{2}){8,64}\$[0-9a-fA-F]{64}")
_SCRYPT = re.compile(
    r"scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$(?:[0-9a-fA-F]{2}){8,64}\$(?:[0-9a-fA-F]{2}){16,64}"
)
_MOST_MEMORY = 128 * 2**20


def identity(value: str) -> str:
    """Accept what can be one level of an MQTT topic: a product id or a device name."""
    if not _IDENTITY.fullmatch(value):
        raise PydanticCustomError("identity", "it must have 1 to 48 characters, none of them / + # or NUL")
    return value


def _secret_hash(value: str) -> str:
    scrypt = _SCRYPT.fullmatch(value)
    if _SHA256.fullmatch(value) or (scrypt and _is_affordable(*map(int, scrypt.groups()))):
        return value
    raise PydanticCustomError(
        "secret_hash",
        'it must be "sha256$SALT$HASH" or "scrypt$N$R$P$SALT$HASH" in hexadecimal; '
        "make one with: ota-gateway hash-secret",
    )


def _is_affordable(n: int, r: int, p: int) -> bool:
    """Whether N is a power of two (RFC 7914 §2) and one verification stays within the memory of a small box."""
    return n > 1 and n & (n - 1) == 0 and r >= 1 and 1 <= p <= 16 and 128 * n * r <= _MOST_MEMORY


Identity = Annotated[str, AfterValidator(identity)]


class DeviceConfig(Section):
    """One device: what it proves itself with, and what each cloud calls it."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    secret: Secret | None = None
    secret_hash: Annotated[Annotated[str, AfterValidator(_secret_hash)] | None, Field(repr=False)] = None
    #: Cloud name → what its adapter must know of this device.
    external: dict[str, dict[str, str]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _tables_are_external(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        tables = {k: v for k, v in table.items() if isinstance(v, dict) and k not in cls.model_fields}
        if not tables:
            return table
        rest = {key: value for key, value in table.items() if key not in tables}
        given = rest.get("external", {})
        return {**rest, "external": {**given, **tables}} if isinstance(given, dict) else rest


class ProductConfig(Section):
    """One kind of device."""

    dialect: Annotated[Literal["plain", "tencent", "onenet"], Field(examples=["plain"])]
    authentication: Annotated[Authentication, Field(examples=["password"])]
    #: The first one has the priority where two order different versions.
    clouds: Annotated[list[str], Field(examples=[["tencent"]])]
    success: Literal["on_version_match", "on_done"] = "on_version_match"
    unverified: Literal["trust_done", "time_out"] = "trust_done"
    #: How long another version than the target must stand after a "done" before it counts as a rollback.
    rollback_after: Duration = timedelta(seconds=30)
    stalled: Literal["wait", "time_out"] = "wait"
    #: "poll" asks the clouds for updates; all that follows is about the updates that they order.
    tasks: Literal["poll", "off"] = "off"
    confirmation: Literal["none", "required"] = "none"
    #: When updates may begin, in `time_zone`.
    window: OptionalHours = None
    time_zone: TimeZone = "UTC"
    #: Devices under way at once.
    max_updates: Count = 50
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    retry_reasons: list[Failure] = Field(default_factory=lambda: list(_PASSING))
    #: Before the first retry; doubles with each.
    retry_after: Duration = timedelta(minutes=5)
    downgrades: Literal["allow", "refuse"] = "allow"
    #: Overrides of the state table, by state.
    deadlines: dict[OpenState, Duration] = Field(default_factory=dict)
    devices_file: ConfigPath | None = None
    #: Those of the file and those of the tables, by name.
    devices: dict[Identity, DeviceConfig] = Field(default_factory=dict)
