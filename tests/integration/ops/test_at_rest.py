"""The command line where no gateway answers: its store is read as it was left, and nothing is touched."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from gateway import cli
from gateway.core.clock import Clock
from gateway.model.states import Reason, State
from tests.integration.ops.office import D1, ONE, V1, open_office, runs, told

FIRST = "P/d1/default/1"
SECRET = "s3cret-of-d1"
LEFT = "ota-gateway: no gateway answers; reading the store as it was left\n"
CONFIG = """\
[gateway]
data_dir = "."
[http]
listen = "127.0.0.1:{port}"
[clouds.one]
adapter = "journal"
[products.P]
dialect = "plain"
authentication = "password"
clouds = ["one"]
[products.P.devices]
d1 = { secret = "s3cret-of-d1" }
d2 = { secret = "s3cret-of-d2" }
"""
LOOKS = (
    ("updates", "list"),
    ("updates", "show", FIRST),
    ("devices",),
    ("orders",),
    ("dead-letters", "list"),
    ("quarantine", "list"),
)


@pytest.fixture
def config(tmp_path: Path, unused_tcp_port: int) -> Path:
    """A configuration at whose address nobody listens."""
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG.replace("{port}", str(unused_tcp_port)))
    return path


@pytest.fixture
async def left(config: Path) -> Path:
    """A configuration with a store in which something has happened; its gateway has ended."""
    async with open_office(config.parent) as office:
        await office.order()
        office.engine.accept(
            told(State.FAILED, reason=Reason.LOW_BATTERY), lambda _: None, said=f'{{"x":"{SECRET}"}}'.encode()
        )
        await office.ledger.drain()
        await office.bury(ONE)
        office.engine.set_aside(D1, "t", b"oops", reason="bad_json", detail="no", settle=lambda _: None)
        await office.say(runs(V1))
    return config


def run(config: Path, *arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(cli.app, [*arguments, "--config", str(config)])


def answered(config: Path, *arguments: str) -> Any:
    """Run a command that reads the store, and return its JSON."""
    result = run(config, *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, LEFT)
    return json.loads(result.stdout)


def test_what_was_left_is_looked_up(left: Path) -> None:
    """Updates, their timelines, devices, orders, dead letters, quarantine: as a running gateway would show them."""
    assert [each["id"] for each in answered(left, "updates", "list")["updates"]] == [FIRST]
    shown = answered(left, "updates", "show", FIRST)
    assert (shown["state"], shown["reason"]) == ("failed", "LOW_BATTERY")
    assert [line["source"] for line in shown["timeline"]] == ["understood", "cloud/one", "said", "understood"]
    assert [each["id"] for each in answered(left, "devices")["devices"]] == ["P/d1", "P/d2"]
    assert answered(left, "devices", "--present")["devices"] == []
    assert answered(left, "orders")["orders"][0]["handle"] == "t1"
    assert answered(left, "dead-letters", "list")["dead_letters"][0]["code"] == "E17"
    (aside,) = answered(left, "quarantine", "list")["quarantine"]
    assert answered(left, "quarantine", "show", str(aside["id"]))["payload"]["text"] == "oops"


def test_the_status_says_how_it_was_left_and_that_it_does_not_run(left: Path) -> None:
    """Whoever watches the exit code learns as before that nobody answers."""
    result = run(left, "status", "--json")
    assert (result.exit_code, result.stderr) == (3, LEFT)
    lane = json.loads(result.stdout)["lanes"]["cloud/one"]
    assert (lane["circuit"], lane["dead_letters"]) == ("closed", 1)


def test_nothing_is_touched(left: Path) -> None:
    """No file of the store is written or made, and what waits still waits."""
    before = {path.name: path.read_bytes() for path in left.parent.iterdir()}
    for look in LOOKS:
        assert run(left, *look).exit_code == 0
    assert {path.name: path.read_bytes() for path in left.parent.iterdir()} == before


def test_a_filter_or_a_name_that_is_wrong_is_refused_as_ever(left: Path) -> None:
    """By the same rules."""
    result = run(left, "updates", "show", "P/d1/default/9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{LEFT}ota-gateway: there is no update P/d1/default/9\n"


def test_who_wants_to_act_is_told_that_no_gateway_runs(left: Path) -> None:
    """Only a gateway acts."""
    for act in (("confirm", FIRST), ("ask", "P/d1"), ("dead-letters", "replay", "--all")):
        result = run(left, *act)
        assert result.exit_code == 3
        assert result.stderr.startswith("ota-gateway: no gateway answers at ")
        assert result.stderr.endswith("start it with: ota-gateway run\n")


def test_without_a_store_nobody_answers(config: Path) -> None:
    """A box that never ran has nothing to read, and gets none."""
    result = run(config, "updates", "list")
    assert result.exit_code == 3
    assert result.stderr.startswith("ota-gateway: no gateway answers at ")
    assert [path.name for path in config.parent.iterdir()] == ["gateway.toml"]


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE alembic_version SET version_num = '0001'", "was left by an older gateway"),
        ("UPDATE alembic_version SET version_num = '9999'", "was written by a newer gateway"),
        ("DROP TABLE alembic_version", "is no store of a gateway"),
    ],
)
def test_another_schema_is_one_sentence(left: Path, statement: str, sentence: str) -> None:
    """Nothing is guessed, nothing is migrated; the exit code is the store's."""
    with closing(sqlite3.connect(left.parent / "gateway.db")) as connection, connection:
        connection.execute(statement)
    before = (left.parent / "gateway.db").read_bytes()
    result = run(left, "updates", "list")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (4, "", 1)
    assert sentence in result.stderr
    assert (left.parent / "gateway.db").read_bytes() == before


def test_a_damaged_store_is_one_sentence(left: Path) -> None:
    """It is not set aside: that is the gateway's to do."""
    (left.parent / "gateway.db").write_bytes(b"no database at all" * 1000)
    result = run(left, "devices")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "file is not a database" in result.stderr
    assert [path.name for path in left.parent.glob("*damaged*")] == []


def test_a_hot_log_is_read_with_the_store(left: Path) -> None:
    """After a power cut the newest commits stand in the log alone; they are shown, and stay there."""
    writer = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA wal_autocheckpoint=0')\n"
        "c.execute(\"UPDATE updates SET target = '7.7'\")\n"
        "os.kill(os.getpid(), 9)\n"
    )
    store = left.parent / "gateway.db"
    assert subprocess.run([sys.executable, "-c", writer, str(store)], check=False).returncode == -9
    log = (left.parent / "gateway.db-wal").read_bytes()
    assert len(log) > 0
    assert answered(left, "updates", "show", FIRST)["target"] == "7.7"
    assert (left.parent / "gateway.db-wal").read_bytes() == log


async def test_a_store_is_read_beside_its_gateway(config: Path) -> None:
    """A gateway that hangs, or whose address was changed in the file, is not disturbed; that it runs is said."""
    lock = config.parent / "gateway.lock"
    holder = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl = __import__("fcntl")
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        async with open_office(config.parent) as office:
            await office.say(told(State.NOTIFIED))
            with capture_logs():
                result = await asyncio.to_thread(run, config, "updates", "list", "--json")
            await office.say(told(State.DOWNLOADING))
    finally:
        os.close(holder)
    assert result.exit_code == 0
    assert result.stderr == "ota-gateway: a gateway runs and does not answer; reading its store beside it\n"
    assert json.loads(result.stdout)["updates"][0]["state"] == "notified"


def test_no_secret_is_shown(left: Path) -> None:
    """Not even one that a device said before the store knew of it."""
    with closing(sqlite3.connect(left.parent / "gateway.db")) as connection, connection:
        connection.execute("UPDATE updates SET detail = ?", (f"it is {SECRET}",))
        connection.execute("UPDATE journal SET text = ? WHERE source = 'said'", (f'{{"x":"{SECRET}"}}',))
    for look in LOOKS:
        assert SECRET not in run(left, *look, "--json").output


def test_times_are_those_of_the_wall_clock_then(left: Path) -> None:
    """The site clock goes on from where the store left it."""
    begun = answered(left, "updates", "show", FIRST)["opened_at"]
    assert abs(Clock().wall() - __import__("datetime").datetime.fromisoformat(begun).timestamp()) < 60
