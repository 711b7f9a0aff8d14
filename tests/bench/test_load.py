"""The generator proves what it counts; these tests prove the generator."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.bench.connection import Connection
from tests.bench.fleet import KINDS, LIFECYCLE, PAYLOAD_BYTES, Kind, device, payloads, template
from tests.bench.latency import Latencies
from tests.bench.packets import RING, Ring, connect, publish, ring_of
from tests.bench.sessions import RefusedError, open_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGIN = device(7)
Ends = tuple[Connection, socket.socket, Latencies]
SIZE = len(publish(LOGIN.topic, b"." * PAYLOAD_BYTES, 1))


def puback(*packet_ids: int) -> bytes:
    """Answer some publishes."""
    return b"".join(b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in packet_ids)


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Join a connection and the server's end of its socket in memory."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    latencies = Latencies()
    with ours, theirs:
        yield Connection(ours, ring(), latencies), theirs, latencies


def ring(epoch: int = 1) -> Ring:
    """Make the ring of one device that runs through whole updates."""
    return ring_of(LOGIN.topic, payloads("lifecycle", epoch), epoch)


@contextlib.contextmanager
def answering(connack: bytes, stall_s: float = 0) -> Iterator[tuple[str, int]]:
    """Serve one client on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener, connack, stall_s))
        thread.start()
        yield ("127.0.0.1", int(listener.getsockname()[1]))
        thread.join(10)


def serve(listener: socket.socket, connack: bytes, stall_s: float) -> None:
    """Answer CONNECT, stall once, and acknowledge every publish."""
    client, _ = listener.accept()
    with client:
        client.recv(4096)
        client.sendall(connack)
        time.sleep(stall_s)
        pending, sent = 0, 0
        while data := client.recv(65536):
            pending += len(data)
            while pending >= SIZE:
                pending, sent = pending - SIZE, sent + 1
                client.sendall(puback((sent - 1) % RING + 1))


@pytest.mark.parametrize("kind", KINDS)
def test_every_payload_is_a_plain_report_of_150_bytes(kind: Kind) -> None:
    """What is sent is JSON in the plain dialect, as long as promised."""
    reports = [json.loads(payload) for payload in payloads(kind, 1)]
    assert {len(payload) for payload in payloads(kind, 1)} == {PAYLOAD_BYTES}
    assert {report["type"] for report in reports} == {"state"}


def test_lifecycle_brings_each_update_to_success_before_the_next_version() -> None:
    """Five reports name one version, and twenty versions fill the ring."""
    reports = [json.loads(payload) for payload in payloads("lifecycle", 1)]
    updates = [reports[start : start + len(LIFECYCLE)] for start in range(0, RING, len(LIFECYCLE))]
    assert all(len({report["version"] for report in update}) == 1 for update in updates)
    assert len({update[0]["version"] for update in updates}) == len(updates) == 20


def test_a_renewed_ring_names_versions_never_seen() -> None:
    """The next turn of the ring is new updates, not the same again."""
    assert ring(8).renewed() == ring(9) != ring(8)


def test_connect_carries_what_the_template_says() -> None:
    """Logins come from texts with the connection's number."""
    login = template(client_id="c{index}", username="u{index}", password="p", topic="t/{index}")(3)
    assert connect(login) == b"\x10\x15\x00\x04MQTT\x04\xc2\x02\x58\x00\x02c3\x00\x02u3\x00\x01p"
    assert login.topic == "t/3"


def test_acknowledgements_in_order_are_counted_and_timed(ends: Ends) -> None:
    """What is due and comes is acknowledged, with the time since it was meant to be sent."""
    connection, server, latencies = ends
    connection.offer(3, 1_000_000)
    assert len(server.recv(4096)) == 3 * SIZE
    server.sendall(puback(1, 2))
    assert connection.receive(5_000_000) == 2
    assert (connection.outstanding, connection.unmatched) == (1, 0)
    assert latencies.percentile_ms(99) == 4.0


def test_an_acknowledgement_split_between_reads_is_put_together(ends: Ends) -> None:
    """TCP knows no packets."""
    connection, server, _ = ends
    connection.offer(2, 0)
    server.sendall(puback(1, 2)[:6])
    assert connection.receive(0) == 1
    server.sendall(puback(1, 2)[6:])
    assert connection.receive(0) == 1
    assert connection.unmatched == 0


def test_an_acknowledgement_of_nothing_sent_is_not_counted(ends: Ends) -> None:
    """A wrong id, a repeated id and another packet are strangers."""
    connection, server, _ = ends
    connection.offer(1, 0)
    server.sendall(puback(9, 1, 1) + b"\xd0\x00\xd0\x00")
    assert connection.receive(0) == 1
    assert (connection.outstanding, connection.unmatched) == (0, 3)


def test_acknowledgements_out_of_order_are_counted_once_and_named(ends: Ends) -> None:
    """A wrong order is seen, and the connection goes on when all are there."""
    connection, server, _ = ends
    connection.offer(3, 0)
    server.sendall(puback(2, 1, 3))
    assert connection.receive(0) == 3
    assert connection.out_of_order > 0
    connection.offer(1, 0)
    server.sendall(puback(4))
    assert connection.receive(0) == 1
    assert (connection.outstanding, connection.unmatched) == (0, 0)


def test_more_than_a_ring_is_never_outstanding(ends: Ends) -> None:
    """No packet id is used twice at a time, however much is asked for."""
    connection, server, _ = ends
    connection.offer(RING + 5, 0)
    assert (connection.outstanding, connection.owed) == (RING, 5)
    server.sendall(puback(1, 2, 3, 4, 5, 6))
    assert connection.receive(0) == 6
    assert (connection.outstanding, connection.owed) == (RING - 1, 0)


def test_a_closed_connection_is_lost_and_waits_for_nothing(ends: Ends) -> None:
    """What the server did not answer before it left stays unanswered."""
    connection, server, _ = ends
    connection.offer(1, 0)
    server.close()
    connection.receive(0)
    connection.receive(0)
    assert connection.lost
    assert not connection.waits
    assert connection.outstanding == 1


def test_other_machines_are_refused() -> None:
    """The generator is for this machine alone."""
    with pytest.raises(ValueError, match="loopback"):
        open_sessions(("192.0.2.1", 1883), [LOGIN])


def test_a_refused_login_says_what_was_answered() -> None:
    """A wrong secret shows as the broker's own answer."""
    with answering(b"\x20\x02\x00\x05") as address, pytest.raises(RefusedError, match="20020005"):
        open_sessions(address, [LOGIN])
