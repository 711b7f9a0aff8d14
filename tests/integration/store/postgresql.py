"""A PostgreSQL cluster of the tests' own: one directory, one unix socket, no network."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "postgres"
START_S = 30


class Cluster:
    """A server that holds nothing worth an fsync."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._directory = directory
        self._data = directory / "data"
        self._runs = False
        self._names = (f"site_{number}" for number in count())
        as_root = os.geteuid() == 0
        self._prefix = ["runuser", "-u", USER, "--"] if as_root else []
        if as_root:
            owner = pwd.getpwnam(USER)
            os.chown(directory, owner.pw_uid, owner.pw_gid)

    @property
    def socket(self) -> Path:
        """Where the server listens."""
        return self._directory / ".s.PGSQL.5432"

    def create(self) -> None:
        """Make an empty cluster."""
        self._run(
            "initdb", f"--pgdata={self._data}", f"--username={USER}", "--auth=trust", "--no-sync",
            "--encoding=UTF8", "--locale=C",
        )  # fmt: skip

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it answers."""
        if self._runs:
            return
        settings = f"-c listen_addresses='' -c unix_socket_directories={self._directory} -c fsync=off"
        log = self._directory / "log"
        self._run(
            "pg_ctl", "start", f"--pgdata={self._data}", f"--log={log}", "-w", "-t", str(START_S), "-o", settings
        )  # fmt: skip
        self._runs = True

    def kill(self) -> None:
        """End the server at once, as a crash does, whatever it is doing."""
        self._run("pg_ctl", "stop", f"--pgdata={self._data}", "--mode=immediate", "-w")
        self._runs = False

    @property
    def pid(self) -> int:
        """The server's first process."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    def has_died(self) -> None:
        """Take note that somebody else has ended it."""
        self._runs = False

    def database(self, template: str = "template1") -> str:
        """Create a database of its own for a test and return its name."""
        name = next(self._names)
        with psycopg.connect(
            host=str(self._directory), user=USER, dbname="postgres", autocommit=True
        ) as server:
            server.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def url(self, database: str) -> str:
        """Return the URL by which the store reaches the database."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self._directory}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._programs / program), *arguments]
        # To a file: a server that lives on would hold a pipe open.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                command, check=False, cwd=self._directory, stdout=said, stderr=said, timeout=60
            )
            said.seek(0)
            assert done.returncode == 0, said.read()


@contextmanager
def running() -> Iterator[Cluster]:
    """Run a PostgreSQL server; skips where none is installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: no initdb on the path or below /usr/lib/postgresql")
    directory = Path(tempfile.mkdtemp(prefix="ota-gateway-"))
    try:
        cluster = Cluster(programs, directory)
        cluster.create()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.kill()
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Run a PostgreSQL server for the tests of this session."""
    with running() as made:
        yield made


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return installed[-1].parent if installed else None
