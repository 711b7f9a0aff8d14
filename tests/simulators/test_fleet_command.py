"""The fleet as a process of its own."""

import asyncio
import csv
import json
import sys
from asyncio.subprocess import PIPE

from tests.simulators.fleet import cast
from tests.simulators.fleet.listener import Listener, listening


async def command(*options: str) -> str:
    """Run it to its end and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.simulators.fleet", *options, stdout=PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_the_ledger_is_the_only_line() -> None:
    """It counts what the broker has seen, and knows how each update ended."""
    listener = Listener()
    async with listening(listener) as (host, port):
        options = (
            "--host",
            host,
            "--port",
            str(port),
            "--devices",
            "4",
            "--targets",
            "2.0,3.0",
            "--window",
            "2",
        )
        ledger = json.loads(await command(*options))
    assert ledger["sent"] == ledger["acknowledged"]
    # A connection that breaks may take a publish with it, which then arrives the second time only.
    assert ledger["sent"] <= len(listener.publishes) <= ledger["sent"] + ledger["resent"]
    assert ledger["truth"]["METER/dev01"]["3.0"] == {
        "state": "done",
        "tencent": 0,
        "onenet": 201,
        "why": "done",
    }
    assert [sorted(versions) for versions in ledger["truth"].values()] == [["2.0", "3.0"]] * 4


async def test_the_list_is_a_devices_file() -> None:
    """Names and secrets of the same devices."""
    listed = csv.DictReader((await command("--list", "--devices", "3", "--product", "P")).splitlines())
    assert [(row["name"], row["secret"]) for row in listed] == [
        (device.name, device.secret) for device in cast("P", 3)
    ]
