"""Under every attack good devices are served, memory is bounded, what is refused is counted, and nothing is left."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fire.mqtt import attacks
from tests.fire.mqtt.attacks import Attack, Target
from tests.fire.mqtt.conftest import SECONDS, note
from tests.fire.mqtt.fort import Fort, fort
from tests.integration.broker.site import eventually, house_with

GENEROUS_MS = 10_000
"""By then every report is acknowledged, whatever happens, on whatever machine."""


class Case(NamedTuple):
    """An attack, where its refusals are counted, and what it may cost."""

    attack: Attack
    #: (metric, reason); none where nothing is refused.
    counts: tuple[tuple[str, str], ...] = ()
    #: Resident memory above what was there before.
    megabytes: int = 24
    #: Seconds that it takes to be refused.
    patience: float = 0
    #: What half of all acknowledgements may take in any case, on a machine that attackers share.
    middle_ms: float = 100


_CONNECT = "connections_refused_total"
_BROKEN = "protocol_errors_total"
CASES = (
    Case(attacks.half_a_connect, ((_CONNECT, "connect_timeout"),), patience=1.5),
    # 300 × 16 KB for the CONNECTs, 300 × 27 KB for the connections.
    Case(attacks.most_of_a_connect, ((_CONNECT, "connect_timeout"),), patience=1.5),
    Case(attacks.silence, ((_CONNECT, "connect_timeout"),), megabytes=32, patience=1.5),
    # 200 × 64 KB for the PUBLISHes, 200 × 27 KB for the connections.
    Case(attacks.half_a_publish, ((_BROKEN, "keep_alive"),), megabytes=48, patience=2),
    # 20 × (256 KB + 64 KB) of answers.
    Case(attacks.deafness),
    Case(attacks.no_keep_alive, ((_BROKEN, "keep_alive"),), patience=3.5),
    Case(attacks.one_name),
    Case(attacks.one_name_at_once),
    Case(attacks.strangers, (("auth_failures_total", "refused"),)),
    # A thousand logins at once, again and again, all let in.
    Case(attacks.crowds, middle_ms=1000),
    Case(attacks.subscriptions, ((_BROKEN, "acl"),)),
    Case(attacks.the_same_subscription),
    Case(attacks.pings),
    Case(attacks.pubacks),
    Case(attacks.reports, ((_BROKEN, "acl"),)),
    Case(attacks.retained, ((_BROKEN, "acl"),)),
    Case(attacks.topics, ((_BROKEN, "acl"),)),
    Case(attacks.giants),
    Case(attacks.wills),
    Case(attacks.qos_2, ((_BROKEN, "qos2"),)),
    Case(attacks.garbage, ((_BROKEN, "malformed"), (_BROKEN, "unexpected_packet"))),
    Case(attacks.siege_noise, ((_BROKEN, "unexpected_packet"),)),
)


@pytest.fixture(scope="module")
def stronghold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fort]:
    """A gateway with its own limits, but for the time that refusals take; all attacks fall on the same one."""
    directory = tmp_path_factory.mktemp("fort")
    with fort(directory, connects_per_second=100_000, connect_timeout="1s", max_keep_alive="2s") as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.attack.__name__)
async def test_good_devices_do_not_notice(stronghold: Fort, case: Case) -> None:
    """All their reports are acknowledged; the gateway holds little more meanwhile, and no socket afterwards."""
    before = stronghold.held()
    counted = [stronghold.counted(*where) for where in case.counts]

    with stronghold.guarded() as seen:
        await case.attack(Target(stronghold.port, max(SECONDS, case.patience), 1000))
    under_fire = seen()

    stronghold.settles(before)
    note(case.attack.__name__, stronghold.calm, under_fire, before, stronghold.held())
    assert max(under_fire.latencies) * 1000 < GENEROUS_MS
    assert under_fire.is_bearable(stronghold.calm, middle_ms=case.middle_ms)
    assert under_fire.peak_mb - before.resident_mb < case.megabytes
    for where, count in zip(case.counts, counted, strict=True):
        assert stronghold.counted(*where) > count, where
    assert stronghold.complaints() == []


def test_nothing_is_left_of_all_of_it(stronghold: Fort) -> None:
    """After the last attack the gateway is about as small as before the first, and serves as well."""
    with stronghold.guarded() as seen:
        time.sleep(1)
    after = seen()

    note("calm again", stronghold.calm, after, stronghold.held(), stronghold.held())
    assert max(after.latencies) * 1000 < GENEROUS_MS
    assert after.peak_mb - stronghold.calm.peak_mb < 96


@pytest.mark.parametrize(
    ("most", "rate", "reason"), [(150, 100_000, "max_connections"), (10_000, 100, "connect_rate")]
)
async def test_a_flood_of_connections_is_refused_and_passes(
    tmp_path: Path, most: int, rate: int, reason: str
) -> None:
    """Those who are in stay in, and a new one gets in when it is over."""
    with fort(tmp_path, max_connections=most, connects_per_second=rate, connect_timeout="1s") as made:
        before = made.held()
        with made.guarded() as seen:
            await attacks.masses(Target(made.port, SECONDS, 1000))
        under_fire = seen()
        made.settles(before)

        note(reason, made.calm, under_fire, before, made.held())
        assert max(under_fire.latencies) * 1000 < GENEROUS_MS
        assert under_fire.peak_mb - before.resident_mb < 24
        assert made.counted(_CONNECT, reason) > 0
        with made.guarded():
            pass


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.attack.__name__)
async def test_nothing_of_the_broker_is_left(case: Case) -> None:
    """No connection, session, registration or task, and as many devices went as came."""
    seconds = timedelta(seconds=1)
    async with house_with(connect_timeout=seconds, max_keep_alive=seconds, publishes_per_second=50) as house:
        await case.attack(Target(house.port, 0.2, 100))

        await eventually(lambda: house.is_empty)
        assert house.receiver.present == 0
