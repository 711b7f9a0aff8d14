"""Every key of the reference, given a value that it cannot have, and the exact sentence that it must cause."""

import pytest

from gateway.config.products import DeviceConfig, ProductConfig
from gateway.config.section import Section
from gateway.config.sections import (
    CloudConfig,
    FirmwareConfig,
    GatewayConfig,
    HomeAssistantConfig,
    HttpConfig,
    MqttConfig,
    MqttLimits,
    StoreConfig,
)
from tests.unit.config.test_sentences import DURATION, HASH_FORM, HOURS, OPTIONAL_ADDRESS, SIZE, ZONE
from tests.unit.config.writing import Write, problems

COUNT = ("0", "is 0; it must be at least 1")
RATE = ("0", "is 0; it must be more than 0")
LONG = ("10", f"is 10; {DURATION}")
BYTES = ('"1MB"', f'is "1MB"; {SIZE}')
PATH = ("7", "is 7; it must be a path in quotes")
TEXT = ("7", "is 7; it must be text in quotes")
FLAG = ('"perhaps"', 'is "perhaps"; it must be true or false')
LIST = ("1", 'is 1; it must be a list such as ["a", "b"]')
SECRET = ("7", ': it must be text, { file = "PATH" } or { env = "NAME" }, and not empty')
ADDRESS = ('"x"', 'is "x"; it must be "host:port" such as "127.0.0.1:9464" or "[::1]:9464"')
MAYBE_ADDRESS = ('"x"', f'is "x"; {OPTIONAL_ADDRESS}')
EXACT: dict[str, tuple[str, str]] = {
    "gateway.name": TEXT,
    "gateway.data_dir": PATH,
    "gateway.log_level": ('"loud"', 'is "loud"; it must be "debug", "info", "warning" or "error"'),
    "mqtt.listen": MAYBE_ADDRESS,
    "mqtt.tls_listen": MAYBE_ADDRESS,
    "mqtt.tls_certificate": PATH,
    "mqtt.tls_key": ("7", ": it must be a path in quotes"),
    "mqtt.tls_client_ca": PATH,
    "mqtt.denied_certificates": LIST,
    "mqtt.anonymous_anywhere": FLAG,
    "mqtt.limits": ("1", "is 1; it must be a table"),
    "http.listen": ADDRESS,
    "http.token": SECRET,
    "store.url": (
        '"x"',
        'is "x"; it must be "sqlite:///FILE" (relative to data_dir) or "postgresql+psycopg://USER@HOST/DATABASE"',
    ),
    "store.password": SECRET,
    "firmware.public_url": (
        '"x"',
        'is "x"; it must be a URL such as "http://192.0.2.10:8070", without a query',
    ),
    "firmware.listen": ADDRESS,
    "firmware.max_chunk": ('"1B"', 'is "1B"; it must be from "64B" to "8KiB"'),
    "home_assistant.broker": ADDRESS,
    "home_assistant.prefix": ('"a b"', 'is "a b"; it must match ^[^#+/\\s]+$'),
    "home_assistant.username": TEXT,
    "clouds.c.adapter": TEXT,
    "clouds.c.concurrency": ("0", "is 0; it must be at least 1"),
    "products.P.dialect": ('"x"', 'is "x"; it must be "plain", "tencent" or "onenet"'),
    "products.P.authentication": (
        '"x"',
        'is "x"; it must be "password", "tencent", "onenet", "certificate" or "anonymous"',
    ),
    "products.P.success": ('"x"', 'is "x"; it must be "on_version_match" or "on_done"'),
    "products.P.unverified": ('"x"', 'is "x"; it must be "trust_done" or "time_out"'),
    "products.P.stalled": ('"x"', 'is "x"; it must be "wait" or "time_out"'),
    "products.P.tasks": ('"x"', 'is "x"; it must be "poll" or "off"'),
    "products.P.confirmation": ('"x"', 'is "x"; it must be "none" or "required"'),
    "products.P.downgrades": ('"x"', 'is "x"; it must be "allow" or "refuse"'),
    "products.P.window": ('"x"', f'is "x"; {HOURS}'),
    "products.P.time_zone": ('"x"', f'is "x"; {ZONE}'),
    "products.P.retries": ("11", "is 11; it must be at most 10"),
    "products.P.deadlines": ("1", "is 1; it must be a table"),
    "products.P.devices_file": PATH,
    "products.P.devices.d.secret_hash": ('"x"', f": {HASH_FORM}"),
}
#: The rules of which one value breaks many.
ALIKE: dict[tuple[str, str], tuple[str, ...]] = {
    COUNT: (
        *(
            f"mqtt.limits.{key}"
            for key in ("max_connections", "publish_burst", "max_unacknowledged", "max_subscriptions")
        ),
        "mqtt.limits.max_kept_sessions",
        *(f"store.{key}_max" for key in ("updates", "journal", "dead_letters", "quarantine")),
        "firmware.max_transfers",
        "products.P.max_updates",
    ),
    RATE: (
        "mqtt.limits.connects_per_second",
        "mqtt.limits.publishes_per_second",
        "clouds.c.requests_per_second",
        "clouds.c.polls_per_second",
    ),
    LONG: (
        *(f"mqtt.limits.{key}" for key in ("connect_timeout", "max_keep_alive", "session_expiry")),
        "store.keep_updates",
        "store.keep_journal",
        "firmware.link_ttl",
        *(f"clouds.c.{key}" for key in ("timeout", "progress_interval", "poll_interval", "poll_minimum")),
        "clouds.c.reconcile_interval",
        "products.P.rollback_after",
        "products.P.retry_after",
    ),
    BYTES: (
        "mqtt.limits.max_packet",
        "mqtt.limits.max_downlink",
        "store.lane_quota",
        "store.quarantine_payload",
        "firmware.quota",
    ),
    LIST: (
        *(f"firmware.allowed_{key}" for key in ("hosts", "networks", "ports")),
        "products.P.clouds",
        "products.P.retry_reasons",
    ),
    FLAG: ("home_assistant.tls", "clouds.c.reconcile"),
    SECRET: ("home_assistant.password", "products.P.devices.d.secret"),
}
WRONG = EXACT | {key: case for case, keys in ALIKE.items() for key in keys}
MODELS: dict[str, type[Section]] = {
    "gateway": GatewayConfig,
    "mqtt": MqttConfig,
    "mqtt.limits": MqttLimits,
    "http": HttpConfig,
    "store": StoreConfig,
    "firmware": FirmwareConfig,
    "home_assistant": HomeAssistantConfig,
    "clouds.c": CloudConfig,
    "products.P": ProductConfig,
    "products.P.devices.d": DeviceConfig,
}
#: What is no key of the file: the adapter's, the clouds' names, and the table of devices.
NO_KEYS = {"clouds.c.settings", "products.P.devices.d.external", "products.P.devices"}
#: What a table needs beside the key that is looked at.
NEEDED = {
    "firmware": {"public_url": '"http://192.0.2.1"'},
    "home_assistant": {"broker": '"127.0.0.1:1"'},
    "clouds.c": {"adapter": '"a"'},
    "products.P": {"dialect": '"plain"', "authentication": '"password"', "clouds": "[]"},
    "products.P.devices.d": {},
}


def test_no_key_is_left_out() -> None:
    """A new key comes with a value that it cannot have."""
    keys = {f"{table}.{key}" for table, model in MODELS.items() for key in model.model_fields}
    assert WRONG.keys() == keys - NO_KEYS


@pytest.mark.parametrize("key", WRONG)
def test_a_value_that_a_key_cannot_have_is_told(write: Write, key: str) -> None:
    """One sentence: the key, the value unless it is a secret's, the rule."""
    value, rule = WRONG[key]
    table, _, name = key.rpartition(".")
    if table.startswith("products.P.devices"):
        beside = {f"products.P.{each}": known for each, known in NEEDED["products.P"].items()}
    else:
        beside = {}
    beside |= {f"{table}.{each}": known for each, known in NEEDED.get(table, {}).items() if each != name}
    lines = [f"{each} = {known}" for each, known in (*beside.items(), (key, value))]
    assert problems(write("\n".join(lines))) == [f"{key}{'' if rule.startswith(':') else ' '}{rule}"]


# Every key of a cloud that is not the gateway's is its adapter's to refuse.
@pytest.mark.parametrize("key", [key for key in WRONG if not key.startswith("clouds.")])
def test_a_misspelled_key_is_told_with_the_one_that_is_meant(write: Write, key: str) -> None:
    """One letter too many at its end, and nothing else is said of it."""
    name = key.rpartition(".")[2]
    text = f"{key}x = 1\n"
    assert any(
        problem.startswith(f'{key}x is not a known key; did you mean "{name}')
        for problem in problems(write(text))
    )
