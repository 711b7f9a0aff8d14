"""One bad file for each mistake, with the exact sentence that it must cause."""

import re

import pytest

from gateway.config import load
from tests.unit.config.writing import Write, problems

PRODUCT = """
[clouds.tencent]
adapter = "tencent"
[products.P]
dialect = "plain"
authentication = "password"
clouds = ["tencent"]
"""
FIRMWARE = '[firmware]\npublic_url = "http://192.0.2.1"\n'
POLLING = PRODUCT + 'tasks = "poll"\n'
LISTENING_ON_LOOPBACK = '[mqtt]\nlisten = "127.0.0.1:1883"\n'
HASH_FORM = (
    'it must be "sha256$SALT$HASH" or "scrypt$N$R$P$SALT$HASH" in hexadecimal; '
    "make one with: ota-gateway hash-secret"
)
DURATION = 'it must be a duration above 0 with its unit such as "500ms", "30s", "15m", "2h" or "90d"'
SIZE = 'it must be a size above 0 such as "64KiB", "256MiB" or "2GiB"'
HOURS = 'it must be "HH:MM-HH:MM" such as "22:00-06:00", or "" for any time of the day'
ZONE = 'it must be "UTC" or an IANA name such as "Asia/Shanghai"'
HOST = 'it must be a host such as "ota.heclouds.com", or ".myqcloud.com" for all below that name'
NETWORK = 'it must be a network such as "192.168.1.0/24" or "fd00::/8"'
OPTIONAL_ADDRESS = 'it must be "host:port" such as "0.0.0.0:1883" or "[::]:1883", or "" for no listener'

FIELDS = {
    "no fingerprint": (
        '[mqtt]\ndenied_certificates = ["AB:CD"]',
        (
            'mqtt.denied_certificates[0] is "AB:CD"; it must be a SHA-256 fingerprint; '
            "print one with: openssl x509 -noout -fingerprint -sha256 -in FILE"
        ),
    ),
    "unknown key": ("[mqtt]\nlissten = 1", 'mqtt.lissten is not a known key; did you mean "listen"?'),
    "unknown key without a neighbour": (
        "[gateway]\nzzz = 1",
        "gateway.zzz is not a known key; known here: data_dir, log_level, name",
    ),
    "unknown nested key": (
        "[mqtt.limits]\nmax_conections = 1",
        'mqtt.limits.max_conections is not a known key; did you mean "max_connections"?',
    ),
    "unknown table": ("[gatway]", 'gatway is not a known key; did you mean "gateway"?'),
    "key that needs quotes": (
        '["a.b"]',
        '"a.b" is not a known key; known here: clouds, firmware, gateway, home_assistant, http, mqtt, products, store',
    ),
    "not a table": ("mqtt = 1", "mqtt is 1; it must be a table"),
    "clouds not a table": ("clouds = 1", "clouds must be a table; write [clouds.NAME]"),
    "cloud not a table": ("[clouds]\nx = 1", "clouds.x is 1; it must be a table"),
    "product not a table": ("[products]\nx = 1", "products.x is 1; it must be a table"),
    "number too small": (
        "[mqtt.limits]\nmax_connections = 0",
        "mqtt.limits.max_connections is 0; it must be at least 1",
    ),
    "number too big": (
        '[clouds.c]\nadapter = "a"\nconcurrency = 2000',
        "clouds.c.concurrency is 2000; it must be at most 1000",
    ),
    "no number": (
        '[mqtt.limits]\nmax_connections = "many"',
        'mqtt.limits.max_connections is "many"; it must be a whole number',
    ),
    "rate of nothing": (
        '[clouds.c]\nadapter = "a"\nrequests_per_second = 0',
        "clouds.c.requests_per_second is 0; it must be more than 0",
    ),
    "rate that is no number": (
        '[clouds.c]\nadapter = "a"\nrequests_per_second = nan',
        "clouds.c.requests_per_second is nan; it must be a finite number",
    ),
    "questions without end": (
        '[clouds.c]\nadapter = "a"\npolls_per_second = inf',
        "clouds.c.polls_per_second is inf; it must be a finite number",
    ),
    "time between questions without a unit": (
        '[clouds.c]\nadapter = "a"\npoll_interval = 60',
        f"clouds.c.poll_interval is 60; {DURATION}",
    ),
    "comparison now and then": (
        '[clouds.c]\nadapter = "a"\nreconcile = "daily"',
        'clouds.c.reconcile is "daily"; it must be true or false',
    ),
    "no boolean": (
        '[mqtt]\nanonymous_anywhere = "perhaps"',
        'mqtt.anonymous_anywhere is "perhaps"; it must be true or false',
    ),
    "no text": ("[gateway]\nname = 7", "gateway.name is 7; it must be text in quotes"),
    "too short": ('[gateway]\nname = ""', 'gateway.name is ""; it must have 1 or more characters'),
    "no path": ("[gateway]\ndata_dir = 7", "gateway.data_dir is 7; it must be a path in quotes"),
    "wrong word": (
        '[gateway]\nlog_level = "loud"',
        'gateway.log_level is "loud"; it must be "debug", "info", "warning" or "error"',
    ),
    "size in the wrong unit": (
        '[mqtt.limits]\nmax_packet = "64KB"',
        f'mqtt.limits.max_packet is "64KB"; {SIZE}',
    ),
    "size of nothing": ('[store]\nlane_quota = "0MiB"', f'store.lane_quota is "0MiB"; {SIZE}'),
    "duration without a unit": (
        "[mqtt.limits]\nconnect_timeout = 10",
        f"mqtt.limits.connect_timeout is 10; {DURATION}",
    ),
    "duration of nothing": (
        '[mqtt.limits]\nconnect_timeout = "0s"',
        f'mqtt.limits.connect_timeout is "0s"; {DURATION}',
    ),
    "duration beyond the calendar": (
        '[store]\nkeep_journal = "999999999d"',
        f'store.keep_journal is "999999999d"; {DURATION}',
    ),
    "address without a port": ('[mqtt]\nlisten = "1883"', f'mqtt.listen is "1883"; {OPTIONAL_ADDRESS}'),
    "address with too high a port": (
        '[mqtt]\nlisten = "0.0.0.0:70000"',
        f'mqtt.listen is "0.0.0.0:70000"; {OPTIONAL_ADDRESS}',
    ),
    "no HTTP address": (
        '[http]\nlisten = ""',
        'http.listen is ""; it must be "host:port" such as "127.0.0.1:9464" or "[::1]:9464"',
    ),
    "store of an unknown kind": (
        '[store]\nurl = "mysql://x/y"',
        (
            'store.url is "mysql://x/y"; it must be "sqlite:///FILE" (relative to data_dir) '
            'or "postgresql+psycopg://USER@HOST/DATABASE"'
        ),
    ),
    "store with a password that is not quoted": (
        '[store]\nurl = "postgresql+psycopg://u:hunter/2@h/d"',
        (
            'store.url is "postgresql+psycopg://***@h/d"; it must be "sqlite:///FILE" (relative to data_dir) '
            'or "postgresql+psycopg://USER@HOST/DATABASE"'
        ),
    ),
    "store that forgets": (
        '[store]\nurl = "sqlite:///:memory:"',
        (
            'store.url is "sqlite:///:memory:"; it must be "sqlite:///FILE" (relative to data_dir) '
            'or "postgresql+psycopg://USER@HOST/DATABASE"'
        ),
    ),
    "firmware without a URL": (
        "[firmware]",
        'firmware.public_url is missing; add it, for example public_url = "http://192.0.2.10:8070"',
    ),
    "firmware with a bad URL": (
        '[firmware]\npublic_url = "192.0.2.10"',
        'firmware.public_url is "192.0.2.10"; it must be a URL such as "http://192.0.2.10:8070", without a query',
    ),
    "firmware with a URL that makes links too long": (
        f'[firmware]\npublic_url = "http://{"x" * 194}"',
        f'firmware.public_url is "http://{"x" * 53}…"; it must have 200 or fewer characters',
    ),
    "image host that is a URL": (
        FIRMWARE + 'allowed_hosts = ["http://ota.heclouds.com"]',
        f'firmware.allowed_hosts[0] is "http://ota.heclouds.com"; {HOST}',
    ),
    "image host that is every one": (
        FIRMWARE + 'allowed_hosts = ["a.b", "*"]',
        f'firmware.allowed_hosts[1] is "*"; {HOST}',
    ),
    "image host with a port": (
        FIRMWARE + 'allowed_hosts = ["a.b:8080"]',
        f'firmware.allowed_hosts[0] is "a.b:8080"; {HOST}',
    ),
    "image hosts that are no list": (
        FIRMWARE + 'allowed_hosts = "a.b"',
        'firmware.allowed_hosts is "a.b"; it must be a list such as ["a", "b"]',
    ),
    "image network that is a name": (
        FIRMWARE + 'allowed_networks = ["lan"]',
        f'firmware.allowed_networks[0] is "lan"; {NETWORK}',
    ),
    "image network that is a number": (
        FIRMWARE + "allowed_networks = [10]",
        f"firmware.allowed_networks[0] is 10; {NETWORK}",
    ),
    "image network with an address in it": (
        FIRMWARE + 'allowed_networks = ["192.168.7.1/24"]',
        f'firmware.allowed_networks[0] is "192.168.7.1/24"; {NETWORK}; did you mean "192.168.7.0/24"?',
    ),
    "image port that is none": (
        FIRMWARE + "allowed_ports = [80, 70000]",
        "firmware.allowed_ports[1] is 70000; it must be at most 65535",
    ),
    "no transfers": (
        FIRMWARE + "max_transfers = 0",
        "firmware.max_transfers is 0; it must be at least 1",
    ),
    "link for ever": (FIRMWARE + "link_ttl = 0", f"firmware.link_ttl is 0; {DURATION}"),
    "chunk that is too large": (
        FIRMWARE + 'max_chunk = "16KiB"',
        'firmware.max_chunk is "16KiB"; it must be from "64B" to "8KiB"',
    ),
    "chunk that is too small": (
        FIRMWARE + "max_chunk = 32",
        'firmware.max_chunk is 32; it must be from "64B" to "8KiB"',
    ),
    "cloud without an adapter": (
        "[clouds.c]",
        'clouds.c.adapter is missing; add it, for example adapter = "tencent"',
    ),
    "token of the wrong type": (
        "[http]\ntoken = 12345",
        'http.token: it must be text, { file = "PATH" } or { env = "NAME" }, and not empty',
    ),
    "empty token": (
        '[http]\ntoken = ""',
        'http.token: it must be text, { file = "PATH" } or { env = "NAME" }, and not empty',
    ),
    "token from two places": (
        '[http]\ntoken = { file = "a", env = "B" }',
        'http.token: it must be text, { file = "PATH" } or { env = "NAME" }, and not empty',
    ),
    "clouds that are no list": (
        PRODUCT.replace('["tencent"]', '"tencent"'),
        'products.P.clouds is "tencent"; it must be a list such as ["a", "b"]',
    ),
    "product without a dialect": (
        PRODUCT.replace('dialect = "plain"', ""),
        'products.P.dialect is missing; add it, for example dialect = "plain"',
    ),
    "product without clouds": (
        PRODUCT.replace('clouds = ["tencent"]', ""),
        'products.P.clouds is missing; add it, for example clouds = ["tencent"]',
    ),
    "unknown dialect": (
        PRODUCT.replace('"plain"', '"klingon"'),
        'products.P.dialect is "klingon"; it must be "plain", "tencent" or "onenet"',
    ),
    "unknown authentication": (
        PRODUCT.replace('"password"', '"pasword"'),
        (
            'products.P.authentication is "pasword"; '
            'it must be "password", "tencent", "onenet", "certificate" or "anonymous"'
        ),
    ),
    "unknown way to agree": (
        PRODUCT + 'confirmation = "yes"',
        'products.P.confirmation is "yes"; it must be "none" or "required"',
    ),
    "window without an end": (PRODUCT + 'window = "22:00"', f'products.P.window is "22:00"; {HOURS}'),
    "window beyond the day": (
        PRODUCT + 'window = "22:00-25:00"',
        f'products.P.window is "22:00-25:00"; {HOURS}',
    ),
    "window that is no text": (PRODUCT + "window = 22", f"products.P.window is 22; {HOURS}"),
    "window that begins at the end of the day": (
        PRODUCT + 'window = "24:00-06:00"',
        f'products.P.window is "24:00-06:00"; {HOURS}',
    ),
    "window that ends as it begins": (
        PRODUCT + 'window = "00:00-24:00"',
        'products.P.window is "00:00-24:00"; it must end at another time than it begins, or be "" for any time',
    ),
    "misspelled time zone": (
        PRODUCT + 'time_zone = "Asia/Shangai"',
        f'products.P.time_zone is "Asia/Shangai"; {ZONE}; did you mean "Asia/Shanghai"?',
    ),
    "time zone that is unlike any": (
        PRODUCT + 'time_zone = "+08"',
        f'products.P.time_zone is "+08"; {ZONE}',
    ),
    "time zone that is a path": (
        PRODUCT + 'time_zone = "/1/2"',
        f'products.P.time_zone is "/1/2"; {ZONE}',
    ),
    "no updates at once": (PRODUCT + "max_updates = 0", "products.P.max_updates is 0; it must be at least 1"),
    "negative retries": (PRODUCT + "retries = -1", "products.P.retries is -1; it must be at least 0"),
    "retries without end": (PRODUCT + "retries = 11", "products.P.retries is 11; it must be at most 10"),
    "retries at once": (PRODUCT + 'retry_after = "0s"', f'products.P.retry_after is "0s"; {DURATION}'),
    "misspelled reason": (
        PRODUCT + 'retry_reasons = ["WEAK_SIGNAL", "LOW_BATERY"]',
        'products.P.retry_reasons[1] is "LOW_BATERY"; did you mean "LOW_BATTERY"?',
    ),
    "unknown way with downgrades": (
        PRODUCT + 'downgrades = "deny"',
        'products.P.downgrades is "deny"; it must be "allow" or "refuse"',
    ),
    "unknown way with silence": (
        PRODUCT + 'stalled = "timeout"',
        'products.P.stalled is "timeout"; it must be "wait" or "time_out"',
    ),
    "deadline of an unknown state": (
        PRODUCT + 'deadlines = { downlading = "1h" }',
        'products.P.deadlines.downlading is not a known key; did you mean "downloading"?',
    ),
    "deadline without a unit": (
        PRODUCT + "deadlines = { downloading = 60 }",
        f"products.P.deadlines.downloading is 60; {DURATION}",
    ),
    "hash of an unknown form": (
        PRODUCT + 'devices.d.secret_hash = "md5$hunter2"',
        f"products.P.devices.d.secret_hash: {HASH_FORM}",
    ),
    "hash that costs too much": (
        PRODUCT + f'devices.d.secret_hash = "scrypt$1048576$8$1${"00" * 16}${"00" * 32}"',
        f"products.P.devices.d.secret_hash: {HASH_FORM}",
    ),
    "unknown key of a device": (
        PRODUCT + 'devices.d = { secret = "s", sekret = "hunter2" }',
        'products.P.devices.d.sekret is not a known key; did you mean "secret"?',
    ),
}

RULES = {
    "open without a token": (
        '[http]\nlisten = "0.0.0.0:9464"',
        (
            'http.token is missing, and http.listen is "0.0.0.0:9464", which others can reach; '
            'set http.token, or listen on "127.0.0.1:9464"'
        ),
    ),
    "no listener": (
        '[mqtt]\nlisten = ""',
        'mqtt.listen and mqtt.tls_listen are both ""; set one of them, or no device can connect',
    ),
    "TLS without a key": (
        '[mqtt]\ntls_listen = "0.0.0.0:8883"\ntls_certificate = "a.crt"',
        'mqtt.tls_key is missing, and mqtt.tls_listen is "0.0.0.0:8883"; set mqtt.tls_key to a PEM file',
    ),
    "key without TLS": (
        '[mqtt]\ntls_key = "a.key"',
        'mqtt.tls_key is set without mqtt.tls_listen; add tls_listen = "0.0.0.0:8883" or remove tls_key',
    ),
    "denied certificates that nobody shows": (
        f'[mqtt]\ndenied_certificates = ["{"AB:" * 31}CD"]',
        (
            "mqtt.denied_certificates is set without mqtt.tls_client_ca, so that no certificate is asked for; "
            "set mqtt.tls_client_ca, or remove denied_certificates"
        ),
    ),
    "two listeners in one place": (
        '[http]\nlisten = "127.0.0.1:1883"',
        'http.listen is "127.0.0.1:1883", where mqtt.listen listens already; choose another port',
    ),
    "password for SQLite": (
        '[store]\npassword = "hunter2"',
        "store.password is set, and store.url is SQLite, which has none; remove store.password",
    ),
    "two passwords": (
        '[store]\npassword = "hunter2"\nurl = "postgresql+psycopg://u:hunter3@h/d"',
        "store.password is set, and store.url carries a password too; remove the one in store.url",
    ),
    "name of a cloud": (
        '[clouds."my cloud"]\nadapter = "a"',
        'clouds."my cloud" is no good name; it must be of a-z, 0-9, _ and -, because it names a lane',
    ),
    "long name of a cloud": (
        f'[clouds.{"c" * 33}]\nadapter = "a"',
        f"clouds.{'c' * 33} has 33 characters; its name must have 32 or fewer",
    ),
    "name that devices use": (
        '[clouds.secret]\nadapter = "a"',
        "clouds.secret is no good name, because devices have a key secret of their own; choose another",
    ),
    "timeout of an hour": (
        '[clouds.c]\nadapter = "a"\ntimeout = "1h"',
        "clouds.c.timeout is 3600 s; it must be at most 60s",
    ),
    "questions that come too soon": (
        '[clouds.c]\nadapter = "a"\npoll_interval = "30s"',
        "clouds.c.poll_minimum is 60 s, and clouds.c.poll_interval is 30 s; it must not be longer than that",
    ),
    "more questions than requests": (
        '[clouds.c]\nadapter = "a"\npolls_per_second = 20',
        (
            "clouds.c.polls_per_second is 20, and clouds.c.requests_per_second is 10; "
            "it must not be more than that, of which it is a part"
        ),
    ),
    "product id": (
        PRODUCT.replace("[products.P]", '[products."a/b"]'),
        'products."a/b" is no good name; it must have 1 to 48 characters, none of them / + # or NUL',
    ),
    "device name": (
        PRODUCT + 'devices."a+b".secret = "s"',
        'products.P.devices."a+b" is no good name; it must have 1 to 48 characters, none of them / + # or NUL',
    ),
    "unknown cloud": (
        PRODUCT.replace('["tencent"]', '["tencnt"]'),
        'products.P.clouds names "tencnt", which is not configured; did you mean "tencent"?',
    ),
    "cloud twice": (
        PRODUCT.replace('["tencent"]', '["tencent", "tencent"]'),
        'products.P.clouds names "tencent" more than once; name it once',
    ),
    "chunks that no device could be sent": (
        '[mqtt.limits]\nmax_downlink = "4KiB"\n' + FIRMWARE,
        (
            "firmware.max_chunk is 8192, and mqtt.limits.max_downlink leaves room for 3072 bytes; "
            "raise mqtt.limits.max_downlink, or lower firmware.max_chunk"
        ),
    ),
    "tasks without a server for images": (
        POLLING,
        (
            'products.P.tasks is "poll", and there is no table [firmware] to serve images; '
            'add it, or set tasks = "off"'
        ),
    ),
    "tasks of nobody": (
        FIRMWARE + POLLING.replace('["tencent"]', "[]"),
        (
            'products.P.tasks is "poll", and products.P.clouds is []; '
            'name the clouds to ask, or set tasks = "off"'
        ),
    ),
    "anonymous in public": (
        PRODUCT.replace('"password"', '"anonymous"'),
        (
            'products.P.authentication is "anonymous", and mqtt.listen is "0.0.0.0:1883", which others can reach; '
            'listen on "127.0.0.1:1883", or set mqtt.anonymous_anywhere = true'
        ),
    ),
    "certificate without TLS": (
        PRODUCT.replace('"password"', '"certificate"'),
        'products.P.authentication is "certificate"; set mqtt.tls_listen and mqtt.tls_client_ca for it',
    ),
    "password without a secret": (
        PRODUCT + "devices.d = {}",
        'products.P.devices.d has no secret, which authentication = "password" needs; add secret or secret_hash',
    ),
    "HMAC with a hash only": (
        PRODUCT.replace('"password"', '"tencent"')
        + f'devices.d.secret_hash = "sha256${"00" * 16}${"00" * 32}"',
        (
            'products.P.devices.d has no secret, which authentication = "tencent" needs; '
            "add secret (a hash is not enough)"
        ),
    ),
    "secret and hash": (
        PRODUCT + f'devices.d = {{ secret = "s", secret_hash = "sha256${"00" * 16}${"00" * 32}" }}',
        "products.P.devices.d has both secret and secret_hash; remove one",
    ),
    "device at a cloud of others": (
        PRODUCT + 'devices.d = { secret = "s", tencnt = { device_name = "x" } }',
        'products.P.devices.d.tencnt is not a cloud of this product; did you mean "tencent"?',
    ),
    "two devices with one name at a cloud": (
        PRODUCT
        + 'devices.d1 = { secret = "s", tencent = { device_name = "x" } }\n'
        + 'devices.d2 = { secret = "s", tencent = { device_name = "x", device_label = "other" } }\n',
        (
            'products.P.devices.d2 has the tencent device_name "x", which products.P.devices.d1 has too; '
            "each device needs its own"
        ),
    ),
}


@pytest.mark.parametrize(("text", "sentence"), FIELDS.values(), ids=FIELDS)
def test_a_bad_value_is_named_with_its_rule(write: Write, text: str, sentence: str) -> None:
    """Each mistake in one key causes exactly one sentence with key, value, rule and way out."""
    assert problems(write(text)) == [sentence]


@pytest.mark.parametrize(("text", "sentence"), RULES.values(), ids=RULES)
def test_a_broken_rule_between_keys_is_named(write: Write, text: str, sentence: str) -> None:
    """Each mistake between keys causes exactly one sentence that names both sides and a way out."""
    assert problems(write(text)) == [sentence]


UNTOLD = {
    "strangers at an unknown address": '[http]\nlisten = "9464"',
    "strangers with a token of another name": '[http]\nlisten = "0.0.0.0:9464"\ntokn = "hunter2"',
    "files of TLS without an address": '[mqtt]\ntls_listn = "0.0.0.0:8883"\ntls_certificate = "a"\ntls_key = "b"',
    "listener that is no address": '[mqtt]\nlisten = "1883"\n' + PRODUCT.replace('"password"', '"anonymous"'),
    "login of an unknown way": PRODUCT.replace('"password"', '"pasword"') + "devices.d = {}",
    "secret under another name": PRODUCT + 'devices.d = { sekret = "hunter2" }',
    "hash that is none": PRODUCT + 'devices.d = { secret_hash = "hunter2" }',
    "name at a cloud that is no text": PRODUCT + "devices.d = { tencent = { device_name = true } }",
    "device that is no table": PRODUCT + "devices.d = 1",
    "clouds of which one is misspelled": PRODUCT.replace('["tencent"]', '["tencnt"]')
    + 'devices.d1 = { secret = "s", tencent = { device_name = "x" } }\n'
    + 'devices.d2 = { secret = "s", tencnt = { device_name = "y" } }\n',
    "cloud that is misspelled in its own table": PRODUCT.replace("[clouds.tencent]", "[clouds.tencnt]")
    + 'devices.d1 = { secret = "s", tencent = { device_name = "x" } }\n'
    + 'devices.d2 = { secret = "s", tencent = { device_name = "y" } }\n',
    "questions of an unknown number of requests": (
        '[clouds.c]\nadapter = "a"\npolls_per_second = 20\nrequests_per_second = "many"'
    ),
    "tasks of clouds that are unknown": FIRMWARE + POLLING.replace('["tencent"]', "1"),
    "tasks with images of a server that is half configured": "[firmware]\n" + POLLING,
    "chunks that a limit of unknown size may hold": '[mqtt.limits]\nmax_downlink = "4KB"\n' + FIRMWARE,
    "clouds that are no list": PRODUCT.replace('["tencent"]', "1")
    + 'devices.d = { secret = "s", tencent = { device_name = "x" } }',
}


@pytest.mark.parametrize("text", UNTOLD.values(), ids=UNTOLD)
def test_what_follows_from_a_mistake_is_not_told(write: Write, text: str) -> None:
    """One mistake is one sentence: no rule guesses at the value of a key that has none."""
    assert len(problems(write(text))) == 1


BESIDE = {
    "of http": (
        '[http]\nlisten = "0.0.0.0:9464"\nlissten = 1\n[mqtt]\nlissten = 1\ntls_key = "a"',
        ["mqtt.lissten", "http.lissten", "mqtt.tls_key"],
    ),
    "of a section that is no table": (
        'gateway = 1\n[mqtt]\nlisten = ""',
        ["mqtt.listen", "gateway"],
    ),
    "of mqtt": (
        '[mqtt]\nlisten = ""\ntls_listen = ""\nanonymous_anywhere = 3',
        ["mqtt.anonymous_anywhere", "mqtt.listen"],
    ),
    "of a cloud": (
        '[clouds."c d"]\nadapter = "a"\nconcurrency = 0\ntimeout = "1h"',
        ['clouds."c d".concurrency', 'clouds."c d"', 'clouds."c d".timeout'],
    ),
    "of how a cloud is asked": (
        '[clouds.c]\nadapter = "a"\nrequests_per_second = "many"\npoll_minimum = "2h"',
        ["clouds.c.requests_per_second", "clouds.c.poll_minimum"],
    ),
    "of a product": (
        PRODUCT.replace('"plain"', '"klingon"').replace('["tencent"]', '["c"]') + "devices.d = {}",
        ["products.P.dialect", "products.P.clouds", "products.P.devices.d"],
    ),
    "of a device": (
        PRODUCT + 'devices.d = { other = { id = "1" }, zzz = 3 }',
        ["products.P.devices.d.zzz", "products.P.devices.d", "products.P.devices.d.other"],
    ),
    "of the devices of a product without clouds": (
        PRODUCT.replace('clouds = ["tencent"]', "") + "devices.d = {}",
        ["products.P.clouds", "products.P.devices.d"],
    ),
}


@pytest.mark.parametrize(("text", "keys"), BESIDE.values(), ids=BESIDE)
def test_a_rule_is_told_beside_a_mistake_in_its_table(write: Write, text: str, keys: list[str]) -> None:
    """A mistake in one key does not hide what is wrong with the others."""
    found = [re.split(r":? (?:is|are|has|names|must|it)\b", problem)[0] for problem in problems(write(text))]
    assert [key.split(" and ")[0] for key in found] == keys


def test_a_cloud_is_not_suggested_by_its_misspelling(write: Write) -> None:
    """A device is told what is configured."""
    text = (
        PRODUCT.replace('["tencent"]', '["tencnt"]') + 'devices.d = { secret = "s", tencet = { id = "x" } }'
    )
    assert problems(write(text))[1].endswith('did you mean "tencent"?')


@pytest.mark.parametrize(
    "text",
    [
        LISTENING_ON_LOOPBACK + PRODUCT.replace('"password"', '"anonymous"'),
        "[mqtt]\nanonymous_anywhere = true\n" + PRODUCT.replace('"password"', '"anonymous"'),
    ],
    ids=["on loopback", "by decision"],
)
def test_anonymous_products_are_accepted(write: Write, text: str) -> None:
    """Anonymous devices are accepted on loopback, or where the configuration says that it is meant."""
    assert load(write(text), {}).products["P"].authentication == "anonymous"
