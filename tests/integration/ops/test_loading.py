"""What a command loads: an operator's question at night must not wait for the store, the broker and the gateway."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store.database import Database
from tests.integration.ops.office import Office

#: Each takes longer to load than a question and its answer.
HEAVY = {"alembic", "amqtt", "gateway.app", "gateway.assembly", "sqlalchemy"}


async def loaded_by(*arguments: str | Path, code: int = 0) -> set[str]:
    """Run a command in a process of its own, and return the modules that it loaded."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-X", "importtime", "-m", "gateway", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    assert done.stdout
    return {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the path of a configuration for the office's address, and for its store."""
    return tmp_path / "gateway.toml"


@pytest.mark.parametrize("command", [["--help"], ["updates", "--help"], ["--version"]])
async def test_help_loads_no_gateway(command: list[str]) -> None:
    """Nor does completion, which looks at the same."""
    assert not HEAVY & await loaded_by(*command)


@pytest.mark.parametrize("command", [["status"], ["updates", "list", "--json"], ["firmware"]])
async def test_who_asks_a_gateway_that_runs_loads_none(
    office: Office, config: Path, command: list[str]
) -> None:
    """It is the gateway that answers."""
    config.write_text(f'[gateway]\ndata_dir = "."\n[http]\nlisten = "{office.server.address}"\n')
    assert not HEAVY & await loaded_by(*command, "--config", config)


async def test_the_store_is_loaded_where_no_gateway_answers(config: Path, unused_tcp_port: int) -> None:
    """It is the store that answers then; a law that nothing could break would say nothing."""
    config.write_text(f'[gateway]\ndata_dir = "."\n[http]\nlisten = "127.0.0.1:{unused_tcp_port}"\n')
    store = await Database.open(f"sqlite:///{config.parent / 'gateway.db'}", lane_quota=1 << 30)
    await store.close()
    assert "sqlalchemy" in await loaded_by("status", "--config", config, code=3)
