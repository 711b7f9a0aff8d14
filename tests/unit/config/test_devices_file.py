"""Devices by the hundred from a CSV file."""

import time
from pathlib import Path

import pytest

from gateway.config import load
from tests.unit.config.writing import Write, problems

SITE = """
[clouds.onenet]
adapter = "onenet"
[clouds.onenet_two]
adapter = "onenet"
[products.P]
dialect = "plain"
authentication = "password"
clouds = ["onenet", "onenet_two"]
devices_file = "devices.csv"
"""
NEEDS = 'which authentication = "password" needs; add secret or secret_hash'


@pytest.fixture
def site(write: Write) -> Path:
    """Return a configuration whose product has its devices in a file beside it."""
    return write(SITE)


def _devices(site: Path, text: str) -> None:
    site.with_name("devices.csv").write_text(text, encoding="utf-8")


def test_rows_become_devices(site: Path) -> None:
    """Columns are own fields or a cloud and its key; the longest cloud name wins; an empty cell is no value."""
    _devices(
        site,
        "\ufeffname, secret,onenet_dev_id,onenet_two_dev_id\n\nd1,s1,11,21\nd2,s2,12,\n",
    )
    devices = load(site, {}).products["P"].devices
    assert list(devices) == ["d1", "d2"]
    assert devices["d1"].secret is not None
    assert devices["d1"].secret.reveal() == "s1"
    assert devices["d1"].external == {"onenet": {"dev_id": "11"}, "onenet_two": {"dev_id": "21"}}
    assert devices["d2"].external == {"onenet": {"dev_id": "12"}}


def test_tables_join_the_rows(write: Write) -> None:
    """A product may have devices in both places."""
    site = write(SITE + 'devices.d2.secret = "s"')
    _devices(site, "name,secret\nd1,s1\n")
    assert list(load(site, {}).products["P"].devices) == ["d1", "d2"]


BAD = {
    "no header": (
        "",
        ["devices.csv:1 has no column name; the first row must name the columns, for example name,secret"],
    ),
    "unknown column": (
        "name,secret,onenett_dev_id\nd,s,1\n",
        [
            (
                'devices.csv:1 has the column "onenett_dev_id", which is neither name, secret, secret_hash nor '
                'CLOUD_KEY of a cloud of the product; did you mean "onenet"?'
            )
        ],
    ),
    "column twice": (
        "name,secret,secret\nd,s,s\n",
        ["devices.csv:1 has the column secret twice; remove one"],
    ),
    "short row": (
        "name,secret\nd1\nd2,s2\n",
        ["devices.csv:2 has 1 cell; it must have 2 as the header has"],
    ),
    "bad name": (
        "name,secret\na/b,s\n",
        ['devices.csv:2: name is "a/b"; it must have 1 to 48 characters, none of them / + # or NUL'],
    ),
    "bad hash": (
        "name,secret_hash\nd,hunter2\n",
        [
            (
                'devices.csv:2: secret_hash: it must be "sha256$SALT$HASH" or "scrypt$N$R$P$SALT$HASH" in hexadecimal; '
                "make one with: ota-gateway hash-secret"
            )
        ],
    ),
    "no secret": ("name,secret\nd,\n", [f"devices.csv:2 has no secret, {NEEDS}"]),
    "name twice": (
        "name,secret\nd,s\nd,s\n",
        ['devices.csv:3 is the device "d" of products.P, and so is devices.csv:2; remove one'],
    ),
    "one identity twice": (
        "name,secret,onenet_dev_id\nd1,s,7\nd2,s,7\n",
        ['devices.csv:3 has the onenet dev_id "7", which devices.csv:2 has too; each device needs its own'],
    ),
    "open quote": (
        'name,secret\n"d1,s\n',
        ["devices.csv:2 is not CSV (unexpected end of data); correct the quotes"],
    ),
}


@pytest.mark.parametrize(("text", "sentences"), BAD.values(), ids=BAD)
def test_a_bad_row_is_named_with_file_and_line(site: Path, text: str, sentences: list[str]) -> None:
    """Each mistake says file, line, rule and way out."""
    _devices(site, text)
    assert problems(site) == sentences


def test_a_device_in_both_places_is_refused(write: Write) -> None:
    """A row and a table for one device are a mistake, for nobody could tell which one counts."""
    site = write(SITE + 'devices.d1.secret = "s"')
    _devices(site, "name,secret\nd1,s1\n")
    assert problems(site) == [
        'products.P.devices.d1 is the device "d1" of products.P, and so is devices.csv:2; remove one'
    ]


def test_many_bad_rows_do_not_fill_the_screen(site: Path) -> None:
    """The first twenty are shown, the rest is counted."""
    _devices(site, "name,secret\n" + "a/b,s\n" * 100)
    found = problems(site)
    assert len(found) == 21
    assert found[-1] == "devices.csv: 80 more mistakes; correct these first"


def test_a_missing_file_is_named(site: Path) -> None:
    """The key, the path and the system's word for the trouble are said."""
    path = site.with_name("devices.csv")
    assert problems(site) == [
        (
            f'products.P.devices_file is "{path}", which cannot be read (No such file or directory); '
            "correct the path or its permissions"
        )
    ]


def test_a_file_in_another_encoding_is_named(site: Path) -> None:
    """CSV is UTF-8 here, whatever a spreadsheet likes to write."""
    path = site.with_name("devices.csv")
    path.write_bytes(b"name,secret\n" + b"one\n" * 2000 + b"\xff,s\n")
    assert problems(site) == [
        f'products.P.devices_file is "{path}", which is not UTF-8 text; save it as UTF-8'
    ]


def test_the_cost_of_a_device_does_not_grow_with_their_number(site: Path) -> None:
    """A hundred thousand take a second or two; a look at all those before each would take minutes."""
    rows = "".join(f"d{n},secret-{n:06},{n}\n" for n in range(100_000))
    _devices(site, f"name,secret,onenet_dev_id\n{rows}")
    begun = time.process_time()
    config = load(site, {})
    assert time.process_time() - begun < 60
    assert len(config.products["P"].devices) == 100_000
