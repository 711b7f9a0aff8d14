"""What others on this machine could read or change is told, with the way out; and nothing else is."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import cli
from gateway.config import load
from gateway.ops.exposure import exposed

SITE = """
[gateway]
data_dir = "{0}/data"
[mqtt]
listen = "127.0.0.1:0"
[http]
listen = "127.0.0.1:0"
token = {{ file = "token" }}
[products.P]
dialect = "plain"
authentication = "password"
clouds = []
devices_file = "devices.csv"
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody can come to, unlike those of pytest, with a configuration in it."""
    with tempfile.TemporaryDirectory(prefix="exposure-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "data").mkdir(mode=0o700)
        for file, text in {
            "gateway.toml": SITE.format(directory),
            "token": "http-token-of-the-site",
            "devices.csv": "name,secret\nd,s\n",
        }.items():
            (directory / file).write_text(text)
            (directory / file).chmod(0o600)
        yield directory


def told(place: Path) -> list[str]:
    """Return the sentences about a place, by file name."""
    config = load(place / "gateway.toml", {})
    return [str(each).replace(f"{place}/", "") for each in exposed(config, place / "gateway.toml")]


def test_files_of_our_own_are_nothing_to_tell(place: Path) -> None:
    """Nor those that a group may read, as packages do."""
    assert told(place) == []
    (place / "token").chmod(0o640)
    assert told(place) == []


def test_what_others_can_read_is_told_with_its_mode_and_the_way_out(place: Path) -> None:
    """Each secret's file, the list of devices, the configuration where secrets stand in it, and data_dir."""
    for name, mode in {"token": 0o644, "devices.csv": 0o604, "gateway.toml": 0o664, "data": 0o755}.items():
        (place / name).chmod(mode)

    assert told(place) == [
        "the configuration: others can read gateway.toml (mode 0664); chmod 600 gateway.toml",
        "http.token: others can read token (mode 0644); chmod 600 token",
        "products.P.devices_file: others can read devices.csv (mode 0604); chmod 600 devices.csv",
        "gateway.data_dir: others can read data (mode 0755); chmod 700 data",
    ]


def test_what_others_can_only_change_is_told_as_well(place: Path) -> None:
    """A group that writes the token's file decides who may come in."""
    (place / "token").chmod(0o620)

    assert told(place) == ["http.token: others can change token (mode 0620); chmod 600 token"]


def test_a_directory_that_is_closed_is_enough(place: Path) -> None:
    """Nobody gets to what lies in it."""
    (place / "token").chmod(0o666)
    place.chmod(0o750)

    assert told(place) == []


def test_a_file_that_is_not_ours_cannot_simply_be_closed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway itself would not be able to read it."""
    (place / "token").chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)

    assert told(place)[0].endswith("chmod 600 token, and let the gateway's user own it")


def test_a_thousand_files_are_twenty_sentences(place: Path) -> None:
    """One sees the pattern."""
    tables = []
    for number in range(30):
        file = place / f"secret-{number}"
        file.write_text("s")
        file.chmod(0o644)
        tables.append(f'[products.P.devices.d{number}]\nsecret = {{ file = "secret-{number}" }}\n')
    with (place / "gateway.toml").open("a") as config:
        config.write("".join(tables))

    assert len(told(place)) == 20


def test_check_warns_and_is_content(place: Path) -> None:
    """It is no mistake: who has the machine to himself may do so."""
    (place / "token").chmod(0o644)

    said = CliRunner().invoke(cli.app, ["check", "-c", str(place / "gateway.toml")])

    assert said.exit_code == 0
    assert "is good" in said.stdout
    assert said.stderr == (
        f"warning: http.token: others can read {place}/token (mode 0644); chmod 600 {place}/token\n"
    )
