"""The tables [gateway], [mqtt], [http], [store], [firmware], [home_assistant], [clouds.NAME]: fields, units, defaults.

`deploy/gateway.toml` is the same list with a word for each key.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_serializer, model_validator
from pydantic_core import PydanticCustomError

from gateway.config.address import Address, Listen, OptionalListen
from gateway.config.fingerprint import Fingerprint
from gateway.config.origins import Host, Network, Port
from gateway.config.quantities import Count, Duration, Rate, Size
from gateway.config.secret import Secret, secrets_in
from gateway.config.section import ConfigPath, Section
from gateway.config.store_url import StoreUrl, StoreUrlField

#: As devices know them, see gateway/firmware/chunks.py.
_SMALLEST_CHUNK, _LARGEST_CHUNK = 64, 8192
_WEB_URL = re.compile(r"https?://[^\s/@?#]+(/[^\s@?#]*)?")


def _web_url(value: str) -> str:
    if not _WEB_URL.fullmatch(value):
        raise PydanticCustomError(
            "web_url", 'it must be a URL such as "http://192.0.2.10:8070", without a query'
        )
    return value.rstrip("/")


def _chunk(value: int) -> int:
    if not _SMALLEST_CHUNK <= value <= _LARGEST_CHUNK:
        raise PydanticCustomError("chunk", 'it must be from "64B" to "8KiB"')
    return value


class GatewayConfig(Section):
    """Who this box is and where it keeps what it must not forget."""

    name: Annotated[str, Field(min_length=1, max_length=64)] = "ota-gateway"
    data_dir: ConfigPath = Path("/var/lib/ota-gateway")
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class MqttLimits(Section):
    """What devices may ask of the box."""

    max_connections: Count = 10_000
    connects_per_second: Rate = 200
    #: From accept to the end of the login, TLS handshake included.
    connect_timeout: Duration = timedelta(seconds=10)
    max_packet: Size = 64 * 1024
    #: Of one connection; a device that sends faster is read later.
    publishes_per_second: Rate = 50
    publish_burst: Count = 100
    #: Publishes of one connection that wait for their commit; at it, its socket is read later.
    max_unacknowledged: Count = 1000
    max_subscriptions: Count = 32
    #: Bytes that may wait in one connection for its device to read.
    max_downlink: Size = 256 * 1024
    #: Used where a device asks for more, or for none.
    max_keep_alive: Duration = timedelta(minutes=30)
    #: How long the subscriptions of a device that left are kept, when it asked for that.
    session_expiry: Duration = timedelta(days=7)
    max_kept_sessions: Count = 10_000


class MqttConfig(Section):
    """Where devices connect."""

    listen: OptionalListen = Address("0.0.0.0", 1883)  # noqa: S104 - a site gateway serves its site
    tls_listen: OptionalListen = None
    tls_certificate: ConfigPath | None = None
    tls_key: ConfigPath | None = None
    tls_client_ca: ConfigPath | None = None
    #: Of certificates whose key is in wrong hands.
    denied_certificates: list[Fingerprint] = Field(default_factory=list)
    anonymous_anywhere: bool = False
    limits: MqttLimits = MqttLimits()


class HttpConfig(Section):
    """Where monitoring and operators look."""

    listen: Listen = Address("127.0.0.1", 9464)
    token: Secret | None = None


class StoreConfig(Section):
    """Where updates and messages are written, and how much of them is kept."""

    url: StoreUrlField = StoreUrl("sqlite:///gateway.db")
    #: Joins a PostgreSQL URL that carries none.
    password: Secret | None = None
    #: Bytes that may wait in one lane.
    lane_quota: Size = 256 * 2**20
    #: Finished updates, with their timelines.
    keep_updates: Duration = timedelta(days=90)
    keep_journal: Duration = timedelta(days=30)
    #: Rows; these bound the disk whatever the ages say.
    updates_max: Count = 100_000
    journal_max: Count = 500_000
    dead_letters_max: Count = 100_000
    quarantine_max: Count = 10_000
    #: Bytes of one quarantined payload that are kept.
    quarantine_payload: Size = 4096


class FirmwareConfig(Section):
    """Where devices fetch images, and where these may come from."""

    listen: Listen = Address("0.0.0.0", 8070)  # noqa: S104 - a site gateway serves its site
    #: Short, because old devices copy a link into 512 bytes.
    public_url: Annotated[
        str, Field(max_length=200, examples=["http://192.0.2.10:8070"]), AfterValidator(_web_url)
    ]
    quota: Size = 2 * 2**30
    #: Empty for any public one.
    allowed_hosts: list[Host] = Field(default_factory=list)
    #: Allowed although they are not public.
    allowed_networks: list[Network] = Field(default_factory=list)
    #: Empty for any.
    allowed_ports: list[Port] = Field(default_factory=lambda: [80, 443, 8080, 8443])
    #: Images, or parts of images, on their way to devices at once.
    max_transfers: Count = 200
    #: How long a device may use the link that it was given.
    link_ttl: Duration = timedelta(hours=24)
    #: Of an image, in one answer over MQTT.
    max_chunk: Annotated[Size, AfterValidator(_chunk)] = 8 * 1024


class HomeAssistantConfig(Section):
    """The MQTT broker that Home Assistant uses, where updates are to be seen there."""

    broker: Listen
    tls: bool = False
    username: str = ""
    password: Secret | None = None
    #: Home Assistant's own discovery prefix.
    prefix: Annotated[str, Field(pattern=r"^[^#+/\s]+$", examples=["homeassistant"])] = "homeassistant"


def _polls_per_second(cloud: dict[str, Any]) -> float:
    return min(2.0, float(cloud["requests_per_second"]))


class CloudConfig(Section):
    """One cloud: how the gateway treats it; what its adapter wants to know stays raw in `settings`."""

    adapter: Annotated[str, Field(min_length=1, examples=["tencent"])]
    requests_per_second: Rate = 10
    #: Of one HTTP request.
    timeout: Duration = timedelta(seconds=10)
    #: Devices that are served at the same time.
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 16
    #: Between two progress reports of one device.
    progress_interval: Duration = timedelta(seconds=10)
    #: The longest time between two questions for a device's updates, and the shortest.
    poll_interval: Duration = timedelta(minutes=60)
    poll_minimum: Duration = timedelta(minutes=1)
    #: What of `requests_per_second` questions may take: 2, or all of it where that is less.
    polls_per_second: Rate = Field(default_factory=_polls_per_second)
    #: Whether what the cloud believes is compared with what is known here, and how often.
    reconcile: bool = True
    reconcile_interval: Duration = timedelta(hours=6)
    #: Every other key, for the adapter's own model; { file = … } and { env = … } are Secrets already.
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _keep_the_rest(cls, table: Any, info: ValidationInfo) -> Any:
        if not isinstance(table, dict):
            return table
        own = {key: value for key, value in table.items() if key in cls.model_fields and key != "settings"}
        rest = {key: value for key, value in table.items() if key not in own}
        if isinstance(given := rest.get("settings"), dict):
            del rest["settings"]
            rest |= given
        return {**own, "settings": secrets_in(rest, info)}

    @field_serializer("settings")
    def _hide(self, settings: dict[str, Any]) -> dict[str, str]:
        return dict.fromkeys(settings, "(for the adapter)")
