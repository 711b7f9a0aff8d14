"""Streams that nobody meant, on real sockets: the gateway answers in packets, ends every one, and lives."""

import contextlib
import socket
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fire.mqtt.conftest import SECONDS
from tests.fire.mqtt.fort import Fort, fort
from tests.integration.broker.mqtt import (
    ACCEPTED,
    DISCONNECT,
    PINGREQ,
    connect,
    packet,
    puback,
    publish,
    subscribe,
    text,
    unsubscribe,
)

REPORT = "ota/P/bad0/report"
EXAMPLES = int(300 * max(SECONDS, 1))
VALID = (
    connect("bad0"),
    connect("bad1", clean=False, will=(REPORT, b"will")),
    publish(REPORT, b'{"type":"version","version":"1.0"}', 1),
    publish(REPORT, b"{}"),
    publish("ota/P/bad1/report", b"not mine", 2, flags=9),
    packet(0x34, text(REPORT) + b"\0\3x"),
    subscribe("ota/P/bad0/command", "#", packet_id=4),
    unsubscribe("ota/P/bad0/command", packet_id=5),
    puback(6),
    PINGREQ,
    DISCONNECT,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Valid packets in any order, with bytes changed, left out, put in and cut off."""
    begins = draw(st.sampled_from((connect("bad0"), connect("bad0"), b"")))
    stream = bytearray(begins + b"".join(draw(st.lists(st.sampled_from(VALID), max_size=6))))
    for at, what, value in draw(
        st.lists(
            st.tuples(
                st.integers(0, 400),
                st.sampled_from(("change", "drop", "insert", "cut")),
                st.binary(max_size=3),
            )
        )
    ):
        place = at % (len(stream) + 1)
        match what:
            case "change":
                stream[place : place + len(value)] = value
            case "drop":
                del stream[place : place + 1 + len(value)]
            case "insert":
                stream[place:place] = value
            case _:
                del stream[place + len(value) * 40 :]
    return bytes(stream)


@pytest.fixture(scope="module")
def stronghold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fort]:
    """A gateway that lets everybody come, as often as they like."""
    with fort(tmp_path_factory.mktemp("fuzz"), connects_per_second=100_000) as made:
        yield made


def answers(port: int, pieces: list[bytes]) -> bytes:
    """Say this, piece by piece, and the end; return all that comes back until the broker ends as well."""
    heard = bytearray()
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A connection that the broker has closed already takes no more, and may be reset with answers unread.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                sock.sendall(piece)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while more := sock.recv(65_536):
                heard += more
    return bytes(heard)


def parsed(heard: bytes) -> list[tuple[int, bytes]]:
    """Return type and body of each answer; all of ours are shorter than 128 bytes, and whole."""
    found, at = [], 0
    while at < len(heard):
        assert heard[at + 1] < 128
        end = at + 2 + heard[at + 1]
        assert end <= len(heard), heard
        found.append((heard[at], heard[at + 2 : end]))
        at = end
    return found


def judge(said: bytes, heard: bytes) -> None:
    """Whatever was said, the answer is one that MQTT has: CONNACK first and once, then answers to what was asked."""
    found = parsed(heard)
    assert {first for first, _ in found} <= {0x20, 0x40, 0x90, 0xB0, 0xD0}, heard
    assert [at for at, (first, _) in enumerate(found) if first == 0x20] in ([], [0]), heard
    if found:
        assert found[0][0] == 0x20
        # Nothing follows a refusal; an accepted device may find a session.
        assert len(found) == 1 or found[0][1] in (b"\0\0", b"\1\0")
    for first, body in found[1:]:
        assert first == 0xD0 or body[:2] in said, (first, body)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(said=mutated(), cuts=st.lists(st.integers(0, 400), max_size=4))
def test_mutated_packets_are_answered_in_packets_or_closed(
    stronghold: Fort, said: bytes, cuts: list[int]
) -> None:
    """However they are spoilt and cut into segments."""
    edges = [0, *sorted(cut % (len(said) + 1) for cut in cuts), len(said)]
    pieces = [said[start:end] for start, end in pairwise(edges)]

    judge(said, answers(stronghold.port, pieces))


@settings(max_examples=EXAMPLES // 2)
@given(said=st.binary(max_size=600), is_in=st.booleans())
def test_garbage_is_answered_in_packets_or_closed(stronghold: Fort, said: bytes, is_in: bool) -> None:  # noqa: FBT001
    """Before a login and after one."""
    stream = (connect("bad2") if is_in else b"") + said

    judge(stream, answers(stronghold.port, [stream]))


def test_a_stream_may_be_split_at_every_byte(stronghold: Fort) -> None:
    """Two segments, with the cut at each place in turn: the same answers."""
    said = (
        connect("bad0")
        + publish(REPORT, b'{"type":"version","version":"1.0"}', 258)
        + subscribe("#")
        + PINGREQ
    )
    whole = sorted(parsed(ACCEPTED + puback(258) + b"\x90\x03\0\1\x80" + b"\xd0\0"))

    for at in range(len(said) + 1):
        heard = answers_to_an_open_end(stronghold.port, said[:at], said[at:], len(whole))
        assert sorted(parsed(heard)) == whole, at


def answers_to_an_open_end(port: int, first: bytes, rest: bytes, count: int) -> bytes:
    """Say both, and read until so many answers came: an end would overtake the commit."""
    heard = bytearray()
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(first)
        sock.sendall(rest)
        while len(heard) < 15 and (more := sock.recv(4096)):
            heard += more
    assert len(parsed(bytes(heard))) == count
    return bytes(heard)


def test_the_gateway_is_well_after_all_of_it(stronghold: Fort) -> None:
    """Good devices are served, nobody is left, and the log has no error."""
    with stronghold.guarded() as seen:
        pass
    seen()

    stronghold.settles(stronghold.held())
    assert stronghold.complaints() == []
