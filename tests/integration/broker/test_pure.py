"""The parts without sockets: framing, topics, buckets, acknowledgements, kept sessions."""

import time
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.devices.broker.acknowledgements import Acknowledgements
from gateway.devices.broker.errors import PacketError
from gateway.devices.broker.framing import Control, Framer, Publish
from gateway.devices.broker.limits import Limits, TokenBucket
from gateway.devices.broker.packets import publish_head, read_connect
from gateway.devices.broker.registry import KeptSessions
from gateway.devices.broker.surplus import KEPT_BYTES, Piece
from gateway.devices.broker.topics import is_filter, matches
from tests.integration.broker.mqtt import (
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
from tests.integration.broker.site import device

LIMITS = Limits()


def drain(framer: Framer) -> list[Publish | Control | Piece]:
    """Return all packets that are complete."""
    packets: list[Publish | Control | Piece] = []
    while (packet := framer.next()) is not None:
        packets.append(packet)
    return packets


PACKETS = st.one_of(
    st.builds(
        publish,
        st.text(st.characters(exclude_characters="#+\0", codec="utf-8"), min_size=1, max_size=30).filter(
            lambda topic: topic.count("/") < 16
        ),
        st.binary(max_size=400),
        st.integers(0, 65_535),
    ),
    st.sampled_from((PINGREQ, DISCONNECT, puback(1), subscribe("a", "b/#"), unsubscribe("a"))),
)


@given(packets=st.lists(PACKETS, max_size=12), cuts=st.lists(st.integers(0, 4000), max_size=12))
def test_cuts_change_nothing(packets: list[bytes], cuts: list[int]) -> None:
    """However a stream is cut, the same packets come out, byte for byte."""
    stream = connect() + b"".join(packets)
    whole = Framer(LIMITS)
    whole.feed(stream)
    expected = drain(whole)

    framer, got = Framer(LIMITS), []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in pairwise(edges):
        framer.feed(stream[start:end])
        got += drain(framer)

    assert got == expected
    assert len(got) == len(packets) + 1
    assert [each.raw for each in got[1:] if isinstance(each, Control)] == [
        each for each in packets if each[0] >> 4 != 3
    ]


@given(packets=st.lists(PACKETS, min_size=1, max_size=6), stops=st.integers(0, 5))
def test_packets_that_wait_are_not_lost(packets: list[bytes], stops: int) -> None:
    """A reader may stop in the middle of what was fed, and be fed more."""
    framer = Framer(LIMITS)
    framer.feed(connect() + b"".join(packets))
    got = [framer.next() for _ in range(min(stops, len(packets)))]
    framer.feed(PINGREQ)
    got += drain(framer)

    assert len(got) == len(packets) + 2
    assert got[-1] == Control(12, PINGREQ, 2)


@given(st.binary(max_size=300))
def test_noise_is_an_error_or_waits(noise: bytes) -> None:
    """Nothing but PacketError ever comes of noise, before or after the CONNECT."""
    for greeting in (b"", connect()):
        framer = Framer(LIMITS)
        framer.feed(greeting + noise)
        try:
            for packet in drain(framer):
                if isinstance(packet, Control) and packet.kind == 1:
                    read_connect(packet.raw[packet.body_at :], 256)
        except PacketError:
            pass


def test_a_large_packet_in_small_pieces_costs_little() -> None:
    """Pieces are gathered once, not copied with every piece."""
    framer = Framer(LIMITS)
    framer.feed(connect())
    drain(framer)
    large = publish("a", b"x" * 65_000, 1)
    for at in range(0, len(large), 7):
        framer.feed(large[at : at + 7])
        packet = framer.next()
        assert packet or framer._needed == len(large)

    assert packet == Publish("a", b"x" * 65_000, b"\0\1")


SMALL = Limits(max_packet_bytes=100)


@given(
    payload=st.binary(min_size=100, max_size=3 * KEPT_BYTES),
    packet_id=st.integers(0, 65_535),
    cuts=st.lists(st.integers(0, 4 * KEPT_BYTES), max_size=8),
)
def test_the_beginning_of_what_is_too_long_is_kept(payload: bytes, packet_id: int, cuts: list[int]) -> None:
    """However it is cut: topic, packet id and some of the payload come out, after its end, and then what follows."""
    stream = connect() + publish("a/b", payload, packet_id) + PINGREQ
    framer, got = Framer(SMALL), []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in pairwise(edges):
        framer.feed(stream[start:end])
        got += drain(framer)
        assert len(framer._data) + len(framer._partial) <= KEPT_BYTES + 200

    packet_id_bytes = packet_id.to_bytes(2) if packet_id else b""
    length = 2 + len("a/b") + len(packet_id_bytes) + len(payload)
    _, *pieces, beginning, ping = got
    assert isinstance(beginning, Publish)
    assert beginning[:3] == ("a/b", payload[: len(beginning.payload)], packet_id_bytes)
    assert len(beginning.payload) >= min(len(payload), KEPT_BYTES)
    assert beginning.oversize == length
    assert ping == Control(12, PINGREQ, 2)
    assert all(isinstance(each, Piece) for each in pieces)
    assert len(pieces) == (len(payload) - len(beginning.payload)) // KEPT_BYTES


@pytest.mark.parametrize(
    "spoilt",
    [
        publish("a/#", b"x" * 200, 1),
        publish(b"\xff", b"x" * 200, 1),
        packet(0x32, b"\xff\xff" + b"x" * 200),
        packet(0x32, text("a") + b"\0\0" + b"x" * 200),
        packet(0x34, text("a") + b"\0\1" + b"x" * 200),
        packet(0x36, text("a") + b"\0\1" + b"x" * 200),
        packet(0x82, b"\0\1" + text("a" * 200) + b"\0"),
    ],
    ids=["wildcard", "not UTF-8", "all topic and more", "packet id 0", "QoS 2", "QoS 3", "SUBSCRIBE"],
)
def test_what_is_too_long_and_broken_is_refused(spoilt: bytes) -> None:
    """Its beginning is judged like that of any other packet."""
    framer = Framer(SMALL)
    framer.feed(connect() + spoilt)
    framer.next()

    with pytest.raises(PacketError):
        framer.next()


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+/c", "a//c", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "ab", False),
        ("#", "a/b", True),
        ("#", "$sys/a", False),
        ("+/a", "$sys/a", False),
        ("$sys/#", "$sys/a", True),
        ("a", "A", False),
        ("a/b", "a", False),
        ("/+", "/a", True),
        ("+", "/a", False),
    ],
)
def test_filters_match_as_in_the_standard(topic_filter: str, topic: str, expected: bool) -> None:  # noqa: FBT001
    """The examples of MQTT 3.1.1 §4.7, and the corners."""
    assert matches(topic_filter, topic) is expected


@pytest.mark.parametrize(
    ("topic_filter", "expected"),
    [
        ("a/#", True),
        ("#", True),
        ("+/+", True),
        ("a/#/b", False),
        ("a#", False),
        ("a+/b", False),
        ("", False),
        ("\0", False),
    ],
)
def test_filters_have_a_form(topic_filter: str, expected: bool) -> None:  # noqa: FBT001
    """[MQTT-4.7.1-2], [MQTT-4.7.1-3]."""
    assert is_filter(topic_filter) is expected


@given(st.text("a/+#", max_size=12))
def test_filters_are_judged_level_by_level(topic_filter: str) -> None:
    """Whatever the order of wildcards and slashes."""
    *others, last = topic_filter.split("/")
    allowed = all(each == "+" or not {"+", "#"} & set(each) for each in others)

    assert is_filter(topic_filter) is (
        bool(topic_filter) and allowed and (last in ("+", "#") or not {"+", "#"} & set(last))
    )


def test_a_filter_of_many_levels_is_judged_at_once() -> None:
    """A packet of 64 KB that costs seconds would be a weapon; it costs a millisecond."""
    start = time.process_time()
    for _ in range(20):
        assert is_filter("+/" * 32_000 + "#")
        assert is_filter("/" * 65_000)

    assert time.process_time() - start < 2


@given(st.text(min_size=1, max_size=50), st.binary(max_size=20_000))
def test_what_is_written_can_be_read(topic: str, payload: bytes) -> None:
    """A PUBLISH of ours is a PUBLISH, at every length of its length."""
    topic = topic.encode(errors="replace").decode()

    assert publish_head(topic, len(payload)) + payload == publish(topic, payload)


@given(st.lists(st.floats(0, 3), min_size=1, max_size=40), st.floats(0.5, 50), st.integers(1, 10))
def test_a_bucket_never_gives_more_than_its_rate(waits: list[float], rate: float, burst: int) -> None:
    """In any time: the burst and what the rate adds."""
    now = 0.0
    bucket = TokenBucket(rate, burst, now)
    taken = 0
    for wait in waits:
        now += wait
        while not bucket.wait_s(now):
            bucket.take()
            taken += 1
        assert taken <= burst + rate * now + 1e-6


def test_a_bucket_says_how_long() -> None:
    """Two a second: after a burst of one, half a second."""
    bucket = TokenBucket(2, 1, 10.0)
    assert bucket.wait_s(10.0) == 0
    bucket.take()
    assert bucket.wait_s(10.0) == 0.5
    assert bucket.wait_s(10.25) == 0.25
    assert bucket.wait_s(10.5) == 0


@given(st.permutations(range(8)))
def test_acknowledgements_come_in_order(commits: list[int]) -> None:
    """Whatever the order of the commits, PUBACKs are a growing prefix of the publishes, and all in the end."""
    ready: list[bytes] = []
    acks = Acknowledgements(on_ready=lambda: ready.append(acks.take()), on_refused=lambda: None)
    settles = [acks.expect(each.to_bytes(2)) for each in range(1, 9)]
    everything = puback(*range(1, 9))
    for at in commits:
        settles[at](True)
        assert everything.startswith(b"".join(ready))

    assert b"".join(ready) == everything
    assert len(acks) == 0


def test_kept_sessions_expire() -> None:
    """What was kept for too long is gone, asked for or not."""
    kept = KeptSessions(Limits(session_expiry=timedelta(seconds=10)))
    kept.keep(device("a"), frozenset({"x"}), 0)
    assert kept.take(device("a"), 9) == frozenset({"x"})
    assert kept.take(device("a"), 9) is None

    kept.keep(device("a"), frozenset({"x"}), 0)
    assert kept.take(device("a"), 10) is None

    kept.keep(device("a"), frozenset({"x"}), 0)
    kept.keep(device("b"), frozenset(), 20)
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("asked", "longest", "given"),
    [(60, 1800, 60), (0, 1800, 1800), (9999, 1800, 1800), (0, 0, 0), (9999, 0, 9999)],
)
def test_keep_alive_is_bounded(asked: int, longest: int, given: int) -> None:
    """None asked for means the longest; no bound means the device decides."""
    assert Limits(max_keep_alive=timedelta(seconds=longest)).keep_alive_s(asked) == given
