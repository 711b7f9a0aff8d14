"""The API before a stranger's tool: whatever Schemathesis makes of its description, the answers keep to it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.config import Secret
from gateway.model.identity import UpdateId
from gateway.model.states import Reason, State
from gateway.ops.api.answering import cursor_after, place_cursor
from gateway.ports.store import Changes, Quarantined
from tests.integration.ops.office import D1, D2, TWO, V1, V2, V3, Office, open_office, runs, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "hunter2"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
COMMON = ("--checks=all", "--continue-on-failure", "--seed=20261121", "--warnings=off", "--no-color")
#: Everything is named that is there, so that acts are done and not only refused.
NAMES = """
[parameters]
"path.product" = "P"
"path.device" = "d1"
"path.module" = "default"
"path.number" = 1
"path.target" = "2.0"
"""
#: That a cursor is one of ours no schema can say.
CURSOR = """
[[operations]]
include-path = "/api/v1/{path}"
parameters = {{ "query.cursor" = "{cursor}" }}
"""


@pytest.fixture
async def busy(tmp_path: Path) -> AsyncIterator[Office]:
    """Return an office with a token, and something of everything in its store."""
    async with open_office(tmp_path, Secret(TOKEN)) as office:
        await office.say(runs(V1), runs(V1, device=D2), told(State.INSTALLING, device=D2))
        await office.bury()
        await office.order(V2, confirm=True)
        await office.order(V3, lane=TWO, handle="t2")
        await office.order(V3, device=D2)
        await office.say(told(State.FAILED, device=D2, reason=Reason.WEAK_SIGNAL, code="-1", detail="gone"))
        aside = Quarantined(device=D1, topic="t", payload=b"\xff\0", reason="malformed", detail="no JSON")
        await office.store.commit(
            Changes(quarantine=[aside] * 3), now=office.clock.now(), wall=office.clock.wall()
        )
        yield office


async def run(office: Office, *options: str, config: str = "") -> None:
    """Let Schemathesis loose; what it finds is what this fails with."""
    assert SCHEMATHESIS.exists(), "it comes with requirements.lock"
    directory = Path(office.store.name.removeprefix("sqlite:///")).parent
    (directory / "schemathesis.toml").write_text(config)
    told_it = await asyncio.create_subprocess_exec(
        SCHEMATHESIS,
        f"--config-file={directory / 'schemathesis.toml'}",
        "run",
        f"http://{office.server.address}/api/v1/openapi.json",
        f"--header=Authorization: Bearer {TOKEN}",
        *COMMON,
        "--exclude-path=/api/v1/events",  # it has no end
        *options,
        cwd=directory,
        stdout=PIPE,
        stderr=STDOUT,
    )
    said, _ = await told_it.communicate()
    assert told_it.returncode == 0, said.decode()


async def test_nonsense_is_refused_as_described(busy: Office) -> None:
    """Each parameter at and beyond its bounds, other methods, a wrong token: no answer is beside its description."""
    await run(
        busy, "--phases=coverage,fuzzing", "--max-examples=10", "--exclude-checks=positive_data_acceptance"
    )


async def test_what_is_meant_is_answered_as_described(busy: Office) -> None:
    """Whatever the description allows is looked up, or done to what is there."""
    cursors = {
        "updates": place_cursor((busy.clock.now(), UpdateId("P/d1/default/1"))),
        "devices": cursor_after("P/d1"),
        "orders": cursor_after("P/d1/default cloud/one"),
        "dead-letters": "7",
        "quarantine": "7",
    }
    given = [CURSOR.format(path=path, cursor=cursor) for path, cursor in cursors.items()]
    await run(
        busy, "--phases=fuzzing", "--mode=positive", "--max-examples=25", config="".join([NAMES, *given])
    )
