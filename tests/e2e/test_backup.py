"""A box dies and another takes over from its backup, which was taken in the middle of the work."""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from tests.e2e.site import Site, site
from tests.e2e.truth import products
from tests.simulators.fleet import Fleet, cast

CLOUDS = "".join(
    f'[clouds.{name}]\nadapter = "journal"\npath = "{name}.jsonl"\nprogress_interval = "50ms"\n'
    for name in ("tencent", "onenet")
)


async def command(made: Site, *arguments: str) -> str:
    """Run a command that succeeds, as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *arguments, "--config", str(made.config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


def updates(path: Path) -> dict[str, str]:
    """Return the updates of a store and where each stands."""
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT id, state FROM updates").fetchall())


async def test_a_box_goes_on_from_a_backup_that_was_taken_under_load(tmp_path: Path) -> None:
    """Back up while devices publish, pull the plug, restore, run: what the copy holds is there, and goes on."""
    devices = cast("PLAIN", 8)
    file = tmp_path / "backup.db"
    async with site(tmp_path, products(devices, more='success = "on_done"'), CLOUDS) as made:
        await made.start()
        fleet = Fleet(("127.0.0.1", made.mqtt_port), devices, seed=7, pace=1, spread=1)
        async with asyncio.TaskGroup() as group:
            group.create_task(fleet.run())
            async with asyncio.timeout(20):
                while not (await made.get("/api/v1/status"))["updates"]:
                    await asyncio.sleep(0.02)
            await command(made, "backup", str(file))
        await made.kill()
        copied = updates(file)
        assert copied

        await command(made, "restore", str(file))
        (kept,) = (tmp_path / "data").glob("gateway.db.before-restore-1")
        assert updates(kept).keys() >= copied.keys()
        await made.start()
        found = {}
        for line in json.loads(await command(made, "updates", "list", "--limit", "500", "--json"))["updates"]:
            found[line["id"]] = line["state"]
        assert found == copied
        # The work goes on where the copy was: the same devices end, and every lane drains.
        again = Fleet(("127.0.0.1", made.mqtt_port), devices, seed=7, pace=0.5, spread=0.5)
        await again.run()
        assert again.sent == again.acknowledged
        await made.drained(within_s=20)
        assert await made.stop() == 0
    told = [json.loads(line) for line in (tmp_path / "data" / "tencent.jsonl").read_text().splitlines()]
    ended = {line["device"] for line in told if line["state"] in ("succeeded", "failed")}
    assert ended >= {address for address, results in again.truth.items() if results["2.0"].ending}
