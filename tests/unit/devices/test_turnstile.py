"""Who may come how often, with a clock of the test's own."""

import pytest

from gateway.core.networks import REMEMBERED, Recent, network_of, plain
from gateway.devices.broker.turnstile import SHARES, Turnstile

RATE = 200


def let_in(turnstile: Turnstile, network: str, count: int, now: float) -> int:
    """Return how many of so many may come."""
    return sum(turnstile.lets_in(network, now) for _ in range(count))


def test_one_network_alone_has_the_whole_rate() -> None:
    """Hundreds of devices behind one router: a burst of a second's worth, and then as many each second."""
    turnstile = Turnstile(RATE, 0)

    assert let_in(turnstile, "nat", 1000, 0) == RATE
    later = sum(let_in(turnstile, "nat", 10, tick / 100) for tick in range(1, 1001))
    assert later == pytest.approx(10 * RATE, rel=0.05)


def test_a_flood_from_one_network_leaves_the_others_their_share() -> None:
    """However hard it tries, whoever comes seldom is let in at once."""
    turnstile = Turnstile(RATE, 0)
    flood, others, tries = 0, 0, 0
    for tick in range(1000):
        now = tick / 100
        flood += let_in(turnstile, "hostile", 100, now)
        if tick % 10 == 0:
            others += sum(turnstile.lets_in(f"site-{number}", now) for number in range(5))
            tries += 5

    assert others == tries == 500
    assert flood <= 10 * RATE - others + RATE


def test_two_hostile_networks_do_not_lock_out_a_third() -> None:
    """Nor do as many as there are shares but one."""
    turnstile = Turnstile(RATE, 0)
    refused = 0
    for tick in range(1000):
        for number in range(SHARES - 1):
            let_in(turnstile, f"hostile-{number}", 20, tick / 100)
        refused += not turnstile.lets_in("device", tick / 100) if tick % 10 == 0 else 0

    assert refused == 0


def test_the_site_s_rate_stays() -> None:
    """Ever new addresses come no faster than the site bears."""
    turnstile = Turnstile(RATE, 0)

    came = sum(turnstile.lets_in(f"10.0.{tick % 250}.{tick % 7}", tick / 2000) for tick in range(20_000))

    assert came <= 10 * RATE + 2 * RATE


def test_what_a_network_took_in_peace_is_not_held_against_it() -> None:
    """A second after its flood it has its share again."""
    turnstile = Turnstile(RATE, 0)
    let_in(turnstile, "nat", 10_000, 0)

    assert let_in(turnstile, "nat", RATE // SHARES, 2.1) == RATE // SHARES


def test_a_low_rate_still_lets_everybody_come() -> None:
    """One a second and network at the least."""
    turnstile = Turnstile(0.5, 0)

    assert turnstile.lets_in("a", 0)
    assert turnstile.lets_in("b", 0)
    assert not turnstile.lets_in("c", 0)
    assert turnstile.lets_in("c", 2)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("somewhere", "somewhere"),
    ],
)
def test_a_network_is_what_one_owner_has(address: str, network: str) -> None:
    """An IPv4 address, whatever it is dressed as, or the /64 of an IPv6 one."""
    assert network_of(address) == network
    assert network_of(plain(address)) == network


def test_what_is_remembered_is_bounded() -> None:
    """The ones seen least lately go first."""
    recent: Recent[int, int] = Recent()
    for number in range(REMEMBERED + 10):
        recent.put(number, number)
        recent.put(0, number)

    assert len(recent) == REMEMBERED
    assert {0, REMEMBERED + 9} <= recent.keys()
    assert 1 not in recent
