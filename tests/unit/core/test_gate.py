"""The gate: who passes when the circuit is not closed, and what the answers do to it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.core.breaker import NEXT_PROBE
from gateway.core.gate import Gate
from gateway.errors import Denied, Scope, Unavailable
from gateway.ports.store import Circuit, LaneState
from tests.unit.core.house import ONE, House
from tests.unit.core.timeless import START

DOWN = Unavailable("down")
SHUT = LaneState(circuit=Circuit.OPEN, failures=5, until=START + 10, reason="down")
#: What a body does when it passed.
Body = Callable[[Gate], None]


async def passing(gate: Gate, body: Body, *, seconds: float = 0.0) -> float:
    """Pass the gate, take a while, say how it ended; return when it was let in."""
    async with gate:
        entered = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        body(gate)
        return entered


def fails(gate: Gate) -> None:
    """The cloud did not answer."""
    gate.failed(DOWN)


def works(gate: Gate) -> None:
    """The cloud answered."""
    gate.succeeded()


def gate_of(state: LaneState) -> Gate:
    """Make a gate that stands like this."""
    return House(lanes={ONE: state}).gates[ONE]


async def gathered(*bodies: Awaitable[float]) -> list[float]:
    """Run them all at once; return when each was let in, from the start."""
    return [round(entered - START, 3) for entered in await asyncio.gather(*bodies)]


async def test_a_closed_gate_lets_everybody_pass_at_once() -> None:
    """Concurrency is not the gate's business while the cloud is well."""
    gate = gate_of(LaneState())
    assert await gathered(*(passing(gate, works, seconds=5) for _ in range(9))) == [0.0] * 9


async def test_an_open_gate_waits_for_its_time_then_lets_one_pass() -> None:
    """The others follow when the probe has answered, all at once."""
    gate = gate_of(SHUT)
    assert await gathered(*(passing(gate, works, seconds=3) for _ in range(4))) == [10, 13, 13, 13]


async def test_a_failed_probe_shuts_the_gate_again_for_longer() -> None:
    """The second probe waits for the second pause: half of two seconds after the first."""
    gate = gate_of(SHUT)
    first = asyncio.create_task(passing(gate, fails, seconds=3))
    second = asyncio.create_task(passing(gate, works))
    assert await gathered(first, second) == [10, 14]


async def test_a_straggler_s_end_does_not_make_room_for_a_second_probe() -> None:
    """Half-open means one request, also while older ones still hang."""
    gate = gate_of(LaneState())
    straggler = asyncio.create_task(passing(gate, fails, seconds=4))
    await asyncio.gather(*(passing(gate, fails) for _ in range(5)))
    probes = [asyncio.create_task(passing(gate, works, seconds=9)) for _ in range(2)]
    assert await gathered(straggler, *probes) == [0, 0.5, 9.5]


async def test_a_straggler_s_success_does_not_cut_a_pause_that_the_cloud_asked_for() -> None:
    """A 429 comes among answers to requests that were sent before it."""
    gate = gate_of(LaneState())
    straggler = asyncio.create_task(passing(gate, works, seconds=2))
    refused = asyncio.create_task(
        passing(gate, lambda gate: gate.failed(Unavailable("slow down", retry_after=60)), seconds=1)
    )
    await asyncio.gather(straggler, refused)
    assert await gathered(passing(gate, works)) == [61]


async def test_a_straggler_s_failure_does_not_speak_for_the_probe() -> None:
    """What the probe finds counts."""
    gate = gate_of(LaneState())
    straggler = asyncio.create_task(passing(gate, fails, seconds=4))
    await asyncio.gather(*(passing(gate, fails) for _ in range(5)))
    probe = asyncio.create_task(passing(gate, works, seconds=9))
    await straggler
    seen = [gate.state.circuit]
    await probe
    assert [*seen, gate.state.circuit] == [Circuit.HALF_OPEN, Circuit.CLOSED]


async def test_a_denial_shuts_the_gate() -> None:
    """Slow probes, for a token may be renewed while nobody watches."""
    gate = gate_of(LaneState())
    await passing(gate, lambda gate: gate.denied(Denied(Scope.LANE, "401", "no")))
    assert gate.state.circuit is Circuit.DENIED
    assert await gathered(passing(gate, works)) == [1]


async def test_a_denial_is_logged_once() -> None:
    """Not with every probe that meets it again; a new reason is news."""
    gate = gate_of(LaneState())
    with capture_logs() as lines:
        for code in ("401", "401", "403"):
            async with gate:
                gate.denied(Denied(Scope.LANE, code, "no"))
    assert [line["code"] for line in lines] == ["401", "403"]


async def test_many_denials_at_once_are_one() -> None:
    """Requests that were out when the token ran out do not slow the probes."""
    gate = gate_of(LaneState())
    denial = Denied(Scope.LANE, "401", "no")
    await asyncio.gather(*(passing(gate, lambda gate: gate.denied(denial), seconds=n) for n in range(1, 9)))
    assert gate.state.failures == 1


async def test_a_straggler_s_failure_leaves_a_denial_standing() -> None:
    """The alert says what a person must do."""
    gate = gate_of(LaneState())
    straggler = asyncio.create_task(passing(gate, fails, seconds=4))
    await passing(gate, lambda gate: gate.denied(Denied(Scope.LANE, "401", "no")))
    await straggler
    assert gate.state.circuit is Circuit.DENIED


@pytest.mark.parametrize(
    "shut",
    [
        lambda gate: gate.denied(Denied(Scope.LANE, "401", "no")),
        lambda gate: gate.failed(Unavailable("slow down", retry_after=600)),
    ],
    ids=["denied", "asked for a pause"],
)
async def test_a_straggler_that_says_nothing_leaves_a_shut_gate_as_it_is(shut: Body) -> None:
    """A message that keeps failing by itself neither cuts a pause nor hides a denial."""
    gate = gate_of(LaneState())
    straggler = asyncio.create_task(passing(gate, lambda gate: gate.failed(DOWN, telling=False), seconds=4))
    await passing(gate, shut)
    before = gate.state
    await straggler
    assert gate.state == before


async def test_a_probe_that_says_nothing_is_followed_by_another() -> None:
    """With another message, soon, and without closing or forgetting."""
    gate = gate_of(SHUT)
    await passing(gate, lambda gate: gate.failed(DOWN, telling=False))
    assert (gate.state.circuit, gate.state.failures) == (Circuit.OPEN, SHUT.failures)
    assert await gathered(passing(gate, works)) == [10 + NEXT_PROBE.total_seconds()]


async def test_a_message_that_fails_by_itself_opens_nothing() -> None:
    """It must not stop the others."""
    gate = gate_of(LaneState())
    for _ in range(20):
        await passing(gate, lambda gate: gate.failed(DOWN, telling=False))
    assert gate.state == LaneState()


async def test_a_cancelled_probe_lets_the_next_one_pass() -> None:
    """A probe that ends without a word leaves nobody locked out."""
    gate = gate_of(SHUT)
    probe = asyncio.create_task(passing(gate, works, seconds=100))
    await asyncio.sleep(11)
    waiting = asyncio.create_task(passing(gate, works))
    await asyncio.sleep(1)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert await gathered(waiting) == [12]


async def test_somebody_who_stops_waiting_disturbs_nobody() -> None:
    """A cancelled waiter is not the probe."""
    gate = gate_of(SHUT)
    waiting = [asyncio.create_task(passing(gate, works)) for _ in range(2)]
    await asyncio.sleep(1)
    waiting[0].cancel()
    assert await gathered(waiting[1]) == [10]


async def test_a_probe_of_an_earlier_run_starts_over() -> None:
    """HALF_OPEN in the store is a probe that a stop or a crash cut off."""
    gate = gate_of(LaneState(circuit=Circuit.HALF_OPEN, failures=7, until=START - 1))
    assert await gathered(*(passing(gate, works, seconds=1) for _ in range(2))) == [0, 1]


async def test_a_start_probes_a_cloud_that_denied_us_at_once() -> None:
    """A start is often a person who has just mended the credentials."""
    gate = gate_of(LaneState(circuit=Circuit.DENIED, failures=1, until=START + 60))
    assert await gathered(*(passing(gate, works, seconds=1) for _ in range(2))) == [0, 1]


async def test_waiting_for_a_probe_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody polls while a request of half a minute is out."""
    house = House(lanes={ONE: SHUT})
    timers = asyncio.get_running_loop().call_at
    asked: list[float] = []

    def counting(when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        asked.append(when)
        return timers(when, *args, **kwargs)

    monkeypatch.setattr(asyncio.get_running_loop(), "call_at", counting)
    await asyncio.gather(*(passing(house.gates[ONE], works, seconds=30) for _ in range(3)))
    assert len(asked) < 10


async def test_opened_waits_for_the_time_to_probe() -> None:
    """Claiming begins when sending may make sense."""
    gate = gate_of(SHUT)
    await gate.opened()
    assert asyncio.get_running_loop().time() == pytest.approx(START + 10)


async def test_opened_returns_when_a_success_closes_the_circuit() -> None:
    """Nobody sleeps through the end of an outage."""
    gate = gate_of(SHUT)
    await asyncio.sleep(10)
    probe = asyncio.create_task(passing(gate, works, seconds=1))
    await probe
    await gate.opened()
    assert asyncio.get_running_loop().time() == pytest.approx(START + 11)


async def test_the_breaker_is_written_down() -> None:
    """A restart finds the circuit as it was, and what was postponed is woken by the first success."""
    house = House()
    gate = house.gates[ONE]
    async with house.committing():
        await asyncio.gather(*(passing(gate, fails) for _ in range(5)))
        await house.ledger.drain()
        assert house.store.lanes[ONE].circuit is Circuit.OPEN
        await passing(gate, works)
        await house.ledger.drain()
    assert house.store.lanes[ONE] == LaneState()
    assert [changes.woken for changes in house.store.commits if changes.woken] == [{ONE}]


async def test_a_success_that_changes_nothing_writes_nothing() -> None:
    """The lane is committed when it changes, not with each message."""
    house = House()
    async with house.committing():
        await passing(house.gates[ONE], works)
        await house.ledger.drain()
    assert house.store.commits == []


async def test_the_circuit_is_a_metric() -> None:
    """0 closed, 1 half-open, 2 open, 3 denied, from the start on."""
    house = House(lanes={ONE: SHUT})
    metric = house.metrics.circuit.labels(ONE)
    seen = [metric._value.get()]
    await passing(house.gates[ONE], lambda _gate: seen.append(metric._value.get()))
    await passing(house.gates[ONE], works)
    seen.append(metric._value.get())
    assert seen == [2, 1, 0]


async def test_trouble_began_when_the_gate_shut_first() -> None:
    """Probes that fail do not make it younger; after a start it is at least as old as that; a success ends it."""
    gate = gate_of(LaneState())
    assert gate.troubled_since is None
    for _ in range(9):
        async with gate:
            gate.denied(Denied(Scope.LANE, "401", "no"))
        assert gate.troubled_since == START
    assert asyncio.get_running_loop().time() > START
    await passing(gate, works)
    assert gate.troubled_since is None
    assert gate_of(SHUT).troubled_since == asyncio.get_running_loop().time()
