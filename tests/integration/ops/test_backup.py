"""Backup and restore by the command line: one proven file, nothing overwritten, and the old store kept."""

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway import cli, locks
from gateway.model.states import State
from gateway.store import backup as copies
from tests.integration.ops.office import open_office, told

FIRST = "P/d1/default/1"


@pytest.fixture
async def config(tmp_path: Path, unused_tcp_port: int) -> Path:
    """A box that has stopped, with one update in its store."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "gateway.toml"
    path.write_text(f'[gateway]\ndata_dir = "data"\n[http]\nlisten = "127.0.0.1:{unused_tcp_port}"\n')
    await say(path, State.DOWNLOADING)
    return path


async def say(config: Path, state: State) -> None:
    """Let the device say where it is."""
    async with open_office(config.parent / "data") as office:
        await office.say(told(state))


def run(config: Path, *arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(cli.app, [*arguments, "--config", str(config)])


def state(path: Path) -> Any:
    """Return how the update stands in a store."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT state FROM updates WHERE id = ?", (FIRST,)).fetchone()[0]


def backed_up(config: Path) -> Path:
    """Make a backup."""
    file = config.parent / "backup.db"
    result = run(config, "backup", str(file))
    assert (result.exit_code, result.stderr) == (0, "")
    return file


def test_a_backup_is_one_file_for_its_owner(config: Path) -> None:
    """Consistent, without a log beside it, and the command says what is in it."""
    file = config.parent / "backup.db"
    result = run(config, "backup", str(file), "--json")
    told_of = json.loads(result.stdout)
    assert (told_of["updates"], told_of["waiting"], told_of["schema"]) == (1, 2, "current")
    assert told_of["bytes"] == file.stat().st_size
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert state(file) == "downloading"
    assert [path.name for path in config.parent.iterdir() if "backup" in path.name] == ["backup.db"]


async def test_a_backup_is_taken_while_the_gateway_writes(config: Path) -> None:
    """It holds what was committed when it began, and disturbs nobody."""
    async with open_office(config.parent / "data") as office:
        await office.say(told(State.INSTALLING))
        seen = []

        def advance(done: int, total: int) -> None:
            # In the middle of the copy somebody else commits.
            seen.append((done, total))
            with closing(sqlite3.connect(config.parent / "data" / "gateway.db", timeout=5)) as other, other:
                other.execute("UPDATE updates SET target = 'later'")

        made = copies.back_up(config.parent / "data" / "gateway.db", config.parent / "b.db", advance)
        await office.say(told(State.SUCCEEDED))
    assert seen[-1][0] == seen[-1][1] > 0
    assert made.updates == 1
    with closing(sqlite3.connect(config.parent / "b.db")) as connection:
        assert connection.execute("SELECT state, target FROM updates").fetchall() == [("installing", "2.0")]


def test_a_backup_overwrites_nothing(config: Path) -> None:
    """Neither a file nor, by a slip of the tongue, the store itself."""
    file = backed_up(config)
    before = file.read_bytes()
    for target in (file, config.parent / "data" / "gateway.db"):
        again = run(config, "backup", str(target))
        assert (again.exit_code, again.stderr) == (
            1,
            f"ota-gateway: {target} is there already; name another file\n",
        )
    assert file.read_bytes() == before


def test_a_backup_that_cannot_be_written_leaves_nothing(config: Path) -> None:
    """No directory, no room: one sentence."""
    result = run(config, "backup", str(config.parent / "none" / "b.db"))
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "No such file or directory" in result.stderr


def test_without_a_store_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    """The key is named."""
    config = tmp_path / "gateway.toml"
    config.write_text('[gateway]\ndata_dir = "data"\n')
    result = run(config, "backup", str(tmp_path / "b.db"))
    assert (result.exit_code, "see gateway.data_dir" in result.stderr) == (4, True)
    assert list(tmp_path.iterdir()) == [config]


async def test_a_restore_brings_back_what_was_and_keeps_what_is(config: Path) -> None:
    """The old store has a new name, with what stood in its log alone; the gateway goes on from the copy."""
    file = backed_up(config)
    await say(config, State.FAILED)
    result = run(config, "restore", str(file), "--json")
    assert result.exit_code == 0, result.stderr
    store, kept = config.parent / "data" / "gateway.db", Path(json.loads(result.stdout)["kept"])
    assert kept.name == "gateway.db.before-restore-1"
    assert (state(store), state(kept)) == ("downloading", "failed")
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert "clouds may hear again" in result.stderr
    assert "restored as of 20" in result.stderr
    await say(config, State.FAILED)
    assert state(store) == "failed"


async def test_a_log_that_a_power_cut_left_stays_with_the_old_store(config: Path) -> None:
    """It would be replayed into the copy, and ruin it."""
    file, store = backed_up(config), config.parent / "data" / "gateway.db"
    with closing(sqlite3.connect(store)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("UPDATE updates SET state = 'failed'")
        writer.commit()
        log = store.with_name("gateway.db-wal").read_bytes()
    store.with_name("gateway.db-wal").write_bytes(log)
    assert run(config, "restore", str(file)).exit_code == 0
    assert state(store) == "downloading"
    assert state(store.with_name("gateway.db.before-restore-1")) == "failed"


async def test_a_log_whose_store_was_moved_away_does_not_meet_the_copy(config: Path) -> None:
    """Somebody has put the old store out of the way by hand, and not its log, which is kept under a name of its own."""
    file, data = backed_up(config), config.parent / "data"
    with closing(sqlite3.connect(data / "gateway.db")) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("UPDATE updates SET state = 'failed'")
        writer.commit()
        left = {suffix: (data / f"gateway.db{suffix}").read_bytes() for suffix in ("-wal", "-shm")}
    (data / "gateway.db").unlink()
    for suffix, content in left.items():
        (data / f"gateway.db{suffix}").write_bytes(content)
    result = run(config, "restore", str(file), "--json")
    assert json.loads(result.stdout)["kept"] is None
    assert state(data / "gateway.db") == "downloading"
    kept = {suffix: (data / f"gateway.db{suffix}.before-restore-1").read_bytes() for suffix in left}
    assert kept == left


def test_a_damaged_store_is_kept_as_it_is(config: Path) -> None:
    """That is what backups are for."""
    file, store = backed_up(config), config.parent / "data" / "gateway.db"
    store.write_bytes(b"ruins" * 1000)
    assert run(config, "restore", str(file)).exit_code == 0
    assert state(store) == "downloading"
    assert store.with_name("gateway.db.before-restore-1").read_bytes() == b"ruins" * 1000


def test_a_restore_onto_a_new_box_begins_its_store(config: Path) -> None:
    """Nothing was there, and nothing is kept."""
    file = backed_up(config)
    other = config.parent / "other.toml"
    other.write_text('[gateway]\ndata_dir = "new"\n')
    result = run(other, "restore", str(file), "--json")
    assert json.loads(result.stdout)["kept"] is None
    assert state(config.parent / "new" / "gateway.db") == "downloading"


@pytest.mark.parametrize("lock", ["gateway.lock", "gateway.db.lock"])
def test_a_running_gateway_s_store_is_not_restored(config: Path, lock: str) -> None:
    """It would go on from its memory, and write it into the copy."""
    file, store = backed_up(config), config.parent / "data" / "gateway.db"
    before = store.read_bytes()
    release = locks.hold(config.parent / "data" / lock)
    try:
        result = run(config, "restore", str(file))
    finally:
        release()
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "stop it first" in result.stderr
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "written by a newer gateway"),
        ("DROP TABLE alembic_version", "is no store of a gateway"),
    ],
)
def test_what_is_no_copy_of_ours_is_not_restored(config: Path, statement: str, sentence: str) -> None:
    """The store stays as it is."""
    file = backed_up(config)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)
    result = run(config, "restore", str(file))
    assert (result.exit_code, sentence in result.stderr) == (4, True)
    assert state(config.parent / "data" / "gateway.db") == "downloading"
    assert not list((config.parent / "data").glob("*restore*"))


@pytest.mark.parametrize("at", [0, 4096])
def test_a_damaged_copy_is_not_restored(config: Path, at: int) -> None:
    """Found before anything is touched, wherever the damage is."""
    file = backed_up(config)
    content = bytearray(file.read_bytes())
    content[at : at + 3000] = b"x" * 3000
    file.write_bytes(content)
    result = run(config, "restore", str(file))
    assert (result.exit_code, result.stderr.count("\n")) == (4, 1)
    assert state(config.parent / "data" / "gateway.db") == "downloading"


def test_postgresql_has_tools_of_its_own(tmp_path: Path) -> None:
    """The command to use is told, without the password."""
    config = tmp_path / "gateway.toml"
    config.write_text('[store]\nurl = "postgresql+psycopg://ota:hunter2@db.site/ota"\n')
    made = run(config, "backup", "x.dump")
    use = 'use: pg_dump --format=custom --file=x.dump "postgresql://ota@db.site/ota"'
    assert made.exit_code == 1
    assert made.stderr.endswith(f"which has its own tools; {use}\n")
    back = run(config, "restore", str(config))
    assert 'use: pg_restore --clean --if-exists --dbname="postgresql://ota@db.site/ota"' in back.stderr
