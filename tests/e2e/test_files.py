"""What a gateway writes is its own, whatever umask it was started with; what others can read is said at the start."""

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.site import firmware_table, site
from tests.integration.broker.mqtt import ACCEPTED, Client, connect, puback, publish
from tests.simulators.ports import free_port

PRODUCTS = """
[products.P]
dialect = "plain"
authentication = "password"
clouds = []
tasks = "off"
[products.P.devices.dev1]
secret = { file = "dev1" }
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody can come to, unlike those of pytest, with a secret that everybody can read."""
    with tempfile.TemporaryDirectory(prefix="files-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "dev1").write_text("secret-dev1")
        (directory / "dev1").chmod(0o644)
        yield directory


async def test_whatever_the_umask_only_the_gateway_reads_its_files(place: Path) -> None:
    """Directories 0700 and files 0600: the database and its companions, the reserve, the locks, the key."""
    async with site(place, PRODUCTS, "", extra=firmware_table(free_port())) as made:
        made.wrapper = ("sh", "-c", 'umask 0; exec "$@"', "sh")
        await made.start()
        client = await Client.open(made.mqtt_port)
        client.send(connect("dev1"), publish("ota/P/dev1/report", b'{"type":"version","version":"1"}', 1))
        await client.expect(ACCEPTED + puback(1))
        await client.close()
        running = modes(place / "data")
        warned = {line["key"]: line for line in made.lines() if line["event"] == "file_exposed"}
        assert await made.stop() == 0

    assert {"gateway.db", "gateway.db-wal", "gateway.db.reserve", "firmware-links.key"} <= running.keys()
    for left in (running, modes(place / "data")):
        assert {each: oct(mode) for each, mode in left.items() if mode not in (0o700, 0o600)} == {}
    secret = warned["products.P.devices.dev1.secret"]
    assert (secret["mode"], secret["remedy"]) == ("0644", f"chmod 600 {place}/dev1")


def modes(directory: Path) -> dict[str, int]:
    """Return the permissions of a directory and all that is in it."""
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in (directory, *directory.rglob("*"))}
