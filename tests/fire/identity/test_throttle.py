"""Guessing is slow, and slows nobody else."""

import tracemalloc

import pytest

from gateway.devices.access.throttle import (
    FORGIVEN_AFTER,
    FREE_TRIES,
    LONGEST_WAIT,
    Attempt,
    Throttle,
    attempt_of,
)
from gateway.ports.devices import Login
from tests.fire.identity.door import Clock


class Guesser:
    """Guesses as often as it may."""

    def __init__(self, throttle: Throttle) -> None:
        self.throttle = throttle

    def guess(self, name: str = "P/dev1", address: str = "192.0.2.1") -> bool:
        """Whether one wrong try was judged."""
        attempt = attempt_of(_login(name, address))
        if self.throttle.holds_back(attempt) is not None:
            return False
        self.throttle.failed(attempt)
        return True

    def enter(self, name: str = "P/dev1", address: str = "192.0.2.1") -> bool:
        """Whether one right try was judged."""
        attempt = attempt_of(_login(name, address))
        if self.throttle.holds_back(attempt) is not None:
            return False
        self.throttle.proved(attempt)
        return True


def _login(username: str, address: str, client_id: str = "x") -> Login:
    return Login(client_id=client_id, username=username, password="guess", address=address)


@pytest.fixture
def clock() -> Clock:
    """Time that stands."""
    return Clock()


@pytest.fixture
def one(clock: Clock) -> Guesser:
    """A throttle and who tries it."""
    return Guesser(Throttle(clock))


def test_the_waits_grow_to_a_minute(one: Guesser, clock: Clock) -> None:
    """Five tries are free, the next ones wait 1, 2, 4 … 60 seconds; in an hour there are sixty."""
    assert [one.guess() for _ in range(FREE_TRIES + 1)] == [True] * FREE_TRIES + [False]
    waits, since = [], 0.0
    for _ in range(400):
        clock.now, since = clock.now + 0.5, since + 0.5
        if one.guess():
            waits.append(since)
            since = 0.0
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    judged = 0
    for _ in range(3600):
        clock.now += 1
        judged += one.guess()
    assert judged == 3600 / LONGEST_WAIT


def test_a_right_login_clears_its_own_account(one: Guesser) -> None:
    """Who mistypes four times and then knows it starts over."""
    for _ in range(5):
        assert all(one.guess() for _ in range(FREE_TRIES - 1))
        assert one.enter()


def test_a_stranger_elsewhere_locks_out_nobody(one: Guesser) -> None:
    """Ten thousand guesses from a hundred addresses: the device still enters, from home and from a new address."""
    assert one.enter(address="192.0.2.1")
    for number in range(10_000):
        one.guess(address=f"198.51.100.{number % 100}")
    assert one.enter(address="192.0.2.1")
    assert one.enter(address="203.0.113.7")


def test_many_addresses_share_one_account_of_the_device(one: Guesser, clock: Clock) -> None:
    """A botnet has one guess for each new address, and then together one in two seconds."""
    addresses = [f"198.51.{high}.{low}" for high in range(4) for low in range(250)]
    judged = sum(one.guess(address=each) for each in addresses)
    assert judged == len(addresses)
    second = sum(one.guess(address=each) for each in addresses)
    assert second == 0
    for _ in range(600):
        clock.now += 1
        second += sum(one.guess(address=each) for each in addresses[:50])
    assert second <= 600 / 2


def test_one_address_cannot_walk_through_all_devices(one: Guesser, clock: Clock) -> None:
    """A hundred tries at once, then five a second, whatever the names."""
    assert sum(one.guess(f"P/dev{number}") for number in range(5000)) == 100
    clock.now += 10
    assert sum(one.guess(f"P/more{number}") for number in range(5000)) <= 50


def test_neighbours_of_a_guesser_that_were_in_before_come_in_again(one: Guesser) -> None:
    """Behind one address, a device that guesses does not delay those who have been let in from there."""
    for number in range(200):
        assert one.enter(f"P/good{number}")
    for number in range(5000):
        one.guess(f"P/dev{number}")
    assert all(one.enter(f"P/good{number}") for number in range(200))


def test_a_storm_of_right_logins_is_no_guessing(one: Guesser) -> None:
    """Five thousand devices behind one address come back at once: all are judged."""
    attempts = [attempt_of(_login(f"P/dev{number}", "192.0.2.1")) for number in range(5000)]
    assert [one.throttle.holds_back(each) for each in attempts] == [None] * 5000


def test_tries_at_once_do_not_slip_through(one: Guesser) -> None:
    """A thousand connections with a guess each, before the first is answered: five are judged."""
    attempt = attempt_of(_login("P/dev1", "192.0.2.1"))
    assert [one.throttle.holds_back(attempt) for _ in range(1000)].count(None) == FREE_TRIES


def test_who_leaves_before_the_answer_has_not_tried(one: Guesser) -> None:
    """A device that gave up waiting twenty times is judged when it waits."""
    attempt = attempt_of(_login("P/dev1", "192.0.2.1"))
    for _ in range(20):
        assert one.throttle.holds_back(attempt) is None
        one.throttle.withdrawn(attempt)
    assert one.enter()


def test_it_is_forgiven(one: Guesser, clock: Clock) -> None:
    """Ten quiet minutes, and the first five are free again."""
    for _ in range(2000):
        one.guess()
        clock.now += 1
    clock.now += FORGIVEN_AFTER + LONGEST_WAIT + 1
    assert [one.guess() for _ in range(FREE_TRIES)] == [True] * FREE_TRIES


def test_a_network_of_ipv6_is_one_guesser(one: Guesser, clock: Clock) -> None:
    """Whoever has a /64 has 2^64 addresses and still one account; the next /64 has its own."""
    for number in range(1000):
        one.guess(f"P/dev{number}", f"2001:db8:0:1::{number:x}")
    assert not one.guess("P/fresh", "2001:db8:0:1:ffff::1")
    assert one.guess("P/fresh", "2001:db8:0:2::1")
    assert attempt_of(_login("P/x", "::ffff:192.0.2.9")).network == "192.0.2.9"


@pytest.mark.parametrize(
    ("username", "client_id", "name"),
    [
        ("P/dev1", "random", "P/dev1"),
        ("Pdev1;12010126;abcde;99", "random", "Pdev1"),
        ("P", "dev1", "P/dev1"),
        ("", "dev1", "/dev1"),
        ("x" * 9999, "y", "x" * 128),
    ],
)
def test_what_changes_from_try_to_try_does_not_count(username: str, client_id: str, name: str) -> None:
    """A new client id, connection id or expiry is no new device."""
    assert attempt_of(_login(username, "192.0.2.1", client_id)).name == name


def test_memory_is_bounded(one: Guesser, clock: Clock) -> None:
    """Thirty thousand names from as many addresses leave a few megabytes."""
    tracemalloc.start()
    try:
        for number in range(30_000):
            clock.now += 0.01
            one.guess(f"P/{number}" + "x" * 500, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 12_000_000


def test_an_address_that_is_none_is_its_own_network() -> None:
    """A socket without an address (a test, a pipe) counts under its name."""
    assert attempt_of(_login("P/x", "unix")) == Attempt("unix", "unix", "P/x")
