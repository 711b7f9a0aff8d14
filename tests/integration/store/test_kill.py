"""kill -9 at any moment: what was acknowledged is there, and the store opens as if nothing had happened."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from random import Random
from time import perf_counter

from sqlalchemy import select

from gateway.store.database import Database
from gateway.store.schema import messages, updates
from tests.integration.store.scene import Scene
from tests.integration.store.test_room import counted


@dataclass(slots=True)
class Record:
    """What the writers of one store have said."""

    committed: set[int] = field(default_factory=set)
    #: Settled for certain.
    settled: set[int] = field(default_factory=set)
    #: Settled by the commit that runs.
    settling: set[int] = field(default_factory=set)
    #: Settled by a commit that may or may not have been made.
    perhaps: set[int] = field(default_factory=set)

    def hear(self, line: str) -> None:
        """Take in a line of a writer, but not one that the kill has cut off."""
        if not line.endswith("\n"):
            return
        word, *numbers = line.split()
        if word == "settling":
            self.settling = {int(number) for number in numbers}
        else:
            self.committed.add(int(numbers[0]))
            self.settled |= self.settling
            self.settling = set()


def write_until_killed(url: str, record: Record, *, commits: int, then_s: float) -> None:
    """Run a writer for so many commits and a moment more, kill it, and hear all that it said."""
    first = max(record.committed, default=0) + 2
    command = [sys.executable, "-m", "tests.integration.store.writer", url, str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            record.hear(line)
            if len(record.committed) >= commits:
                break
        until = perf_counter() + then_s
        while perf_counter() < until:
            pass
        writer.kill()
        for line in writer.stdout:
            record.hear(line)
    record.perhaps |= record.settling
    record.settling = set()


async def test_nothing_acknowledged_is_lost(url: str) -> None:
    """Killed again and again, every acknowledged number is stored, no settled one comes back, no loss is said."""
    random, record = Random(20), Record()
    for _ in range(10 if url.startswith("sqlite") else 3):
        enough = len(record.committed) + random.randrange(1, 40)
        write_until_killed(url, record, commits=enough, then_s=random.random() / 100)

        scene = Scene(url, await Database.open(url, lane_quota=1 << 30))
        loaded = await scene.store.load()
        waiting = {int(key.split("/")[-1]) for (key,) in scene.rows(select(messages.c.update_id))}

        assert not scene.store.has_lost
        assert record.committed <= {number for (number,) in scene.rows(select(updates.c.number))}
        assert record.committed - record.settled - record.perhaps <= waiting
        assert not record.settled & waiting
        assert {lane: (n, loaded.sizes[lane]) for lane, n in loaded.messages.items()} == counted(scene)
        await scene.store.close()
