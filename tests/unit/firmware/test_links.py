"""Links: signed, expiring, short."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.firmware.links import MAX_URL, Claim, ExpiredError, ForgedError, Links, load_key
from gateway.model.firmware import Sha256

DIGEST = Sha256("ab" * 32)
HOUR = timedelta(hours=1)


class Clock:
    """Time that stands until it is moved."""

    now = 1_000_000.0

    def __call__(self) -> float:
        """Tell it."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock to turn."""
    return Clock()


@pytest.fixture
def links(clock: Clock) -> Links:
    """Links of one key."""
    return Links(b"k" * 32, "http://192.0.2.10:8070/", clock)


def token_of(url: str) -> str:
    """Return what stands behind the last slash."""
    return url.rpartition("/")[2]


def test_a_link_says_what_it_is_for(links: Links) -> None:
    """What was put into a link comes out of it."""
    url = links.make(DIGEST, "P/dev01", HOUR)
    assert url.startswith("http://192.0.2.10:8070/f/")
    assert links.read(token_of(url)) == Claim(DIGEST, "P/dev01")


def test_a_link_ends(links: Links, clock: Clock) -> None:
    """It is good until its second, and not in it."""
    token = token_of(links.make(DIGEST, "P/d", HOUR))
    clock.now += 3599
    links.read(token)
    clock.now += 1
    with pytest.raises(ExpiredError):
        links.read(token)


def test_no_letter_of_a_token_can_be_changed(links: Links) -> None:
    """Every change of what it says is a forgery."""
    token = token_of(links.make(DIGEST, "P/dev", HOUR))
    for place, letter in enumerate(token[:-1]):
        other = "A" if letter != "A" else "B"
        with pytest.raises(ForgedError):
            links.read(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize("token", ["", "a", "%2e%2e", "ä" * 80, "A" * 80, "A" * 401, "=" * 80, "+/" * 60])
def test_what_is_no_token_is_a_forgery(links: Links, token: str) -> None:
    """Whatever comes, it is refused in the same way."""
    with pytest.raises(ForgedError):
        links.read(token)


def test_another_key_opens_nothing(links: Links, clock: Clock) -> None:
    """Links die with their key."""
    other = Links(b"x" * 32, "http://h", clock)
    with pytest.raises(ForgedError):
        other.read(token_of(links.make(DIGEST, "P/d", HOUR)))
    with pytest.raises(ValueError, match="32"):
        Links(b"short", "http://h", clock)


def test_a_link_fits_into_an_old_device(links: Links, clock: Clock) -> None:
    """The longest names give a link of less than 512 bytes; what does not fit is refused, not cut."""
    assert len(links.make(DIGEST, "P" * 64 + "/" + "d" * 64, HOUR)) < 320
    with pytest.raises(ValueError, match="the subject has"):
        links.make(DIGEST, "d" * 161, HOUR)
    far = Links(b"k" * 32, "http://" + "h" * 300, clock)
    assert len(far.make(DIGEST, "P" * 30, HOUR)) <= MAX_URL
    with pytest.raises(ValueError, match=r"shorten firmware\.public_url"):
        far.make(DIGEST, "P" * 150, HOUR)


def test_an_endless_life_ends_in_2106(links: Links) -> None:
    """The expiry has four bytes."""
    links.read(token_of(links.make(DIGEST, "P/d", timedelta(days=365_000))))


def test_the_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """The same key after a restart, readable to us alone; a torn one is replaced."""
    path = tmp_path / "firmware" / "key"
    key = load_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"torn")
    assert len(load_key(path)) == 32
