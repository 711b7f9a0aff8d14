"""The database's password, before a database that says it back."""

import asyncio
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.simulators.ports import free_port

PASSWORD = "pass/word+of=the&database"
CLEARTEXT = b"R" + struct.pack("!II", 8, 3)
CONFIG = """\
[gateway]
data_dir = "{directory}"
log_level = "debug"
[mqtt]
listen = "127.0.0.1:{mqtt}"
[http]
listen = "127.0.0.1:{http}"
[store]
{store}
"""
STORES = {
    "in its own key": 'url = "postgresql+psycopg://u@127.0.0.1:{port}/d?sslmode=disable"\npassword = "{password}"',
    "in the URL": 'url = "postgresql+psycopg://u:{quoted}@127.0.0.1:{port}/d?sslmode=disable"',
}


@asynccontextmanager
async def database() -> AsyncIterator[tuple[int, list[str]]]:
    """Ask for the password in clear, and refuse it by name in every field of the error."""
    told: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(int.from_bytes(await reader.readexactly(4)) - 4)
        writer.write(CLEARTEXT)
        kind = await reader.read(1)
        if kind:
            given = await reader.readexactly(int.from_bytes(await reader.readexactly(4)) - 4)
            told.append(given.rstrip(b"\0").decode())
            text = f"{told[-1]} and {quote(told[-1], safe='')} is wrong"
            fields = "".join(
                f"{code}{value}\0"
                for code, value in zip("SCMDH", ("FATAL", "28P01", text, text, text), strict=True)
            )
            writer.write(b"E" + struct.pack("!I", len(fields.encode()) + 5) + fields.encode() + b"\0")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], told


@pytest.mark.parametrize("store", STORES.values(), ids=STORES)
@pytest.mark.parametrize("command", ["check", "run"])
async def test_a_database_that_refuses_the_password_does_not_print_it(
    tmp_path: Path, command: str, store: str
) -> None:
    """What it says of the password reaches neither the terminal nor the log."""
    async with database() as (port, told):
        config = tmp_path / "gateway.toml"
        given = store.format(port=port, password=PASSWORD, quoted=quote(PASSWORD, safe=""))
        config.write_text(CONFIG.format(directory=tmp_path, mqtt=free_port(), http=free_port(), store=given))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", command, "--config", str(config),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said = (await asyncio.wait_for(process.communicate(), 30))[0].decode()
    assert process.returncode
    assert PASSWORD in told
    assert PASSWORD not in said, said
    assert quote(PASSWORD, safe="") not in said, said
