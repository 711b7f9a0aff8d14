"""The demo's site and its processes."""

import csv
import tomllib
from pathlib import Path

import pytest

from tests.simulators.demo.gateway import sums
from tests.simulators.demo.processes import ProcessError, running
from tests.simulators.demo.roles import roles
from tests.simulators.demo.site import LAMP, PLAIN, PUMP, SDK, members, write

METRICS = """\
# HELP x_total Things.
x_total{dialect="plain",reason="bad_json"} 2.0
x_total{dialect="tencent",reason="bad_json"} 3.0
x_total{dialect="plain",reason="unknown_type"} 1.0
x_total_sum 9.0
y 7.0
"""


def test_members() -> None:
    """Half and half; one in ten without a task at OneNET, of these every other unknown there."""
    site = members(50)
    assert [sum(each.device.product == product for each in site) for product in (PLAIN, SDK)] == [25, 25]
    assert {each.device.dialect for each in site if each.device.product == SDK} == {"tencent"}
    assert sum(not each.has_task for each in site) == 6
    assert sum(not each.dev_id for each in site) == 4
    dev_ids = [each.dev_id for each in site if each.dev_id]
    assert len(dev_ids) == len(set(dev_ids))


def test_an_odd_number_of_members() -> None:
    """Nobody is left out."""
    assert len(members(7)) == 7


def test_files(tmp_path: Path) -> None:
    """The configuration names what is there, and secrets are nobody else's to read."""
    site = [*members(10), *(role.member for role in roles(1.0))]
    config = write(tmp_path, site, tencent_url="http://127.0.0.1:1", onenet_url="http://127.0.0.1:2")
    tables = tomllib.loads(config.read_text())
    assert {name: table["tasks"] for name, table in tables["products"].items()} == {
        PLAIN: "off",
        SDK: "off",
        PUMP: "poll",
        LAMP: "poll",
    }
    assert tables["firmware"]["public_url"].endswith(tables["firmware"]["listen"])
    assert tables["clouds"]["tencent"]["url"] == "http://127.0.0.1:1/api/exploreropen/tokenapi"
    listed = []
    for product, table in tables["products"].items():
        with (tmp_path / table["devices_file"]).open(newline="") as file:
            listed += [(f"{product}/{row['name']}", row["onenet_dev_id"]) for row in csv.DictReader(file)]
    assert listed == [(each.device.address, each.dev_id) for each in site]
    secrets = [tmp_path / "tencent-token", tmp_path / f"{PLAIN}.csv"]
    assert [path.stat().st_mode & 0o077 for path in secrets] == [0, 0]


def test_sums() -> None:
    """Samples of a metric add up by a label."""
    assert sums(METRICS, "x_total", "dialect") == {"plain": 3.0, "tencent": 3.0}
    assert sums(METRICS, "x_total") == {"": 6.0}
    assert sums(METRICS, "y") == {"": 7.0}
    assert sums(METRICS, "z") == {}


async def test_a_process_that_does_not_start(tmp_path: Path) -> None:
    """What it printed is in the error."""
    with pytest.raises(ProcessError, match=r"Thing did not start[\s\S]*invalid int value"):
        async with running("Thing", "tests.simulators.tencent", "--port", "x", log=tmp_path / "log"):
            pass


async def test_a_process_that_does_not_stay(tmp_path: Path) -> None:
    """Its end is noticed, and said with its status."""
    async with running("Thing", "tests.simulators.tencent", log=tmp_path / "log") as thing:
        thing.process.terminate()
        with pytest.raises(ProcessError, match="Thing ended with status 0"):
            await thing.fail_when_it_ends()
