"""Every metric, declared once, on an injected registry. Labels are small fixed sets; never a device id.

A series whose label values are known at start is initialised to 0, so that `rate()` sees its first increment.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_REQUEST = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LAG = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400, 604_800)
_UPDATE = (30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400)

M = TypeVar("M", bound=MetricWrapperBase)

DELIVERY_OUTCOMES = ("delivered", "not_applicable", "unavailable", "rejected", "denied", "skipped")


class Metrics:
    """All series of the gateway, `ota_gateway_*`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._by_lane: list[MetricWrapperBase] = []
        disable_created_metrics()  # it would double every counter for a time that nobody asks for
        self._declare_devices()
        self._declare_model()
        self._declare_orders()
        self._declare_outbox()
        self._declare_clouds()
        self._declare_process()

    def read_firmware(self, read: Callable[[], "FirmwareReadings"]) -> None:
        """Show the figures of the firmware room, read when they are asked for; only where there is one."""
        self.registry.register(_Firmware(read))

    def forget(self, lane: str) -> None:
        """Show no series of a lane that is no more."""
        for metric in self._by_lane:
            metric.remove_by_labels({"lane": lane})

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return self._noted(
            Counter(name, text, labels, namespace="ota_gateway", registry=self.registry), labels
        )

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return self._noted(Gauge(name, text, labels, namespace="ota_gateway", registry=self.registry), labels)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        made = Histogram(name, text, labels, namespace="ota_gateway", registry=self.registry, buckets=buckets)
        return self._noted(made, labels)

    def _noted(self, metric: M, labels: tuple[str, ...]) -> M:
        if "lane" in labels:
            self._by_lane.append(metric)
        return metric

    def _declare_devices(self) -> None:
        self.clients = self._gauge("mqtt_clients", "Devices connected now.")
        self.connections_refused = self._counter(
            "mqtt_connections_refused_total", "Connections closed before or at CONNECT, by reason.", "reason"
        )
        self.auth_failures = self._counter("mqtt_auth_failures_total", "Logins refused, by reason.", "reason")
        self.protocol_errors = self._counter(
            "mqtt_protocol_errors_total",
            "What broke MQTT, a limit or a device's rights, by reason. Publishes (acl, packet_size) are set aside, "
            "anything else closes the connection.",
            "reason",
        )
        self.received = self._counter(
            "messages_received_total", "Publishes understood, by dialect and kind.", "dialect", "kind"
        )
        self.quarantined = self._counter(
            "messages_rejected_total",
            "Publishes set aside in quarantine, by dialect and reason.",
            "dialect",
            "reason",
        )

    def _declare_model(self) -> None:
        self.updates = self._gauge("updates", "Updates that are open now, by state.", "state")
        self.transitions = self._counter("transitions_total", "Updates that entered a state.", "state")
        self.finished = self._counter(
            "updates_finished_total", "Updates that ended, by result and reason.", "result", "reason"
        )
        self.update_duration = self._histogram(
            "update_duration_seconds", "From an update's first event to its end.", _UPDATE, "result"
        )
        self.suppressed = self._counter(
            "events_suppressed_total", "Events that changed nothing, by reason.", "reason"
        )
        self.stalled = self._gauge("updates_stalled", "Open updates whose owner passed the state's deadline.")

    def _declare_orders(self) -> None:
        self.retried = self._counter(
            "updates_retried_total", "Failures that were answered by beginning anew, by reason.", "reason"
        )
        self.orders = self._counter(
            "orders_total",
            "Updates that a cloud ordered, by lane and the state they began in.",
            "lane",
            "state",
        )
        self.polls = self._counter(
            "polls_total",
            "Questions to a cloud about what it wants of a device, by outcome.",
            "lane",
            "outcome",
        )
        self.pushes = self._counter(
            "pushes_total",
            "Hints that a cloud, or who claims to be one, sent to its address here, by outcome.",
            "lane",
            "outcome",
        )
        self.drift = self._gauge(
            "drift",
            "Updates of which a cloud believes something else than the gateway, by kind.",
            "lane",
            "kind",
        )
        self.repairs = self._counter(
            "drift_repairs_total", "Reports told again because the cloud turned out not to have them.", "lane"
        )
        self.order_conflicts = self._counter(
            "order_conflicts_total",
            "Orders that had to wait for another cloud's with another target.",
            "lane",
        )

    def _declare_outbox(self) -> None:
        self.outbox_messages = self._gauge("outbox_messages", "Messages waiting in a lane.", "lane")
        self.outbox_bytes = self._gauge("outbox_bytes", "Bytes of the messages waiting in a lane.", "lane")
        self.outbox_capacity = self._gauge("outbox_capacity_bytes", "Byte quota of a lane.", "lane")
        self.outbox_oldest = self._gauge(
            "outbox_oldest_message_timestamp_seconds",
            "Unix time of the oldest waiting message; 0 if none.",
            "lane",
        )
        self.discarded = self._counter(
            "outbox_discarded_total",
            "Messages dropped before delivery, by lane and reason.",
            "lane",
            "reason",
        )
        self.refused = self._counter(
            "publishes_refused_total",
            "Publishes refused because a lane, or a device's part of it, was full, or a commit failed.",
            "reason",
        )
        self.dead_letters = self._gauge("dead_letters", "Messages that a cloud refused for good.", "lane")
        self.parked = self._gauge("parked_devices", "Devices whose messages a cloud denies.", "lane")

    def _declare_clouds(self) -> None:
        self.deliveries = self._counter(
            "deliveries_total", "Messages handed to a cloud's adapter, by outcome.", "lane", "outcome"
        )
        self.delivery_lag = self._histogram(
            "delivery_lag_seconds", "From commit of a message to the cloud's acknowledgement.", _LAG, "lane"
        )
        self.requests = self._counter(
            "cloud_requests_total",
            "HTTP requests to a cloud, by action and outcome.",
            "lane",
            "action",
            "outcome",
        )
        self.cloud_errors = self._counter(
            "cloud_errors_total", "Errors that a cloud answered, by code.", "lane", "code"
        )
        self.request_duration = self._histogram(
            "cloud_request_duration_seconds", "Duration of one HTTP request.", _REQUEST, "lane", "action"
        )
        self.circuit = self._gauge(
            "cloud_circuit_state", "Circuit breaker: 0 closed, 1 half-open, 2 open, 3 denied.", "lane"
        )
        self.cloud_up = self._gauge("cloud_up", "0 while the cloud does not answer or denies us.", "lane")
        self.cloud_clock_skew = self._gauge(
            "cloud_clock_skew_seconds",
            "How far a cloud's clock was ahead of ours at its last answer.",
            "lane",
        )
        self.credential_expiry = self._gauge(
            "credential_expiry_timestamp_seconds",
            "Unix time at which a credential expires.",
            "lane",
            "credential",
        )

    def _declare_process(self) -> None:
        self.build = Info("build", "Version of the gateway.", namespace="ota_gateway", registry=self.registry)
        self.clock_synchronised = self._gauge(
            "clock_synchronized", "1 when the kernel says that the wall clock is synchronised."
        )
        self.loop_lag = self._histogram(
            "event_loop_lag_seconds", "How late the event loop ran a timer.", _FAST
        )
        self.commit_duration = self._histogram(
            "store_commit_duration_seconds", "Duration of one durable commit, fsync included.", _FAST
        )
        self.commit_failures = self._counter("store_commit_failures_total", "Commits that failed.")
        self.store_set_aside = self._counter("store_set_aside_total", "Damaged databases put aside at start.")
        self.store_log_damaged = self._counter("store_log_damaged_total", "Starts that found commits gone.")
        self.reload_ok = self._gauge(
            "config_last_reload_successful", "0 while the configuration file could not be taken up as it is."
        )
        self.reload_at = self._gauge(
            "config_last_reload_success_timestamp_seconds", "When the configuration was last taken up."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareReadings:
    """What the firmware room counts itself; every label is there from the start."""

    #: Now.
    taken: int
    quota: int
    images: int
    fetching: int
    transfers: int
    #: Since the start.
    hits: int
    fetched: int
    bytes_fetched: int
    evicted: int
    damaged: int
    #: By reason, way and HTTP status.
    failures: Mapping[str, int]
    bytes_served: Mapping[str, int]
    answers: Mapping[str, int]


class _Firmware(Collector):
    """The series `ota_gateway_firmware_*`."""

    def __init__(self, read: Callable[[], FirmwareReadings]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Yield every series as it stands now."""
        now = self._read()
        yield _gauge(
            "cache_bytes", "Bytes of images, whole or partial, and of those promised to fetches.", now.taken
        )
        yield _gauge("cache_quota_bytes", "Byte quota of the cached images.", now.quota)
        yield _gauge("images", "Images in the cache.", now.images)
        yield _gauge("fetching", "Images that are being fetched now.", now.fetching)
        yield _gauge("transfers", "Images or parts of images on their way to devices now.", now.transfers)
        yield _counter("cache_hits_total", "Images wanted for an update that were in the cache.", now.hits)
        yield _counter("fetched_total", "Images fetched to their end and proven.", now.fetched)
        yield _counter("fetched_bytes_total", "Bytes of images that came from clouds.", now.bytes_fetched)
        yield _counter(
            "evicted_total", "Images, whole or partial, that were removed to make room.", now.evicted
        )
        yield _counter(
            "damaged_total", "Cached images that were no longer what had been proven.", now.damaged
        )
        yield _counters("fetch_failures_total", "Fetches that failed, by reason.", "reason", now.failures)
        yield _counters(
            "served_bytes_total", "Bytes of images given to devices, by way.", "way", now.bytes_served
        )
        yield _counters(
            "http_answers_total", "Answers of the image server, by HTTP status.", "status", now.answers
        )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ota_gateway_firmware_{name}", text, value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"ota_gateway_firmware_{name}", text, value)


def _counters(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"ota_gateway_firmware_{name}", text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def initialise(metric: MetricWrapperBase, *label_sets: Iterable[str]) -> None:
    """Create the series of a labelled metric at 0: the product of the given label values."""
    combinations: list[tuple[str, ...]] = [()]
    for values in label_sets:
        known = tuple(values)
        combinations = [(*combination, value) for combination in combinations for value in known]
    for combination in combinations:
        metric.labels(*combination)
