"""Hostile peers and fuzzers: each visits in a process of its own, and what it tried is counted."""

import asyncio
import json
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.fire.fuzz import command_of, inputs_tried
from tests.fire.mqtt.by_name import BEHIND_TLS
from tests.soak.site import House

PATIENCE = 60.0  # seconds, beyond what was wanted
SHOWN = 400  # characters of a complaint
ROOT = Path(__file__).parents[2]


class Ended(NamedTuple):
    """How a visitor's process ended."""

    code: int
    said: str
    complaint: str


class Visits:
    """All visits of one soak."""

    def __init__(self, house: House, *, seed: int) -> None:
        self._house = house
        self._seed = seed
        #: Kind → inputs, or runs.
        self.tried: Counter[str] = Counter()
        self.seen: list[str] = []

    async def attack(self, kind: str, seconds: float) -> None:
        """Let hostile peers visit the gateway."""
        lot = f"{self._seed}/{self.tried.total()}"
        visit = [sys.executable, "-m", "tests.soak.hostile", kind, str(self._door(kind)), str(seconds), lot]
        ended = await self._run(kind, visit, PATIENCE)
        if ended is None:
            return
        if ended.code:
            self.seen.append(f"visit: {kind} broke: {ended.complaint[-SHOWN:]}")
        else:
            self.tried[kind] += json.loads(ended.said)["streams"]

    async def fuzz(self, target: str, seconds: float) -> None:
        """Let the coverage-guided fuzzer look at a reader of foreign bytes, which the gateway has at work meanwhile."""
        name, whole = f"fuzzed {target}", max(round(seconds), 1)
        command = command_of(target, seconds=whole, seed=self._seed + self.tried.total() + 1)
        ended = await self._run(name, command, whole + PATIENCE)
        if ended is None:
            return
        tried = inputs_tried(ended.complaint)
        if ended.code or not tried:
            found = re.search(r"Uncaught Python exception: ===\n(.*)", ended.complaint)
            why = found[1] if found else ended.complaint[-SHOWN:]
            self.seen.append(f"fuzz: {target} ended with {ended.code}, its input lies in build/fuzz: {why}")
        self.tried[name] += tried or 0

    def _door(self, kind: str) -> int:
        house = self._house
        others = {"http": house.http_port, "images": house.image_port}
        return house.tls_port if kind.startswith(BEHIND_TLS) else others.get(kind, house.mqtt_port)

    async def _run(self, name: str, command: Sequence[str], patience: float) -> Ended | None:
        """Run it to its end; None when that did not come, which is counted."""
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
        try:
            async with asyncio.timeout(patience):
                said, complaint = await process.communicate()
        except TimeoutError:
            self.tried[f"{name}, given up"] += 1
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Ended(process.returncode or 0, said.decode(), complaint.decode(errors="replace"))
