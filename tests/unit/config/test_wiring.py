"""What the words of the configuration become in the rooms."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway import wiring
from gateway.config import load
from gateway.firmware.chunks import MAX_LENGTH, MIN_LENGTH
from gateway.firmware.guard import Guard, read_networks
from gateway.firmware.links import MAX_SUBJECT, Links
from gateway.firmware.waits import Waits
from gateway.model.firmware import Sha256
from gateway.model.policy import Policy, Window
from gateway.model.states import Reason
from tests.unit.config.writing import Write

FIRMWARE = '[firmware]\npublic_url = "http://192.0.2.1"\n'
PRODUCT = """
[clouds.tencent]
adapter = "tencent"
[products.P]
dialect = "plain"
authentication = "password"
clouds = ["tencent"]
"""


@pytest.fixture
def _without_zones_of_the_system() -> Iterator[None]:
    """Be on a machine that has no database of time zones."""
    zoneinfo.reset_tzpath(to=[])
    ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    ZoneInfo.clear_cache()


def _policy(path: Path) -> Policy:
    return wiring.product_rules(load(path, {}))["P"].policy


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_product_that_says_nothing_has_the_defaults(write: Write) -> None:
    """Nobody is asked, the day has no hours, and a passing failure is retried once."""
    assert _policy(write(PRODUCT)) == Policy(retries=1)


def test_a_product_has_the_policy_that_it_says(write: Write) -> None:
    """Each word of the site's policy arrives in the model."""
    text = """
    success = "on_done"
    unverified = "time_out"
    stalled = "time_out"
    tasks = "poll"
    confirmation = "required"
    window = "22:00-06:30"
    time_zone = "Asia/Shanghai"
    max_updates = 7
    retries = 3
    retry_reasons = ["LOW_BATTERY"]
    retry_after = "90s"
    downgrades = "refuse"
    """
    assert _policy(write(FIRMWARE + PRODUCT + text)) == Policy(
        needs_evidence=False,
        trusts_silence=False,
        times_out=True,
        asks_first=True,
        retries=3,
        retry_reasons=frozenset({Reason.LOW_BATTERY}),
        retry_after=timedelta(seconds=90),
        refuses_downgrades=True,
        window=Window(time(22), time(6, 30), ZoneInfo("Asia/Shanghai")),
        max_at_once=7,
    )


@pytest.mark.usefixtures("_without_zones_of_the_system")
def test_a_window_is_meant_in_its_zone_on_any_box(write: Write) -> None:
    """22:00 in Shanghai is 14:00 UTC, also where the machine has no database of zones."""
    policy = _policy(write(PRODUCT + 'window = "22:00-06:00"\ntime_zone = "Asia/Shanghai"'))
    open_at = [
        policy.may_begin(_at(f"2026-03-01T{hour}:00")) for hour in ("13:59", "14:00", "21:59", "22:00")
    ]
    assert open_at == [False, True, True, False]


def test_a_window_may_end_with_the_day(write: Write) -> None:
    """24:00 is the midnight at its end."""
    policy = _policy(write(PRODUCT + 'window = "18:00-24:00"'))
    open_at = [
        policy.may_begin(_at(f"2026-03-01T{hour}:00")) for hour in ("17:59", "18:00", "23:59", "00:00")
    ]
    assert open_at == [False, True, True, False]


@pytest.mark.parametrize("text", ["", FIRMWARE], ids=["without the table", "with nothing in it"])
def test_images_come_from_where_they_may_by_default(write: Write, text: str) -> None:
    """Without a word, the guard and the waits are the rooms' own."""
    config = load(write(text), {})
    assert wiring.waits(config) == Waits()
    assert wiring.guard(config) == Guard()


def test_images_come_from_where_the_site_allows(write: Write) -> None:
    """Hosts, networks and ports arrive in the guard, the number of transfers in the waits."""
    text = """
    allowed_hosts = ["ota.heclouds.com", ".myqcloud.com", "*.example.com", "192.168.7.9", "fd00::9"]
    allowed_networks = ["192.168.7.0/24", "fd00::/8", "10.0.0.5"]
    allowed_ports = [8443]
    max_transfers = 3
    """
    config = load(write(FIRMWARE + text), {})
    assert wiring.waits(config) == Waits(transfers=3)
    assert wiring.guard(config) == Guard(
        hosts=("ota.heclouds.com", ".myqcloud.com", "*.example.com", "192.168.7.9", "fd00::9"),
        networks=tuple(read_networks(["192.168.7.0/24", "fd00::/8", "10.0.0.5"])),
        ports=frozenset({8443}),
    )


def test_no_port_named_is_any_port(write: Write) -> None:
    """An empty list restricts nothing, as with hosts."""
    assert wiring.guard(load(write(FIRMWARE + "allowed_ports = []"), {})).ports is None


def test_the_sizes_of_chunks_are_those_of_the_format(write: Write) -> None:
    """The configuration allows what the format does, and no more than that is the default."""
    sizes = [load(write(f"{FIRMWARE}max_chunk = {size}"), {}).firmware for size in (MIN_LENGTH, MAX_LENGTH)]
    assert [given.max_chunk for given in sizes if given] == [MIN_LENGTH, MAX_LENGTH]
    default = load(write(FIRMWARE), {}).firmware
    assert default is not None
    assert default.max_chunk == MAX_LENGTH


def test_the_longest_public_url_still_makes_links_that_fit(write: Write) -> None:
    """Whatever URL the configuration accepts, an old device can hold a link for the longest name."""
    url = f"http://{'x' * 193}"
    config = load(write(f'[firmware]\npublic_url = "{url}"'), {})
    assert config.firmware is not None
    links = Links(bytes(32), config.firmware.public_url, lambda: 0.0)
    assert links.make(Sha256("00" * 32), "x" * MAX_SUBJECT, config.firmware.link_ttl).startswith(url)


def test_the_policy_survives_a_dump(write: Write) -> None:
    """A configuration can be shown as JSON, whatever it holds."""
    text = FIRMWARE + 'allowed_networks = ["10.0.0.0/8"]\n' + PRODUCT + 'window = "22:00-06:00"'
    shown = load(write(text), {}).model_dump_json()
    assert '"10.0.0.0/8"' in shown
    assert '"22:00:00"' in shown
