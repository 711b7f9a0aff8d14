"""The rules between keys, which no single field can know. Each yields sentences; none raises."""

from collections.abc import Collection, Iterator, Mapping

from gateway.config.address import Address
from gateway.config.devices_file import Listed
from gateway.config.problems import did_you_mean, dotted
from gateway.config.products import ProductConfig
from gateway.config.section import told
from gateway.config.sections import CloudConfig, FirmwareConfig, HttpConfig, MqttConfig, StoreConfig

_ANY = {"0.0.0.0", "::"}  # noqa: S104 - compared, not listened on
_NEEDS_SECRET = {"password", "tencent", "onenet"}
_CHUNK_FRAME = 1024  # bytes, for the header and the topic
_TAKEN = {"secret", "secret_hash", "external", "name"}


def http_rules(http: HttpConfig) -> Iterator[str]:
    """Yield when strangers could read and steer the gateway."""
    if http.token is None and not http.listen.is_loopback:
        yield (
            f'http.token is missing, and http.listen is "{http.listen}", which others can reach; '
            f'set http.token, or listen on "127.0.0.1:{http.listen.port}"'
        )


def listen_rules(addresses: Mapping[str, Address | None]) -> Iterator[str]:
    """Yield when two servers would listen in one place; port 0 is another one each time."""
    seen: list[tuple[str, Address]] = []
    for key, address in addresses.items():
        if address is None or address.port == 0:
            continue
        for other, taken in seen:
            if address.port == taken.port and (
                address.host == taken.host or _ANY & {address.host, taken.host}
            ):
                yield f'{key} is "{address}", where {other} listens already; choose another port'
        seen.append((key, address))


def mqtt_rules(mqtt: MqttConfig) -> Iterator[str]:
    """Yield when no device could connect, or TLS is half configured."""
    yield from told(_listener_rule(mqtt))
    for key in ("tls_certificate", "tls_key", "tls_client_ca"):
        yield from told(_tls_file_rule(mqtt, key))
    yield from told(_denied_rule(mqtt))


def _listener_rule(mqtt: MqttConfig) -> Iterator[str]:
    if mqtt.listen is None and mqtt.tls_listen is None:
        yield 'mqtt.listen and mqtt.tls_listen are both ""; set one of them, or no device can connect'


def _tls_file_rule(mqtt: MqttConfig, key: str) -> Iterator[str]:
    is_set = getattr(mqtt, key) is not None
    if mqtt.tls_listen is None and is_set:
        yield f'mqtt.{key} is set without mqtt.tls_listen; add tls_listen = "0.0.0.0:8883" or remove {key}'
    elif mqtt.tls_listen is not None and not is_set and key != "tls_client_ca":
        yield f'mqtt.{key} is missing, and mqtt.tls_listen is "{mqtt.tls_listen}"; set mqtt.{key} to a PEM file'


def _denied_rule(mqtt: MqttConfig) -> Iterator[str]:
    if mqtt.denied_certificates and mqtt.tls_client_ca is None:
        yield (
            "mqtt.denied_certificates is set without mqtt.tls_client_ca, so that no certificate is asked for; "
            "set mqtt.tls_client_ca, or remove denied_certificates"
        )


def store_rules(store: StoreConfig) -> Iterator[str]:
    """Yield when the password is said twice or to nobody."""
    if store.password is None:
        return
    if store.url.is_sqlite:
        yield "store.password is set, and store.url is SQLite, which has none; remove store.password"
    elif store.url.has_password:
        yield "store.password is set, and store.url carries a password too; remove the one in store.url"


def cloud_rules(name: str, cloud: CloudConfig) -> Iterator[str]:
    """Yield when the name cannot serve as lane, metric label and device table, or a request could last too long."""
    key = dotted("clouds", name)
    if not (name.replace("_", "").replace("-", "").isalnum() and name.isascii() and name == name.lower()):
        yield f"{key} is no good name; it must be of a-z, 0-9, _ and -, because it names a lane"
    if len(name) > 32:
        yield f"{key} has {len(name)} characters; its name must have 32 or fewer"
    if name in _TAKEN:
        yield f"{key} is no good name, because devices have a key {name} of their own; choose another"
    if cloud.timeout.total_seconds() > 60:
        yield f"{key}.timeout is {cloud.timeout.total_seconds():g} s; it must be at most 60s"


def poll_rules(key: str, cloud: CloudConfig) -> Iterator[str]:
    """Yield when questions could be asked neither so often nor so seldom."""
    yield from told(_poll_time_rule(key, cloud))
    yield from told(_poll_rate_rule(key, cloud))


def _poll_time_rule(key: str, cloud: CloudConfig) -> Iterator[str]:
    if cloud.poll_minimum > cloud.poll_interval:
        yield (
            f"{key}.poll_minimum is {cloud.poll_minimum.total_seconds():g} s, and {key}.poll_interval is "
            f"{cloud.poll_interval.total_seconds():g} s; it must not be longer than that"
        )


def _poll_rate_rule(key: str, cloud: CloudConfig) -> Iterator[str]:
    if cloud.polls_per_second > cloud.requests_per_second:
        yield (
            f"{key}.polls_per_second is {cloud.polls_per_second:g}, and {key}.requests_per_second is "
            f"{cloud.requests_per_second:g}; it must not be more than that, of which it is a part"
        )


def firmware_rules(firmware: FirmwareConfig, mqtt: MqttConfig) -> Iterator[str]:
    """Yield when a chunk could never wait for its device."""
    room = mqtt.limits.max_downlink - _CHUNK_FRAME
    if firmware.max_chunk > room:
        yield (
            f"firmware.max_chunk is {firmware.max_chunk}, and mqtt.limits.max_downlink leaves room for "
            f"{max(room, 0)} bytes; raise mqtt.limits.max_downlink, or lower firmware.max_chunk"
        )


def task_rules(key: str, product: ProductConfig, *, has_firmware: bool) -> Iterator[str]:
    """Yield when a product asks for updates that nobody could order or serve."""
    if product.tasks == "off":
        return
    if not has_firmware:
        yield f'{key}.tasks is "poll", and there is no table [firmware] to serve images; add it, or set tasks = "off"'
    if not product.clouds:
        yield f'{key}.tasks is "poll", and {key}.clouds is []; name the clouds to ask, or set tasks = "off"'


def product_rules(key: str, product: ProductConfig, clouds: Collection[str]) -> Iterator[str]:
    """Yield when a product names what does not exist."""
    for cloud in dict.fromkeys(product.clouds):
        if cloud not in clouds:
            yield f'{key}.clouds names "{cloud}", which is not configured; {did_you_mean(cloud, clouds)}'
        elif product.clouds.count(cloud) > 1:
            yield f'{key}.clouds names "{cloud}" more than once; name it once'


def login_rules(key: str, product: ProductConfig, mqtt: MqttConfig) -> Iterator[str]:
    """Yield when a product lets in whom it should not, or nobody."""
    if product.authentication == "anonymous" and not mqtt.anonymous_anywhere:
        for name in ("listen", "tls_listen"):
            yield from told(_strangers_rule(key, mqtt, name))
    if product.authentication == "certificate" and (mqtt.tls_listen is None or mqtt.tls_client_ca is None):
        yield f'{key}.authentication is "certificate"; set mqtt.tls_listen and mqtt.tls_client_ca for it'


def _strangers_rule(key: str, mqtt: MqttConfig, name: str) -> Iterator[str]:
    address: Address | None = getattr(mqtt, name)
    if address is not None and not address.is_loopback:
        yield (
            f'{key}.authentication is "anonymous", and mqtt.{name} is "{address}", which others can reach; '
            f'listen on "127.0.0.1:{address.port}", or set mqtt.anonymous_anywhere = true'
        )


def clouds_of(product: ProductConfig, configured: Collection[str]) -> list[str]:
    """Return the clouds that its devices may have; all, where it is not clear which the product means."""
    named = product.clouds if product.knows("clouds") else []
    is_clear = product.knows("clouds") and all(cloud in configured for cloud in named)
    return list(dict.fromkeys(named if is_clear else [*named, *configured]))


def credential_rules(listed: Listed, product: ProductConfig) -> Iterator[str]:
    """Yield when a device cannot log in."""
    device = listed.device
    if device.secret is not None and device.secret_hash is not None:
        yield f"{listed.place} has both secret and secret_hash; remove one"
    how = product.authentication
    if how == "password" and device.secret is None and device.secret_hash is None:
        yield f'{listed.place} has no secret, which authentication = "password" needs; add secret or secret_hash'
    elif how in _NEEDS_SECRET and how != "password" and device.secret is None:
        yield f'{listed.place} has no secret, which authentication = "{how}" needs; add secret (a hash is not enough)'


def external_rules(listed: Listed, product: ProductConfig, configured: Collection[str]) -> Iterator[str]:
    """Yield when a device belongs to a cloud that its product does not name."""
    clouds = clouds_of(product, configured)
    known = [cloud for cloud in clouds if cloud in configured]
    for cloud in listed.device.external:
        if cloud not in clouds:
            yield f"{dotted(listed.place, cloud)} is not a cloud of this product; {did_you_mean(cloud, known)}"


class Names:
    """Who is who at each cloud; no two devices may be one there.

    A key that ends in `id` or `name` identifies a device; one that starts with `product` says within what.
    """

    def __init__(self) -> None:
        self._taken: dict[tuple[str, ...], str] = {}

    def collisions(self, listed: Listed) -> Iterator[str]:
        """Yield when a device before this one has the same name at a cloud."""
        for cloud, known in listed.device.external.items():
            products = [value for key, value in sorted(known.items()) if key.startswith("product")]
            for key, value in known.items():
                if not key.endswith(("id", "name")) or key.startswith("product"):
                    continue
                other = self._taken.setdefault((cloud, key, value, *products), listed.place)
                if other != listed.place:
                    yield (
                        f'{listed.place} has the {cloud} {key} "{value}", which {other} has too; '
                        "each device needs its own"
                    )
