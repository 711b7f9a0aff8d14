"""What a command loads: an operator's question at night must not wait for the store, the broker and the gateway."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.ops.office import Office

#: Each takes longer to load than a question and its answer.
HEAVY = {"alembic", "amqtt", "gateway.app", "gateway.assembly", "sqlalchemy"}


def loaded_by(*arguments: str, code: int = 0) -> set[str]:
    """Run a command in a process of its own, and return the modules that it loaded."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "gateway", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, bool(done.stdout)) == (code, True)
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


def written(directory: Path, listen: object) -> str:
    """Write the configuration of a gateway that listens there, with its store in the directory."""
    config = directory / "gateway.toml"
    config.write_text(f'[gateway]\ndata_dir = "."\n[http]\nlisten = "{listen}"\n')
    return str(config)


@pytest.mark.parametrize("command", [["--help"], ["updates", "--help"], ["--version"]])
def test_help_loads_no_gateway(command: list[str]) -> None:
    """Nor does completion, which looks at the same."""
    assert not HEAVY & loaded_by(*command)


@pytest.mark.parametrize("command", [["status"], ["updates", "list", "--json"], ["firmware"]])
async def test_who_asks_a_gateway_that_runs_loads_none(
    office: Office, tmp_path: Path, command: list[str]
) -> None:
    """It is the gateway that answers."""
    config = written(tmp_path, office.server.address)
    assert not HEAVY & await asyncio.to_thread(loaded_by, *command, "--config", config)


async def test_the_store_is_loaded_where_no_gateway_answers(
    office: Office, tmp_path: Path, unused_tcp_port: int
) -> None:
    """Nobody else could answer then; and what is loaded is seen."""
    config = written(tmp_path, f"127.0.0.1:{unused_tcp_port}")
    assert "sqlalchemy" in await asyncio.to_thread(loaded_by, "status", "--config", config, code=3)
