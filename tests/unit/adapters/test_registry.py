"""The registry loads what the configuration names, or says all that is wrong with it."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from adapters.journal import Journal
from gateway.clouds.registry import GROUP, device_problems, prepare, secret_problems
from gateway.config import CloudConfig, ProductConfig
from gateway.errors import ConfigError
from gateway.ports.cloud import Site

KNOWN = [
    EntryPoint(name=name, value=value, group=GROUP)
    for name, value in (
        ("tencent", "adapters.tencent:factory"),
        ("onenet", "adapters.onenet:factory"),
        ("journal", "adapters.journal:factory"),
        ("broken", "adapters.no_such_module:factory"),
    )
]


def cloud(adapter: str, **settings: Any) -> CloudConfig:
    """Return a `[clouds.NAME]` table."""
    return CloudConfig.model_validate({"adapter": adapter, **settings})


def test_adapter_is_made_from_its_settings(tmp_path: Path) -> None:
    """What the configuration names runs under the configuration's name."""
    session: Any = None
    (prepared,) = prepare({"file": cloud("journal", path="x.jsonl", requests_per_second=5)}, KNOWN)

    adapter = prepared.make(
        Site(session=session, now=lambda: 0.0, credential_expires=lambda _name, _at: None, data_dir=tmp_path)
    )

    assert prepared.name == "file"
    assert isinstance(adapter, Journal)


def test_all_mistakes_come_at_once() -> None:
    """Each mistake of each cloud is one sentence with its key."""
    clouds = {
        "a": cloud("tencet"),
        "b": cloud("tencent", acess_token="x"),
        "c": cloud("onenet", api="west", resource="products/1", access_key="x"),
        "d": cloud("broken"),
        "e": cloud("journal"),
    }

    with pytest.raises(ConfigError) as caught:
        prepare(clouds, KNOWN)

    assert caught.value.problems == [
        'clouds.a.adapter is "tencet"; it must be an installed adapter: broken, journal, onenet, tencent',
        'clouds.b.acess_token is not a known key; did you mean "access_token"?',
        'clouds.c.api is "west"; it must be "south" or "fuse"',
        (
            "clouds.d.adapter is \"broken\", which cannot be loaded (No module named 'adapters.no_such_module'); "
            "install it anew"
        ),
    ]


@pytest.mark.parametrize(
    ("table", "key"),
    [(cloud("tencet"), "adapter"), (cloud("onenet", api="west"), "api"), (cloud("tencent", ulr=""), "ulr")],
)
def test_a_name_is_quoted_as_in_the_file(table: CloudConfig, key: str) -> None:
    """What a mistake names can be searched for."""
    with pytest.raises(ConfigError) as caught:
        prepare({"a b": table}, KNOWN)

    assert caught.value.problems[0].startswith(f'clouds."a b".{key} is ')


def test_a_name_is_quoted_where_its_secret_is_wrong() -> None:
    """As in any other mistake."""
    table = cloud("onenet", resource="products/1", access_key="no base64!")

    (problem,) = secret_problems({"a b": table}, KNOWN)

    assert problem.startswith('clouds."a b".access_key')


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"url": "iot.example"}, "clouds.x.url"),
        ({"url": "ftp://iot.example"}, "clouds.x.url"),
        ({"method": "sha512"}, "clouds.x.method"),
        ({"resource": ""}, "clouds.x.resource"),
        ({"modules": {"radio": 3}}, "clouds.x.modules"),
        ({"access_key": 7}, "clouds.x.access_key"),
    ],
)
def test_wrong_setting_is_named(settings: dict[str, Any], problem: str) -> None:
    """A mistake names its key."""
    table = {"resource": "products/1", "access_key": "x"} | settings

    with pytest.raises(ConfigError) as caught:
        prepare({"x": cloud("onenet", **table)}, KNOWN)

    assert [each.startswith(problem) for each in caught.value.problems] == [True]


LOGIN = {"app_key": "k", "app_secret": "TOPSECRET", "password": "TOPSECRET"}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "clouds.x: it must have exactly one of access_token and the table login"),
        (
            {"access_token": "t", "login": {**LOGIN, "phone": "1"}},
            "clouds.x: it must have exactly one of access_token and the table login",
        ),
        ({"login": LOGIN}, "clouds.x.login: it must have exactly one of email and phone"),
        (
            {"login": {**LOGIN, "phone": "1", "email": "a@b.example"}},
            "clouds.x.login: it must have exactly one of email and phone",
        ),
        (
            {"login": {"app_key": "k", "email": "a@b.example", "password": "p"}},
            "clouds.x.login.app_secret is missing; add it",
        ),
        (
            {"access_token": "t", "modules": {"mcu": ""}},
            'clouds.x.modules.mcu is ""; it must have 1 or more characters',
        ),
    ],
)
def test_tencent_has_one_way_to_its_token(settings: dict[str, Any], problem: str) -> None:
    """A token or a login, and of a login exactly one user: whatever is missing or too much is said."""
    with pytest.raises(ConfigError) as caught:
        prepare({"x": cloud("tencent", **settings)}, KNOWN)

    assert caught.value.problems == [problem]


@pytest.mark.parametrize("user", [{"phone": "13800000000"}, {"email": {"env": "USER"}, "country_code": "49"}])
def test_login_is_a_table_of_secrets(user: dict[str, Any]) -> None:
    """Each part of a login may stand elsewhere, and none of it shows."""
    (prepared,) = prepare({"x": cloud("tencent", login={**LOGIN, **user})}, KNOWN)

    assert "TOPSECRET" not in repr(prepared.settings)


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        ({}, "http://ota.heclouds.com"),
        ({"api": "fuse"}, "https://iot-api.heclouds.com"),
        ({"api": "fuse", "url": "http://192.0.2.1/"}, "http://192.0.2.1"),
    ],
)
def test_interface_has_a_host(settings: dict[str, Any], base: str) -> None:
    """Each of OneNET's interfaces has its own host, unless the site says another."""
    (prepared,) = prepare({"x": cloud("onenet", resource="products/1", access_key="x", **settings)}, KNOWN)

    assert prepared.settings.base == base


def test_secret_is_not_shown_in_a_problem() -> None:
    """A mistake beside a secret does not print it."""
    with pytest.raises(ConfigError) as caught:
        prepare({"x": cloud("tencent", access_token={"file": "a", "env": "TOPSECRET"})}, KNOWN)

    assert "TOPSECRET" not in str(caught.value)


NO_KEY = "clouds.x.access_key is not base64; copy the key as OneNET's console shows it"
NO_TOKEN = (
    "clouds.x.access_token holds no AccessToken; it must be the bare token, or what AppGetToken returned"
)


@pytest.mark.parametrize(
    ("adapter", "key", "value", "problems"),
    [
        ("onenet", "access_key", "VE9QU0VDUkVU", []),
        ("onenet", "access_key", "VE9QU0VDUkVU\n", []),
        ("onenet", "access_key", "TOPSECRET!", [NO_KEY]),
        ("onenet", "access_key", "schlüssel", [NO_KEY]),
        ("onenet", "access_key", " \n", [NO_KEY]),
        ("tencent", "access_token", "TOPSECRET", []),
        ("tencent", "access_token", '{"Token": "TOPSECRET", "ExpireAt": 1}', []),
        ("tencent", "access_token", " \n", [NO_TOKEN]),
        ("tencent", "access_token", '{"Token": ""}', [NO_TOKEN]),
        ("tencent", "access_token", '{"token": "TOPSECRET"}', [NO_TOKEN]),
    ],
)
def test_secret_that_cannot_be_good_is_named(
    tmp_path: Path, adapter: str, key: str, value: str, problems: list[str]
) -> None:
    """The adapter reads what its secret's file holds, and a gateway starts all the same."""
    (tmp_path / "secret").write_text(value, encoding="utf-8")
    settings = {key: {"file": str(tmp_path / "secret")}}
    clouds = {"x": cloud(adapter, **settings, **({"resource": "products/1"} if adapter == "onenet" else {}))}

    assert list(secret_problems(clouds, KNOWN)) == problems
    assert len(prepare(clouds, KNOWN)) == 1


def test_secret_of_which_nothing_can_be_said(tmp_path: Path) -> None:
    """A missing one is for others to name; a login, and an adapter that says nothing, have no problems."""
    clouds = {
        "a": cloud("tencent", access_token={"file": str(tmp_path / "gone")}),
        "b": cloud("tencent", login={**LOGIN, "phone": "1"}),
        "c": cloud("journal", path="x.jsonl"),
        "d": cloud("tencet"),
    }

    assert list(secret_problems(clouds, KNOWN)) == []


NEEDS = (
    "which asking for tasks needs; add the code that OneNET's console shows, "
    'or set tasks = "off" for the product'
)
CODES = {"manuf": "101", "model": "10001"}


def product(external: dict[str, dict[str, str]], **settings: Any) -> ProductConfig:
    """Return a product with one device."""
    table = {"dialect": "plain", "authentication": "password", "clouds": ["x"], "tasks": "poll", **settings}
    return ProductConfig.model_validate({**table, "devices": {"d.1": {"external": external}}})


@pytest.mark.parametrize(
    ("api", "external", "missing"),
    [
        ("south", {"dev_id": "1"}, ["manuf", "model"]),
        ("south", {"dev_id": "1", "manuf": "101"}, ["model"]),
        ("south", {"dev_id": "1", **CODES}, []),
        ("south", {}, []),
        ("fuse", {"device_name": "d"}, []),
    ],
    ids=["no code", "one code", "both codes", "a device of elsewhere", "the younger interface"],
)
def test_device_that_cannot_be_polled_for_is_named(
    api: str, external: dict[str, str], missing: list[str]
) -> None:
    """OneNET's south interface finds tasks by codes of the device, which only the configuration knows."""
    clouds = {"x": cloud("onenet", api=api, resource="products/1", access_key="VE9Q")}

    found = list(device_problems(clouds, {"P": product({"x": external})}, KNOWN))

    assert found == [f'products.P.devices."d.1".x.{key} is missing, {NEEDS}' for key in missing]


def test_device_of_which_nothing_can_be_said() -> None:
    """Nothing is missing where nobody polls, at a cloud of others, of an adapter that needs nothing, or in doubt."""
    clouds = {
        "x": cloud("onenet", resource="products/1", access_key="VE9Q"),
        "file": cloud("journal"),
        "odd": cloud("onnet"),
    }
    codeless = {"x": {"dev_id": "1"}}
    whole = product(codeless)
    products = {
        "off": product(codeless, tasks="off"),
        "elsewhere": product(codeless, clouds=["file", "odd"]),
        "doubtful": whole.without({"tasks"}),
        "device in doubt": whole.model_copy(
            update={"devices": {"d": whole.devices["d.1"].without({"external"})}}
        ),
    }

    assert list(device_problems(clouds, products, KNOWN)) == []
