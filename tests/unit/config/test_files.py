"""Files that are none, half of one, or hostile: each ends in one sentence, and nothing else is ever raised."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import load, read
from gateway.errors import ConfigError
from tests.unit.config.writing import problems

PRODUCT = '[products.P]\ndialect = "plain"\nauthentication = "password"\nclouds = []\n'
CLOUD = '[clouds.c]\nadapter = "a"\n'
NOBODY = 65534
DEEP = "{} is nested too deeply to be read; take brackets out"

BROKEN = {
    "table that is not closed": (
        "[gateway\nname = 1",
        "{} is not TOML: Expected ']' at the end of a table declaration (at line 1, column 9); correct it there",
    ),
    "text that is not closed": (
        '[gateway]\nname = "x\n',
        "{} is not TOML: Illegal character '\\n' (at line 2, column 10); correct it there",
    ),
    "table twice": (
        "[mqtt]\n[mqtt]\n",
        "{} is not TOML: Cannot declare ('mqtt',) twice (at line 2, column 6); correct it there",
    ),
    "device twice": (
        f"{PRODUCT}[products.P.devices.d]\n[products.P.devices.d]\n",
        (
            "{} is not TOML: Cannot declare ('products', 'P', 'devices', 'd') twice (at line 6, column 22); "
            "correct it there"
        ),
    ),
    "key twice": (
        "[gateway]\nname = 'a'\nname = 'b'\n[mqtt]",
        "{} is not TOML: Cannot overwrite a value (at line 3, column 11); correct it there",
    ),
    "no date": (
        "[gateway]\nname = 2020-13-01",
        (
            "{} is not TOML: Expected newline or end of document after a statement (at line 2, column 12); "
            "correct it there"
        ),
    ),
    "NUL": (
        "[gateway]\nname = '\0'",
        "{} is not TOML: Found invalid character '\\x00' (at line 2, column 9); correct it there",
    ),
    "lists in lists": (f"x = {'[' * 5000}{']' * 5000}", DEEP),
    "tables in tables": (f"{CLOUD}[clouds.c.{'.'.join('a' * 600)}]", DEEP),
    "tables in tables, in one line": (f"x = {'{a=' * 3000}1{'}' * 3000}", DEEP),
    "more than anybody writes": (
        f"#{'x' * 17 * 2**20}",
        "{} has more than 16777216 characters; list devices in a devices_file",
    ),
}

FORMS = {
    "list of tables for products": ("[[products]]", "products must be a table; write [products.NAME]"),
    "list of tables for a product": ("[[products.P]]", "products.P: it must be a table"),
    "list of tables for a cloud": ("[[clouds.c]]", "clouds.c: it must be a table"),
    "list of tables for mqtt": ("[[mqtt]]", "mqtt: it must be a table"),
    "list of devices": (
        f'{PRODUCT}devices = ["d"]',
        "products.P.devices must be a table; write [products.P.devices.NAME]",
    ),
    "date for a text": ("[gateway]\nname = 2020-01-01", "gateway.name: it must be text in quotes"),
    "path with NUL": (
        f'{PRODUCT}devices_file = "a\\u0000b"',
        'products.P.devices_file is "a\\u0000b"; it must be a path, without NUL',
    ),
    "secret in a file with NUL": (
        '[http]\ntoken = {{ file = "a\\u0000b" }}'.replace("{{", "{").replace("}}", "}"),
        'http.token: it must be text, { file = "PATH" } or { env = "NAME" }, and not empty',
    ),
    "number that no database counts to": (
        "[store]\njournal_max = 99999999999999999999",
        "store.journal_max is 99999999999999999999; it must be at most 9007199254740992",
    ),
    "number of very many digits": (
        f"[store]\njournal_max = {'9' * 400}",
        f"store.journal_max is {'9' * 60}…; it must be at most 9007199254740992",
    ),
    "names at clouds that are no table": (
        f'{PRODUCT}devices.d = {{ secret = "s", external = 3, c = {{ id = "1" }} }}',
        "products.P.devices.d.external is 3; it must be a table",
    ),
    "file of devices that is a directory": (
        f'{PRODUCT}devices_file = "/"',
        (
            'products.P.devices_file is "/", which cannot be read (Is a directory); '
            "correct the path or its permissions"
        ),
    ),
    "file of devices that has no end": (
        f'{PRODUCT}devices_file = "/dev/zero"',
        'products.P.devices_file is "/dev/zero", which is a pipe or a device; it must be a file',
    ),
}


@pytest.mark.parametrize(("text", "sentence"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_toml_is_told_with_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    """Line and column where the parser knows them; never a traceback."""
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    assert problems(path) == [sentence.format(path)]


@pytest.mark.parametrize(("text", "sentence"), FORMS.values(), ids=FORMS)
def test_toml_of_another_form_is_told_by_its_key(tmp_path: Path, text: str, sentence: str) -> None:
    """A list where a table is due, a date where a text is, a path that no system takes."""
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    assert problems(path) == [sentence]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf[gateway]\nname = 'x'\n",
        b"[gateway]\r\nname = 'x'\r\n",
        b"\xef\xbb\xbf[gateway]\rname='x'",
    ],
    ids=["with a mark", "lines of Windows", "lines of an old Mac"],
)
def test_what_editors_elsewhere_write_is_read(tmp_path: Path, content: bytes) -> None:
    """A byte order mark and other line ends are no mistakes."""
    path = tmp_path / "gateway.toml"
    path.write_bytes(content)
    assert load(path, {}).gateway.name == "x"


@pytest.mark.parametrize("content", [b"[gateway]\nname = '\xff'", "[gateway]".encode("utf-16")])
def test_another_encoding_is_told(tmp_path: Path, content: bytes) -> None:
    """The sentence says which one is due."""
    path = tmp_path / "gateway.toml"
    path.write_bytes(content)
    assert problems(path) == [f"{path} is not UTF-8 text; save it as UTF-8"]


def test_a_directory_is_told(tmp_path: Path) -> None:
    """The system's word, and the way out."""
    assert problems(tmp_path) == [
        f"{tmp_path} cannot be read (Is a directory); correct the path or its permissions"
    ]


@contextmanager
def somebody() -> Iterator[None]:
    """Be no more than any user, whom root may become, for root may read every file."""
    user = os.geteuid()
    os.seteuid(user or NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    """The system's word, and the way out."""
    path = tmp_path / "gateway.toml"
    path.touch(mode=0)
    with somebody():
        found = problems(path)
    assert found == [f"{path} cannot be read (Permission denied); correct the path or its permissions"]


_WORDS = st.sampled_from(
    ["", "a", "settings", "external", "devices", "file", "env", "secret", "P", "c", "listen", "clouds", "x/y"]
)
_LEAVES = st.sampled_from(
    [
        '""', '"a"', '"\\u0000"', '"10s"', '"1MiB"', '"[::1]:1"', "0", "-1", "1", "inf", "nan", "true",
        "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "[]", "{}", "[1, [2]]", '{ file = "" }',
        '{ file = "\\u0000" }', '{ env = "=" }', '"UTC"', "9" * 300, "[{ a = 1 }]", '"tencent"', '"password"',
    ]
)  # fmt: skip
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda values: f"[{', '.join(values)}]")
        | st.dictionaries(_WORDS, inner, max_size=3).map(
            lambda table: "{ " + ", ".join(f'"{key}" = {value}' for key, value in table.items()) + " }"
        )
    ),
    max_leaves=6,
)


def _keys() -> list[str]:
    from tests.unit.config.test_every_key import WRONG  # noqa: PLC0415 - the table is long, and stands there

    return sorted(WRONG)


@given(st.dictionaries(st.sampled_from(_keys()), _VALUES, max_size=6), _VALUES)
def test_whatever_toml_says_nothing_but_a_configuration_error_is_raised(
    tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str], devices: str
) -> None:
    """Any value at any key, alone and beside others: a Config, or sentences."""
    path = tmp_path_factory.mktemp("any") / "gateway.toml"
    lines = [f"{key} = {value}" for key, value in keys.items()]
    path.write_text("\n".join([*lines, f"products.Q.devices = {devices}"]))
    assert all(_told(path))


def _told(path: Path) -> list[str]:
    try:
        reading = read(path, {})
    except ConfigError as error:
        return error.problems
    # What is asked of one that has mistakes.
    secrets = [key for key, _ in reading.config.secrets()]
    return [*reading.problems, *secrets, *reading.config.proven().products]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTA_GATEWAY_" + "__".join("a" * 40), "1"), ("OTA_GATEWAY_GATEWAY__NAME", "[" * 200 + "]" * 200)],
    ids=["by its name", "by its value"],
)
def test_a_variable_that_goes_too_deep_is_named(tmp_path: Path, variable: str, value: str) -> None:
    """And not the file, in which there is nothing to mend."""
    path = tmp_path / "gateway.toml"
    path.write_text('[gateway]\nname = "site"\n')
    expected = f"{variable} is nested too deeply to be read; take brackets or __ out"
    assert problems(path, {variable: value}) == [expected]
