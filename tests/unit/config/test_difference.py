"""What a new configuration changes of the one that runs, as a table; and that reloading ends where a start would."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Config, load
from gateway.config.difference import Difference, Names, difference

BASE = """
[gateway]
name = "site"
data_dir = "data"
[mqtt]
listen = "127.0.0.1:1883"
[http]
token = "hunter2"
[clouds.one]
adapter = "journal"
path = "one"
[clouds.two]
adapter = "journal"
path = "two"
[products.P]
dialect = "plain"
authentication = "password"
clouds = ["one"]
[products.P.devices.a]
secret = "s1"
[products.P.devices.b]
secret = "s2"
"""
TLS = 'tls_listen = "127.0.0.1:8883"\ntls_certificate = "a.crt"\ntls_key = "a.key"\ntls_client_ca = "ca"\n'
WITH_TLS = BASE.replace("[http]", TLS + "[http]")
FIRMWARE = '[firmware]\npublic_url = "http://192.0.2.1"\n'
PRODUCT_Q = '[products.Q]\ndialect = "plain"\nauthentication = "password"\nclouds = []\n'

#: What is read first, what then, and what that changes.
APPLIED = {
    "nothing": (BASE, BASE, []),
    "log level": (BASE, BASE.replace("[mqtt]", 'log_level = "debug"\n[mqtt]'), ["gateway.log_level changed"]),
    "limit": (
        BASE,
        BASE + "[mqtt.limits]\nmax_connections = 7\nmax_subscriptions = 3\n",
        ["mqtt.limits.max_connections changed", "mqtt.limits.max_subscriptions changed"],
    ),
    "token": (BASE, BASE.replace("hunter2", "hunter3"), ["http.token changed"]),
    "quota": (BASE, BASE + '[store]\nlane_quota = "1MiB"\n', ["store.lane_quota changed"]),
    "cloud added": (BASE, BASE + '[clouds.three]\nadapter = "journal"\n', ["clouds.three added"]),
    "cloud removed": (
        BASE,
        BASE.replace('[clouds.two]\nadapter = "journal"\npath = "two"', ""),
        ["clouds.two removed"],
    ),
    "cloud's own key": (BASE, BASE.replace('path = "two"', 'path = "three"'), ["clouds.two.path changed"]),
    "cloud's rate": (
        BASE,
        BASE.replace('path = "two"', 'path = "two"\nconcurrency = 3'),
        ["clouds.two.concurrency changed"],
    ),
    "product added": (BASE, BASE + PRODUCT_Q, ["products.Q added"]),
    "product removed": (BASE + PRODUCT_Q, BASE, ["products.Q removed"]),
    "rule of a product": (
        BASE,
        BASE.replace('clouds = ["one"]', 'clouds = ["two", "one"]\nsuccess = "on_done"'),
        ["products.P.clouds changed", "products.P.success changed"],
    ),
    "devices": (
        BASE,
        BASE.replace(
            '[products.P.devices.a]\nsecret = "s1"', '[products.P.devices.c]\nsecret = "s3"'
        ).replace('"s2"', '"s4"'),
        ["products.P.devices changed (1 added, 1 removed, 1 changed)"],
    ),
    "certificate": (WITH_TLS, WITH_TLS.replace("a.crt", "b.crt"), ["mqtt.tls_certificate changed"]),
    "denied certificate": (
        WITH_TLS,
        WITH_TLS.replace("[http]", f'denied_certificates = ["{"ab" * 32}"]\n[http]'),
        ["mqtt.denied_certificates changed"],
    ),
}

#: The same for what only a restart can apply.
WAITING = {
    "name": (
        BASE,
        BASE.replace('"site"', '"box"'),
        ["gateway.name needs a restart; it stays site until then"],
    ),
    "listener": (
        BASE,
        BASE.replace("1883", "1884"),
        ["mqtt.listen needs a restart; it stays 127.0.0.1:1883 until then"],
    ),
    "listener for TLS, with all that belongs to it": (
        BASE,
        WITH_TLS,
        ['mqtt.tls_listen needs a restart; it stays "" until then'],
    ),
    "end of TLS": (
        WITH_TLS,
        BASE,
        ["mqtt.tls_listen needs a restart; it stays 127.0.0.1:8883 until then"],
    ),
    "HTTP": (
        BASE,
        BASE.replace("[http]", '[http]\nlisten = "127.0.0.1:9"'),
        ["http.listen needs a restart; it stays 127.0.0.1:9464 until then"],
    ),
    "store": (
        BASE,
        BASE + '[store]\nurl = "postgresql+psycopg://u@h/d"\npassword = "hunter2"\n',
        [
            "store.url needs a restart; it stays sqlite:///gateway.db until then",
            "store.password needs a restart; it stays as it is until then",
        ],
    ),
    "images": (BASE, BASE + FIRMWARE, ["firmware needs a restart; it stays away until then"]),
    "no images": (BASE + FIRMWARE, BASE, ["firmware needs a restart; it stays as it is until then"]),
    "Home Assistant": (
        BASE + '[home_assistant]\nbroker = "127.0.0.1:1"\npassword = "hunter2"\n',
        BASE + '[home_assistant]\nbroker = "127.0.0.1:2"\npassword = "hunter3"\n',
        [
            "home_assistant.broker needs a restart; it stays 127.0.0.1:1 until then",
            "home_assistant.password needs a restart; it stays as it is until then",
        ],
    ),
    "where images may come from": (
        BASE + FIRMWARE,
        BASE + FIRMWARE + 'allowed_hosts = ["a.b"]\nquota = "1GiB"\n',
        [
            "firmware.quota needs a restart; it stays 2147483648 until then",
            "firmware.allowed_hosts needs a restart; it stays [] until then",
        ],
    ),
}

#: What would be wrong until a restart, and is refused for it.
REFUSED = {
    "a token given up with an address that stays": (
        BASE.replace("[http]", '[http]\nlisten = "0.0.0.0:9464"'),
        BASE.replace('token = "hunter2"', ""),
        [
            (
                'until a restart applies http.listen: http.token is missing, and http.listen is "0.0.0.0:9464", '
                'which others can reach; set http.token, or listen on "127.0.0.1:9464"'
            )
        ],
    ),
    "updates without a server for images": (
        BASE,
        BASE.replace('clouds = ["one"]', 'clouds = ["one"]\ntasks = "poll"') + FIRMWARE,
        [
            (
                'until a restart applies firmware: products.P.tasks is "poll", and there is no table [firmware] '
                'to serve images; add it, or set tasks = "off"'
            )
        ],
    ),
    "strangers at an address that stays": (
        BASE.replace("127.0.0.1:1883", "0.0.0.0:1883"),
        BASE.replace('"password"', '"anonymous"'),
        [
            (
                'until a restart applies mqtt.listen: products.P.authentication is "anonymous", and mqtt.listen is '
                '"0.0.0.0:1883", which others can reach; listen on "127.0.0.1:1883", '
                "or set mqtt.anonymous_anywhere = true"
            )
        ],
    ),
}


def _read(text: str, directory: Path) -> Config:
    path = directory / "gateway.toml"
    path.write_text(text)
    return load(path, {})


def _between(old: str, new: str, directory: Path) -> Difference:
    return difference(_read(old, directory), _read(new, directory))


@pytest.mark.parametrize(("old", "new", "expected"), APPLIED.values(), ids=APPLIED)
def test_what_is_applied_is_named(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    """Every key that changed, and none besides; then all of the new configuration is in force."""
    found = _between(old, new, tmp_path)
    assert list(found.applied) == expected
    assert found.waiting == {}
    assert found.in_force == _read(new, tmp_path)
    assert list(found.problems()) == []


@pytest.mark.parametrize(("old", "new", "expected"), WAITING.values(), ids=WAITING)
def test_what_needs_a_restart_is_named_and_stays(
    old: str, new: str, expected: list[str], tmp_path: Path
) -> None:
    """The sentence says what is in force until then, and nothing of it is."""
    found = _between(old, new, tmp_path)
    assert list(found.waiting.values()) == expected
    assert list(found.applied) == []
    assert found.in_force == _read(old, tmp_path)
    assert list(found.problems()) == []


@pytest.mark.parametrize(("old", "new", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_would_be_wrong_until_a_restart_is_refused(
    old: str, new: str, expected: list[str], tmp_path: Path
) -> None:
    """Half of a new configuration may be worse than either: the other half is not applied without it."""
    assert list(_between(old, new, tmp_path).problems()) == expected


def test_no_table_is_forgotten() -> None:
    """Each is compared, or waits for a restart: one that is neither would be said to be in force, and not be."""
    known = {"gateway", "mqtt", "http", "store", "firmware", "home_assistant", "clouds", "products"}
    assert Config.model_fields.keys() == known


def test_lanes_and_products_are_told_apart(tmp_path: Path) -> None:
    """What is to begin, to end, and to begin anew."""
    new = BASE.replace("clouds.two", "clouds.three").replace('path = "one"', "") + PRODUCT_Q
    found = _between(BASE, new, tmp_path)
    assert found.clouds == Names(added=("three",), removed=("two",), changed=("one",))
    assert found.products == Names(added=("Q",))


def test_what_needs_a_restart_is_said_again_until_there_is_one(tmp_path: Path) -> None:
    """A second reload of the same file changes nothing, and still says what waits."""
    new = BASE.replace("1883", "1884").replace("hunter2", "hunter3")
    first = _between(BASE, new, tmp_path)
    second = difference(first.in_force, _read(new, tmp_path))
    assert list(first.applied) == ["http.token changed"]
    assert list(second.applied) == []
    assert second.waiting == first.waiting


_FILES = sorted({file for old, new, _ in (*APPLIED.values(), *WAITING.values()) for file in (old, new)})


@given(st.lists(st.sampled_from(_FILES), min_size=2, max_size=6))
def test_any_sequence_of_reloads_ends_where_a_start_with_the_last_one_would(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """All but what needs a restart, which is as the first one said; each of its keys is named."""
    directory = tmp_path_factory.mktemp("files")
    configs = [_read(text, directory) for text in texts]
    in_force, waiting = configs[0], {}
    for config in configs[1:]:
        found = difference(in_force, config)
        in_force, waiting = found.in_force, found.waiting
    fresh, first = configs[-1], configs[0]
    restarted = difference(in_force, fresh)
    assert restarted.applied == ()
    assert restarted.waiting == waiting
    assert in_force.products == fresh.products
    assert in_force.clouds == fresh.clouds
    assert in_force.store.lane_quota == fresh.store.lane_quota
    assert in_force.http.token == fresh.http.token
    assert (in_force.mqtt.listen, in_force.http.listen) == (first.mqtt.listen, first.http.listen)
    assert (in_force.store.url, in_force.gateway.name) == (first.store.url, first.gateway.name)
    assert in_force.firmware == first.firmware
    assert (in_force == fresh) is not bool(waiting)
