"""From the configuration's words to the values that the rooms take; no decisions, one function for each room."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import ceil
from zoneinfo import ZoneInfo

from gateway import __version__
from gateway.config import CloudConfig, Config, DeviceConfig, ProductConfig
from gateway.core.acquaintances import TOO_MANY
from gateway.core.clock import Clock
from gateway.core.dispatcher import LaneSettings
from gateway.core.poller import OUTCOMES, PollSettings
from gateway.core.reconciler import KINDS
from gateway.core.record import ProductRules
from gateway.devices.access import Authentication, Credential, DeviceAccess, Product
from gateway.devices.broker import Limits, Listener, TlsFiles
from gateway.devices.dialects import DIALECTS, Dialect
from gateway.firmware.guard import Guard
from gateway.firmware.waits import Waits
from gateway.metrics import DELIVERY_OUTCOMES, Metrics, initialise
from gateway.model.identity import Device, DeviceId, Lane
from gateway.model.policy import Policy, Window
from gateway.model.states import Reason, State
from gateway.model.update import Verdict
from gateway.ops import descriptors
from gateway.ops.pushes import PushedCloud
from gateway.ports.cloud import CloudAdapter, Pushed
from gateway.store.keeping import Keep

#: Deliveries that wait for the rate of their cloud are few enough to have their turn within so many seconds: each has a
#: time limit, of which waiting is a part.
QUEUED_SECONDS = 5


def lane_of(cloud: str) -> Lane:
    """Name the lane of a cloud."""
    return Lane(f"cloud/{cloud}")


def cloud_named(lane: Lane) -> str:
    """Return the name of the cloud that a lane leads to."""
    return lane.removeprefix(lane_of(""))


def product_rules(config: Config) -> dict[str, ProductRules]:
    """Say what the engine must know of each product."""
    return {
        product_id: ProductRules(
            lanes=tuple(lane_of(cloud) for cloud in product.clouds),
            policy=_policy(product),
            asks=product.tasks == "poll",
            tells=product.dialect != "onenet",
        )
        for product_id, product in config.products.items()
    }


def _policy(product: ProductConfig) -> Policy:
    return Policy(
        needs_evidence=product.success == "on_version_match",
        trusts_silence=product.unverified == "trust_done",
        deadlines={State(name): after for name, after in product.deadlines.items()},
        rollback_after=product.rollback_after,
        times_out=product.stalled == "time_out",
        asks_first=product.confirmation == "required",
        retries=product.retries,
        retry_reasons=frozenset(map(Reason, product.retry_reasons)),
        retry_after=product.retry_after,
        refuses_downgrades=product.downgrades == "refuse",
        window=_window(product),
        max_at_once=product.max_updates,
    )


def _window(product: ProductConfig) -> Window | None:
    hours = product.window
    return Window(hours.start, hours.end, ZoneInfo(product.time_zone)) if hours else None


def dialects(config: Config) -> Mapping[str, Dialect]:
    """Say how each product speaks."""
    return {product_id: DIALECTS[product.dialect] for product_id, product in config.products.items()}


def products(config: Config) -> list[Product]:
    """Say who may log in, and how."""
    return [
        Product(
            id=product_id,
            dialect=DIALECTS[product.dialect],
            authentication=Authentication(product.authentication),
            devices={name: _credential(device) for name, device in product.devices.items()},
        )
        for product_id, product in config.products.items()
    ]


def access(config: Config, clock: Clock) -> DeviceAccess:
    """Make what judges logins."""
    return DeviceAccess(products(config), denied=config.mqtt.denied_certificates, wall_clock=clock.wall)


def _credential(device: DeviceConfig) -> Credential:
    return Credential(secret=device.secret.reveal if device.secret else None, secret_hash=device.secret_hash)


def listeners(config: Config) -> list[Listener]:
    """Say where devices connect."""
    found = []
    if config.mqtt.listen:
        found.append(Listener(host=config.mqtt.listen.host, port=config.mqtt.listen.port))
    if config.mqtt.tls_listen and config.mqtt.tls_certificate and config.mqtt.tls_key:
        tls = TlsFiles(
            certificate=config.mqtt.tls_certificate,
            key=config.mqtt.tls_key,
            client_ca=config.mqtt.tls_client_ca,
        )
        found.append(Listener(host=config.mqtt.tls_listen.host, port=config.mqtt.tls_listen.port, tls=tls))
    return found


def limits(config: Config) -> Limits:
    """Say what devices may ask of the box."""
    given = config.mqtt.limits
    return Limits(
        max_connections=descriptors.for_devices(given.max_connections, available=descriptors.take_all()),
        connects_per_second=given.connects_per_second,
        connect_timeout=given.connect_timeout,
        max_packet_bytes=given.max_packet,
        publishes_per_second=given.publishes_per_second,
        publish_burst=given.publish_burst,
        max_unacknowledged=given.max_unacknowledged,
        max_subscriptions=given.max_subscriptions,
        max_downlink_bytes=given.max_downlink,
        max_keep_alive=given.max_keep_alive,
        session_expiry=given.session_expiry,
        max_kept_sessions=given.max_kept_sessions,
    )


def guard(config: Config) -> Guard:
    """Say where images may come from."""
    given = config.firmware
    if given is None:
        return Guard()
    return Guard(
        hosts=tuple(given.allowed_hosts),
        networks=tuple(given.allowed_networks),
        ports=frozenset(given.allowed_ports) or None,
    )


def waits(config: Config) -> Waits:
    """Say what devices may ask of the image server."""
    given = Waits(transfers=config.firmware.max_transfers) if config.firmware else Waits()
    most = descriptors.for_listener(given.connections, available=descriptors.take_all())
    return replace(given, connections=most)


def keep(config: Config) -> Keep:
    """Say how much history the store keeps."""
    return Keep(
        finished=config.store.keep_updates,
        finished_rows=config.store.updates_max,
        journal=config.store.keep_journal,
        journal_rows=config.store.journal_max,
        dead_letters_rows=config.store.dead_letters_max,
        quarantine_rows=config.store.quarantine_max,
        quarantine_payload=config.store.quarantine_payload,
    )


def lane_settings(cloud: CloudConfig) -> LaneSettings:
    """Say how fast a lane may go; no more wait for a low rate than it lets through within a few seconds."""
    passing = max(1, ceil(cloud.requests_per_second * QUEUED_SECONDS))
    return LaneSettings(
        concurrency=min(cloud.concurrency, passing), progress_interval=cloud.progress_interval
    )


def cloud_of(config: Config, lane: Lane) -> CloudConfig:
    """Return the cloud that a lane leads to."""
    return config.clouds[cloud_named(lane)]


def poll_settings(config: Config, lane: Lane) -> PollSettings:
    """Say how often a cloud is asked what it wants."""
    cloud = cloud_of(config, lane)
    return PollSettings(
        interval=cloud.poll_interval, minimum=cloud.poll_minimum, per_second=cloud.polls_per_second
    )


def directory(config: Callable[[], Config]) -> Callable[[Lane, DeviceId], Device]:
    """Say what each cloud calls a device, by the configuration of the moment."""

    def find(lane: Lane, device: DeviceId) -> Device:
        product = config().products.get(device.product_id)
        known = product.devices.get(device.name) if product else None
        return Device(id=device, external=known.external.get(cloud_named(lane), {}) if known else {})

    return find


def is_named(config: Callable[[], Config]) -> Callable[[DeviceId], bool]:
    """Say whether the configuration of the moment names a device."""

    def names(device: DeviceId) -> bool:
        product = config().products.get(device.product_id)
        return product is not None and device.name in product.devices

    return names


def pushed_clouds(config: Config, adapters: Mapping[Lane, CloudAdapter]) -> dict[str, PushedCloud]:
    """Say which clouds can push, and whom their pushes may mean: devices for whom they are polled."""
    find, found = directory(lambda: config), {}
    for cloud in config.clouds:
        lane = lane_of(cloud)
        adapter = adapters[lane]
        if not isinstance(adapter, Pushed):
            continue
        named: defaultdict[str, list[DeviceId]] = defaultdict(list)
        for device in _polled(config, cloud):
            name = adapter.name_in_pushes(find(lane, device))
            if name is not None:
                named[name].append(device)
        found[cloud] = PushedCloud(lane=lane, adapter=adapter, devices=dict(named))
    return found


def _polled(config: Config, cloud: str) -> Iterator[DeviceId]:
    for product_id, product in config.products.items():
        if product.tasks == "poll" and cloud in product.clouds:
            yield from (DeviceId(product_id, name) for name in product.devices)


def initialise_metrics(metrics: Metrics, config: Config) -> None:
    """Create the series whose labels are known, at 0."""
    metrics.build.info({"version": __version__})
    initialise(metrics.updates, [state for state in State if not state.is_terminal])
    initialise(metrics.transitions, State)
    unmoved = (Verdict.DUPLICATE, Verdict.STALE, Verdict.ABSORBED)
    initialise(metrics.suppressed, [*unmoved, "no_open_update", "nothing_to_confirm", *TOO_MANY])
    initialise(metrics.refused, ["commit_failed", "outbox_full", "device_backlog"])
    initialise(metrics.retried, Reason)
    ends = [state for state in State if state.is_terminal and state is not State.SUCCEEDED]
    initialise(metrics.finished, [State.SUCCEEDED], [Reason.NONE])
    initialise(metrics.finished, ends, Reason)
    for cloud in config.clouds:
        metrics.cloud_up.labels(lane_of(cloud)).set(1)
    initialise_lanes(metrics, config)


def initialise_lanes(metrics: Metrics, config: Config) -> None:
    """Create the series of all lanes, at 0 where they are new."""
    lanes = [lane_of(cloud) for cloud in config.clouds]
    initialise(metrics.discarded, lanes, ["progress_evicted"])
    initialise(metrics.deliveries, lanes, DELIVERY_OUTCOMES)
    initialise(metrics.polls, lanes, OUTCOMES)
    initialise(metrics.drift, lanes, KINDS)
    initialise(metrics.repairs, lanes)
    initialise(metrics.order_conflicts, lanes)
    per_lane = (metrics.outbox_messages, metrics.outbox_bytes, metrics.outbox_oldest, metrics.dead_letters)
    for metric in (*per_lane, metrics.parked, metrics.delivery_lag, metrics.cloud_clock_skew):
        initialise(metric, lanes)
    for lane in lanes:
        metrics.outbox_capacity.labels(lane).set(config.store.lane_quota)
