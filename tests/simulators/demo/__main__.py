"""``python -m tests.simulators.demo``: two clouds, a gateway and sixty devices on this machine, in about a minute.

Exit status 0 only if the clouds' own records agree with what the devices said and did.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path

import uvloop
from rich.console import Console

from tests.simulators.demo.director import Stage
from tests.simulators.demo.processes import ProcessError
from tests.simulators.demo.script import Script
from tests.simulators.demo.site import PLAIN
from tests.simulators.demo.stage import stage
from tests.simulators.demo.table import orders, table, verdict

INTERRUPTED = 130
INTRODUCTION = """\
[bold]The OTA gateway at work[/bold], with simulated devices and clouds on this machine.

[bold]Orders go down:[/bold] both clouds order updates; the gateway asks for them, fetches each image once, and \
tells the devices, which fetch it over HTTP or in chunks over MQTT. One sleeps, one has a user who must agree, one \
loses its power half way, one does not come up with the new version.
[bold]Reports go up:[/bold] other devices update by themselves and only report. Some fail, roll back, lose their \
connections, say everything twice, or babble. In the middle, Tencent's cloud goes away for a while.
"""


def main() -> int:
    """Run the demo and return its exit status."""
    options = _parser().parse_args()
    script = Script(devices=options.devices, seconds=options.seconds, seed=options.seed)
    console = Console()
    directory = Path(tempfile.mkdtemp(prefix="ota-gateway-demo-"))
    try:
        status = uvloop.run(_interruptible(_run(console, script, directory, keep=options.keep)))
    except ProcessError as error:
        console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        status = 1
    if status == 1:
        console.print(f"Logs and configuration are left in {directory}", highlight=False)
    else:
        shutil.rmtree(directory)
    return status


async def _run(console: Console, script: Script, directory: Path, *, keep: bool) -> int:
    console.print(INTRODUCTION, highlight=False)
    console.print(f"Starting two clouds and the gateway; their files are in {directory}", soft_wrap=True)
    async with stage(script, directory) as running:
        await running.play(console)
        found = await running.compare()
        console.print(
            orders(found.deeds, found.hearings),
            table(found.count, found.hearings, found.images, found.deeds),
            verdict(found.differences),
            sep="\n",
        )
        if keep:
            console.print(_addresses(running), highlight=False, soft_wrap=True, markup=False)
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    return 1 if found.differences else 0


async def _interruptible(work: Awaitable[int]) -> int:
    """End in order on Ctrl-C, SIGTERM or when the terminal goes."""
    task = asyncio.ensure_future(work)

    def end() -> None:
        if not task.cancelling():  # a second Ctrl-C must not leave processes behind
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED


def _addresses(running: Stage) -> str:
    host, port = running.gateway.mqtt
    device = next(each.device for each in running.site if each.device.product == PLAIN)
    orderly, asker = (
        running.campaign.roles[0].device.address,
        running.campaign.asker("operator").device.address,
    )
    command, config = Path(sys.executable).with_name("ota-gateway"), running.gateway.config
    return f"""
Everything is left running. Ctrl-C ends it.

  the page  {running.gateway.url}/
  gateway   {running.gateway.url}/api/v1/docs
            {running.gateway.url}/metrics
  Tencent   {running.tencent.url}/_sim/summary   {running.tencent.url}/_sim/record?limit=20
  OneNET    {running.onenet.url}/_sim/summary   {running.onenet.url}/_sim/record?limit=20
  devices   mqtt://{host}:{port}

Speak as a device:

  mosquitto_pub -h {host} -p {port} -u {device.address} -P '{device.secret}' -q 1 \\
    -t ota/{device.address}/report -m '{{"type":"state","version":"3.0","state":"downloading","percent":20}}'

Ask as an operator what became of an update, and of everything:

  {command} updates show {asker}/default/1 --config {config}
  {command} status --config {config}

Order another update:

  curl -d '{{"create": {{"devices": ["{orderly}"], "version": "2.2", "image_size": 1000000}}}}' \\
    {running.tencent.url}/_sim/tasks

Take a cloud away, and bring it back:

  curl -d '{{"down": true}}' {running.tencent.url}/_sim/faults
  curl -d '{{"clear": true}}' {running.tencent.url}/_sim/faults
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.demo", description=__doc__)
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the devices take, about")
    parser.add_argument("--seed", type=int, default=7, help="the same seed tells the same stories")
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
