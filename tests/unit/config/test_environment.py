"""Overrides from the environment."""

from gateway.config import load
from tests.unit.config.writing import Write, problems

SITE = """
[clouds.my-cloud]
adapter = "a"
[products.PR0Duct]
dialect = "plain"
authentication = "password"
clouds = ["my-cloud"]
"""


def test_the_environment_wins_over_the_file(write: Write) -> None:
    """Names find their key without regard to case and hyphens, in every depth."""
    config = load(
        write(SITE),
        {
            "OTA_GATEWAY_HTTP__LISTEN": "127.0.0.1:9000",
            "OTA_GATEWAY_MQTT__LIMITS__MAX_CONNECTIONS": "7",
            "OTA_GATEWAY_CLOUDS__MY_CLOUD__TIMEOUT": "3s",
            "OTA_GATEWAY_PRODUCTS__PR0DUCT__SUCCESS": "on_done",
            "OTA_GATEWAY_CONFIG": "/not/a/key",
            "OTHER__THING": "1",
        },
    )
    assert config.http.listen.port == 9000
    assert config.mqtt.limits.max_connections == 7
    assert config.clouds["my-cloud"].timeout.total_seconds() == 3
    assert config.products["PR0Duct"].success == "on_done"


def test_a_structured_value_is_json(write: Write) -> None:
    """Lists and tables can be overridden; what is not JSON after all is text."""
    config = load(
        write(SITE),
        {
            "OTA_GATEWAY_HTTP__TOKEN": '{"env": "TOKEN"}',
            "OTA_GATEWAY_PRODUCTS__PR0DUCT__CLOUDS": "[]",
            "OTA_GATEWAY_STORE__PASSWORD": "{secret",
            "OTA_GATEWAY_STORE__URL": "postgresql+psycopg://u@h/d",
        },
    )
    assert config.http.token is not None
    assert config.http.token.describe() == "the environment variable TOKEN"
    assert config.products["PR0Duct"].clouds == []
    assert config.store.password is not None
    assert config.store.password.reveal() == "{secret"


def test_a_secret_of_digits_stays_text(write: Write) -> None:
    """A token such as 1e5 is not a number."""
    config = load(write(""), {"OTA_GATEWAY_HTTP__TOKEN": "1e5"})
    assert config.http.token is not None
    assert config.http.token.reveal() == "1e5"


def test_a_mistake_names_its_variable(write: Write) -> None:
    """Whoever looks in the file would not find the mistake."""
    environ = {"OTA_GATEWAY_HTTP__LISTN": "x", "OTA_GATEWAY_HTTP__TOKEN": "", "OTA_GATEWAY_MQTT": "ignored"}
    assert problems(write(""), environ) == [
        (
            'http.token: (from OTA_GATEWAY_HTTP__TOKEN) it must be text, { file = "PATH" } or { env = "NAME" }, '
            "and not empty"
        ),
        'http.listn (from OTA_GATEWAY_HTTP__LISTN) is not a known key; did you mean "listen"?',
    ]


def test_a_variable_below_a_plain_value_makes_a_table_of_it(write: Write) -> None:
    """A variable that cannot fit is a mistake like any other, and no crash."""
    assert problems(write('[gateway]\nname = "x"'), {"OTA_GATEWAY_GATEWAY__NAME__X": "y"}) == [
        "gateway.name: it must be text in quotes"
    ]


def test_a_value_that_is_nested_too_deeply_is_text(write: Write) -> None:
    """Whatever is no JSON is text, however many brackets it has."""
    assert problems(write(SITE), {"OTA_GATEWAY_PRODUCTS__PR0DUCT__CLOUDS": "[" * 5000})
