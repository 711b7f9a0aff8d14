"""What a good file becomes, and what happens to a file that is none."""

import json
import re
import traceback
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config import (
    Address,
    Config,
    MqttConfig,
    MqttLimits,
    ProductConfig,
    StoreConfig,
    StoreUrl,
    load,
    read,
)
from gateway.errors import ConfigError
from tests.unit.config.writing import Write, problems

SITE = """
[gateway]
name = "site-01"
data_dir = "data"
[mqtt]
listen = "[::1]:1883"
[mqtt.limits]
max_packet = "1KiB"
connect_timeout = "1.5s"
[http]
token = "hunter2"
[store]
lane_quota = "2MiB"
keep_journal = "2d"
[clouds.onenet]
adapter = "onenet"
timeout = "500ms"
access_key = { file = "key" }
headers = { nested = [{ env = "HEADER" }] }
url = "http://192.0.2.1"
[products.P]
dialect = "plain"
authentication = "password"
clouds = ["onenet"]
deadlines = { downloading = "3h" }
[products.P.devices.dev01]
secret = "hunter3"
onenet = { dev_id = 527776559 }
"""

MISTAKES = """
surprise = 1
[mqtt]
listen = "nowhere"
[http]
listen = "0.0.0.0:9464"
[store]
lane_quota = "much"
[clouds.c]
[products.P]
dialect = "klingon"
authentication = "password"
clouds = ["c"]
devices.d = { sekret = "x" }
[products.Q]
dialect = "plain"
authentication = "password"
clouds = ["d"]
devices."a/b" = {}
"""


def test_a_good_file_becomes_typed_values(write: Write, tmp_path: Path) -> None:
    """Sizes are bytes, durations timedeltas, listeners addresses; paths are relative to the file."""
    config = load(write(SITE), {})
    assert config.gateway.name == "site-01"
    assert config.gateway.data_dir == tmp_path / "data"
    assert config.mqtt.listen == Address("::1", 1883)
    assert str(config.mqtt.listen) == "[::1]:1883"
    assert config.mqtt.limits.max_packet == 1024
    assert config.mqtt.limits.connect_timeout == timedelta(seconds=1.5)
    assert config.store.lane_quota == 2 * 2**20
    assert config.store.keep_journal == timedelta(days=2)
    assert config.clouds["onenet"].timeout == timedelta(milliseconds=500)
    assert config.products["P"].deadlines == {"downloading": timedelta(hours=3)}
    assert config.products["P"].devices["dev01"].external == {"onenet": {"dev_id": "527776559"}}


def test_the_keys_of_an_adapter_stay_raw_but_for_secrets(write: Write, tmp_path: Path) -> None:
    """What the gateway does not know goes to the adapter; secrets know the directory of the file already."""
    settings = load(write(SITE), {}).clouds["onenet"].settings
    assert settings.keys() == {"access_key", "headers", "url"}
    assert settings["url"] == "http://192.0.2.1"
    assert settings["access_key"].describe() == f"the file {tmp_path / 'key'}"
    assert settings["headers"]["nested"][0].describe() == "the environment variable HEADER"


def test_the_secrets_of_a_site_are_listed_with_their_keys(write: Write) -> None:
    """Whoever must check or hide secrets finds them all, those of adapters included."""
    keys = [key for key, _ in load(write(SITE), {}).secrets()]
    assert keys == [
        "http.token",
        "clouds.onenet.access_key",
        "clouds.onenet.headers.nested[0]",
        "products.P.devices.dev01.secret",
    ]


def test_an_empty_file_is_a_gateway_with_defaults(write: Write) -> None:
    """Nothing is required before the first product."""
    config = load(write(""), {})
    assert str(config.mqtt.listen) == "0.0.0.0:1883"
    assert str(config.http.listen) == "127.0.0.1:9464"
    assert config.database_url() == "sqlite:////var/lib/ota-gateway/gateway.db"
    assert config.firmware is None


def test_all_mistakes_come_at_once(write: Write) -> None:
    """A file with mistakes in every table is answered with all of them, broken rules included."""
    keys = [re.split(r":? ", problem)[0] for problem in problems(write(MISTAKES))]
    assert keys == [
        "surprise",
        "mqtt.listen",
        "store.lane_quota",
        "http.token",
        "clouds.c.adapter",
        "products.P.dialect",
        "products.P.devices.d.sekret",
        "products.Q.clouds",
        'products.Q.devices."a/b"',
        'products.Q.devices."a/b"',
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The path and the system's word for the trouble are said."""
    path = tmp_path / "gone.toml"
    assert problems(path) == [
        f"{path} cannot be read (No such file or directory); correct the path or its permissions"
    ]


def test_a_mistake_in_toml_is_named_with_its_line(write: Write) -> None:
    """The line and column of a syntax error are said."""
    path = write("[mqtt]\nlisten = \n")
    assert problems(path) == [f"{path} is not TOML: Invalid value (at line 2, column 10); correct it there"]


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    path = tmp_path / "gateway.toml"
    path.write_bytes("name = 'Zürich'".encode("latin-1"))
    assert problems(path) == [f"{path} is not UTF-8 text; save it as UTF-8"]


def test_the_store_url_is_completed(write: Write, tmp_path: Path) -> None:
    """A database file is below data_dir, unless its path is absolute; a password joins its URL quoted."""
    below = load(write('[gateway]\ndata_dir = "d"\n[store]\nurl = "sqlite:///x.db"'), {})
    assert below.database_url() == f"sqlite:///{tmp_path}/d/x.db"
    elsewhere = load(write('[store]\nurl = "sqlite:////srv/x.db"'), {})
    assert elsewhere.database_url() == "sqlite:////srv/x.db"
    remote = load(
        write('[store]\nurl = "postgresql+psycopg://u@h:5432/d?sslmode=require"\npassword = "a/b"'), {}
    )
    assert remote.database_url() == "postgresql+psycopg://u:a%2Fb@h:5432/d?sslmode=require"


def test_a_configuration_never_prints_a_secret(write: Write) -> None:
    """Neither repr nor str nor a dump as Python or JSON has a secret's value, wherever it stands."""
    site = SITE.replace('url = "http', 'raw_token = "hunter4"\nurl = "http').replace(
        "[store]", '[store]\nurl = "postgresql+psycopg://u:hunter5@h/d"'
    )
    config = load(write(site), {})
    shown = [repr(config), str(config), str(config.model_dump()), config.model_dump_json()]
    assert [text for text in shown if "hunter" in text] == []
    assert json.loads(shown[-1])["http"]["token"] == "a literal in the configuration"
    assert str(config.store.url) == "postgresql+psycopg://u:***@h/d"


def test_a_traceback_of_a_bad_file_never_prints_a_secret(write: Write) -> None:
    """The error has no validation error with the input in its context."""
    path = write(
        '[http]\ntoken = ["hunter2"]\ntokn = "hunter3"\n[store]\nurl = "x://u:hunter4@h/d"\npassword = 5'
    )
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert "hunter" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("listen", "is_loopback"),
    [
        ("localhost:1", True),
        ("127.8.8.8:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("box.local:1", False),
    ],
)
def test_an_address_knows_who_reaches_it(write: Write, listen: str, *, is_loopback: bool) -> None:
    """Only an address of this machine alone counts as loopback; a name that is not known does not."""
    address = load(write(f'[mqtt]\nlisten = "{listen}"'), {}).mqtt.listen
    assert address is not None
    assert address.is_loopback is is_loopback
    assert str(address) == listen


def test_a_size_may_be_a_number_of_bytes(write: Write) -> None:
    """Whoever counts in bytes writes no unit."""
    assert load(write("[store]\nlane_quota = 4096"), {}).store.lane_quota == 4096


def test_questions_take_no_more_than_all_requests(write: Write) -> None:
    """Whoever bounds the requests of a cloud need not know how many of them are questions."""
    text = "[clouds.{0}]\nadapter = 'a'\nrequests_per_second = {1}\n"
    clouds = load(write(text.format("few", 0.5) + text.format("many", 100)), {}).clouds
    assert {name: cloud.polls_per_second for name, cloud in clouds.items()} == {"few": 0.5, "many": 2.0}


def test_a_secret_is_named_as_in_the_file(write: Write) -> None:
    """What TOML quotes of a key is quoted."""
    text = """
    clouds."a b" = { adapter = "a", "my token" = "hunter1", "x.y" = [{ token = "hunter2" }] }
    products."P 1" = { dialect = "plain", authentication = "password", devices."d.1" = { secret = "hunter3" } }
    """
    reading = read(write(text), {})
    assert [key for key, _ in reading.config.secrets()] == [
        'clouds."a b"."my token"',
        'clouds."a b"."x.y"[0].token',
        'products."P 1".devices."d.1".secret',
    ]


def test_literal_secrets_of_adapters_are_found_by_their_key(write: Write) -> None:
    """A literal under a name such as access_token or api_key is kept out of the log, too; so is a store's password."""
    text = """
    [store]
    url = "postgresql+psycopg://u@h/d"
    password = "hunter1"
    [clouds.c]
    adapter = "a"
    access_token = "hunter2"
    accounts = [{ name = "x", api_key = "hunter3" }]
    """
    found = {key: secret.reveal() for key, secret in load(write(text), {}).secrets()}
    assert found == {
        "store.password": "hunter1",
        "clouds.c.access_token": "hunter2",
        "clouds.c.accounts[0].api_key": "hunter3",
    }


def test_a_configuration_can_be_made_from_its_parts() -> None:
    """Tests and tools build a configuration without a file; the values are checked as those of a file are."""
    config = Config(
        mqtt=MqttConfig(
            listen=Address("127.0.0.1", 0), limits=MqttLimits(connect_timeout=timedelta(seconds=1))
        ),
        store=StoreConfig(url=StoreUrl("sqlite:///x.db")),
        products={"P": ProductConfig(dialect="plain", authentication="anonymous", clouds=[])},
    )
    assert Config.model_validate(config.model_copy()) == config
    assert repr(config.store.url) == "StoreUrl('sqlite:///x.db')"
    with pytest.raises(ValidationError):
        Config(products={"a/b": config.products["P"]})


@pytest.mark.parametrize("value", ["[" * 5000, "9" * 5000])
def test_a_value_beyond_the_reader_is_one_sentence(write: Write, value: str) -> None:
    """Brackets nested deeper than it goes, or more digits than it takes, are a mistake like any other."""
    [problem] = problems(write(f"name = {value}\n"))
    assert "gateway.toml is " in problem
