"""The link hands in what it understood, sets aside the rest, replies after the commit and knows who is there."""

import json
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from gateway.devices.dialects import DIALECTS
from gateway.devices.link import Link
from gateway.metrics import Metrics
from gateway.model.events import Event, VersionReported
from gateway.model.identity import DeviceId, Version
from gateway.ports.devices import Objection, Receiver, Settle

DEVICE = DeviceId("P1", "dev01")
TENCENT = DeviceId("P2", "dev01")
UP = "ota/P1/dev01/report"
TENCENT_UP = "$ota/report/P2/dev01"
VERSION = b'{"type":"version","version":"1.0"}'
TENCENT_VERSION = b'{"type":"report_version","report":{"version":"1.0"}}'


@dataclass
class FakeInbox:
    """Keeps what it is given; commits when the test says so."""

    accepted: list[tuple[Event, Settle]] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)
    aside: list[tuple[DeviceId, str, bytes, str, Settle]] = field(default_factory=list)
    has_room: bool = True
    waited: int = 0

    def accept(self, event: Event, settle: Settle, *, said: bytes = b"") -> None:
        """Keep an event."""
        self.accepted.append((event, settle))
        self.said.append(said)

    def set_aside(
        self, device: DeviceId, topic: str, payload: bytes, *, reason: str, detail: str, settle: Settle
    ) -> None:
        """Keep what was not understood."""
        self.aside.append((device, topic, payload, reason, settle))

    async def room(self) -> None:
        """Count that somebody waited."""
        self.waited += 1


@dataclass
class FakeDownlink:
    """Keeps what it is told to send."""

    sent: list[tuple[DeviceId, str, bytes]] = field(default_factory=list)

    def send(self, device: DeviceId, topic: str, payload: bytes) -> bool:
        """Keep one publish."""
        self.sent.append((device, topic, payload))
        return True

    def is_listening(self, device: DeviceId, topic: str) -> bool:
        """Nobody asks."""
        raise NotImplementedError


@dataclass
class Site:
    """A link with fakes around it."""

    inbox: FakeInbox = field(default_factory=FakeInbox)
    downlink: FakeDownlink = field(default_factory=FakeDownlink)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    listening: list[tuple[DeviceId, str]] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.link = Link(
            inbox=self.inbox,
            dialects={"P1": DIALECTS["plain"], "P2": DIALECTS["tencent"]},
            downlink=lambda: self.downlink,
            metrics=Metrics(self.registry),
            on_listening=lambda device, topic_filter: self.listening.append((device, topic_filter)),
            monotonic=lambda: self.now,
        )

    def count(self, name: str, **labels: str) -> float | None:
        """Return a sample of the gateway's metrics."""
        return self.registry.get_sample_value(f"ota_gateway_{name}", labels)


@pytest.fixture
def site() -> Site:
    """A site with one plain and one Tencent product."""
    return Site()


def ignore(committed: bool) -> None:  # noqa: FBT001 - the shape of Settle
    """Settle nothing."""


def test_an_understood_publish_goes_to_the_core_unsettled(site: Site) -> None:
    """The event is handed in with the settle of the publish; only the core settles."""
    site.link.received(DEVICE, UP, VERSION, ignore)

    assert site.inbox.accepted == [(VersionReported(device=DEVICE, version=Version("1.0")), ignore)]
    assert site.count("messages_received_total", dialect="plain", kind="version") == 1


def test_what_is_not_understood_goes_to_quarantine_unsettled(site: Site) -> None:
    """Raw topic and bytes are set aside with the reason; only the core settles."""
    site.link.received(DEVICE, UP, b"\xff", ignore)

    assert site.inbox.aside == [(DEVICE, UP, b"\xff", "bad_json", ignore)]
    assert site.inbox.accepted == []
    assert site.count("messages_rejected_total", dialect="plain", reason="bad_json") == 1


@pytest.mark.parametrize("reason", Objection)
def test_what_nobody_may_read_goes_to_quarantine_unsettled(site: Site, reason: Objection) -> None:
    """A publish to a forbidden topic, and one that is too long, are counted by reason; only the core settles."""
    assert site.count("messages_rejected_total", dialect="plain", reason=reason) == 0

    site.link.set_aside(DEVICE, "any", b"beginning", ignore, reason=reason, detail="why")

    assert site.inbox.aside == [(DEVICE, "any", b"beginning", reason, ignore)]
    assert site.inbox.accepted == []
    assert site.count("messages_rejected_total", dialect="plain", reason=reason) == 1


def test_every_series_stands_at_zero_from_the_start(site: Site) -> None:
    """A rate sees the first increment of each dialect in use."""
    assert site.count("messages_received_total", dialect="tencent", kind="state") == 0
    assert site.count("messages_rejected_total", dialect="tencent", reason="unknown_type") == 0


def test_a_reply_follows_the_commit_and_the_acknowledgement(site: Site) -> None:
    """The device hears the answer to its version report only once the report cannot be lost."""
    order: list[object] = []
    site.link.received(TENCENT, TENCENT_UP, TENCENT_VERSION, order.append)
    assert site.downlink.sent == []

    site.inbox.accepted[0][1](True)

    [(device, topic, payload)] = site.downlink.sent
    assert order == [True]
    assert (device, topic) == (TENCENT, "$ota/update/P2/dev01")
    assert json.loads(payload)["type"] == "report_version_rsp"


def test_a_failed_commit_is_passed_on_and_not_answered(site: Site) -> None:
    """A report that was not kept is not answered, so that the device says it again."""
    settled: list[bool] = []
    site.link.received(TENCENT, TENCENT_UP, TENCENT_VERSION, settled.append)

    site.inbox.accepted[0][1](False)

    assert settled == [False]
    assert site.downlink.sent == []


def test_presence_follows_connections(site: Site) -> None:
    """A device is present from connect to disconnect, and counted."""
    site.link.connected(DEVICE)
    site.link.connected(TENCENT)
    site.link.disconnected(TENCENT)

    assert site.link.present == site.count("mqtt_clients") == 1


def test_who_begins_to_listen_is_passed_on(site: Site) -> None:
    """Whoever has something to tell a device hears that it can be told now."""
    site.link.subscribed(DEVICE, "ota/P1/dev01/command")

    assert site.listening == [(DEVICE, "ota/P1/dev01/command")]


def test_a_link_needs_nobody_who_waits(site: Site) -> None:
    """Without a callback, a device that listens changes nothing."""
    link = Link(
        inbox=site.inbox, dialects={}, downlink=lambda: site.downlink, metrics=Metrics(CollectorRegistry())
    )

    link.subscribed(DEVICE, "ota/P1/dev01/command")

    assert site.downlink.sent == []


async def test_room_is_the_cores(site: Site) -> None:
    """Backpressure passes through unchanged."""
    site.inbox.has_room = False
    receiver: Receiver = site.link

    await receiver.room()

    assert not receiver.has_room
    assert site.inbox.waited == 1


def test_poison_is_logged_once_a_minute_per_device_and_reason(site: Site) -> None:
    """A device that repeats itself fills no log; another reason, another device or a minute later is news."""
    with capture_logs() as logs:
        for payload in (b"", b"", b"[]"):
            site.link.received(DEVICE, UP, payload, ignore)
        site.link.received(TENCENT, TENCENT_UP, b"", ignore)
        site.now = 60.0
        site.link.received(DEVICE, UP, b"", ignore)

    assert [(line["device"], line["reason"], line["suppressed"]) for line in logs] == [
        ("P1/dev01", "bad_json", 0),
        ("P1/dev01", "not_object", 0),
        ("P2/dev01", "bad_json", 0),
        ("P1/dev01", "bad_json", 1),
    ]
    assert {line["event"] for line in logs} == {"input_quarantined"}
    assert len(site.inbox.aside) == 5


def test_what_was_logged_is_remembered_within_a_bound(site: Site) -> None:
    """When very many devices send poison in one minute, the log and memory stay flat, and the rest is counted."""
    with capture_logs() as logs:
        for number in range(4097):
            site.link.received(DeviceId("P1", f"dev{number}"), UP, b"", ignore)
        site.now = 60.0
        site.link.received(DeviceId("P1", "dev4096"), UP, b"", ignore)

    assert len(logs) == 4097
    assert logs[-1]["suppressed"] == 1


def test_a_redelivered_version_report_is_marked_as_old_news(site: Site) -> None:
    """DUP travels with a version report, because a device that starts over and one that repeats itself differ."""
    site.link.received(DEVICE, UP, VERSION, ignore, redelivered=True)
    site.link.received(DEVICE, UP, VERSION, ignore)
    events = [event for event, _ in site.inbox.accepted]
    assert [isinstance(event, VersionReported) and event.redelivered for event in events] == [True, False]
