"""The command line before a real API: what operators see, and what scripts and the shell get."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from gateway import cli
from gateway.core.images import Wanted
from gateway.core.reconciler import Drift
from gateway.model.identity import UpdateId, Version
from gateway.model.states import Reason, State
from gateway.ports.firmware import NotNowError, Trouble, UnfitError
from tests.integration.ops.office import D1, D2, ONE, TWO, V1, V2, V3, Office, runs, told

FIRST = "P/d1/default/1"
TERMINAL = {"FORCE_COLOR": "1", "COLUMNS": "200"}

Command = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(office: Office, tmp_path: Path) -> Iterator[Command]:
    """Return what runs a command against the office."""
    config = tmp_path / "gateway.toml"
    config.write_text(f'[http]\nlisten = "{office.server.address}"\n')

    async def invoke(*arguments: str, **options: Any) -> Result:
        return await asyncio.to_thread(
            CliRunner().invoke, cli.app, [*arguments, "--config", str(config)], **options
        )

    # The office logs in this process, whose standard output is the command's meanwhile.
    with capture_logs():
        yield invoke


async def said(run: Command, *arguments: str) -> list[list[str]]:
    """Run a command that succeeds, and return its lines cut at the tabs."""
    result = await run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return [line.split("\t") for line in result.stdout.splitlines()]


async def answered(run: Command, *arguments: str) -> Any:
    """Run a command that succeeds, and return its JSON."""
    result = await run(*arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


async def test_updates_are_one_a_line_in_a_pipe(office: Office, run: Command) -> None:
    """With tabs in between, so that a line is found by whatever stands in it."""
    await office.say(runs(V1), told(State.DOWNLOADING, percent=20), told(State.NOTIFIED, device=D2))
    lines = await said(run, "updates", "list")
    assert [line[:-1] for line in lines] == [
        ["P/d2/default/1", "notified", "-", "-", "2.0", "device", "it is away"],
        [
            FIRST,
            "downloading",
            "20",
            "1.0",
            "2.0",
            "device",
            "no cloud ordered it here: its device does it by itself",
        ],
    ]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--open"], ["P/d2/default/1"]),
        (["--state", "failed", "--state", "notified"], ["P/d2/default/1", FIRST]),
        (["--device", "d1"], [FIRST]),
        (["--device", "P/d1"], [FIRST]),
        (["--product", "Q"], []),
        (["--reason", "LOW_BATTERY"], [FIRST]),
        (["--since", "1h"], ["P/d2/default/1", FIRST]),
        (["--since", "2099-01-01 08:00"], []),
        (["--limit", "1"], ["P/d2/default/1"]),
    ],
)
async def test_updates_are_filtered(
    office: Office, run: Command, options: list[str], found: list[str]
) -> None:
    """Every option narrows."""
    await office.say(told(State.FAILED, reason=Reason.LOW_BATTERY), told(State.NOTIFIED, device=D2))
    listed = await answered(run, "updates", "list", *options)
    assert [update["id"] for update in listed["updates"]] == found


async def test_more_updates_than_a_page_are_gathered(
    office: Office, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are asked for, over as many pages as it takes."""
    monkeypatch.setattr("gateway.cli.asking.PAGE", 2)
    for number in range(5):
        await office.say(told(State.FAILED, version=Version(f"1.{number}")))
    assert [line[0][-1] for line in await said(run, "updates", "list", "--limit", "4")] == [
        "5",
        "4",
        "3",
        "2",
    ]
    assert len(await said(run, "updates", "list")) == 5


async def test_a_list_is_a_table_on_a_terminal(office: Office, run: Command) -> None:
    """With headings and a count."""
    await office.say(told(State.FAILED, reason=Reason.LOW_BATTERY))
    result = await run("updates", "list", env=TERMINAL)
    assert "\x1b[" in result.stdout
    for word in ("updates: 1", "update", "state", FIRST, "failed"):
        assert word in result.stdout


async def test_a_table_can_be_read_in_eighty_columns(office: Office, run: Command) -> None:
    """No name and no state is cut; what must happen next goes on in the next line."""
    await office.order(confirm=True)
    office.engine.set_aside(
        D1, "ota/P/d1/report", b"oops", reason="malformed", detail="not JSON " * 20, settle=lambda _: None
    )
    await office.bury()
    await office.ledger.drain()
    for command in (["updates", "list"], ["orders"], ["devices"], ["firmware"], ["quarantine", "list"]):
        result = await run(*command, env={"FORCE_COLOR": "1", "COLUMNS": "80"})
        shown = Text.from_ansi(result.stdout).plain
        assert max(map(len, shown.splitlines())) <= 80
        assert "…" not in shown
        if command == ["updates", "list"]:
            assert {FIRST, "waiting", "consent", "2.0", "operator:"} <= set(shown.split())


async def test_an_update_is_shown_with_its_timeline(office: Office, run: Command) -> None:
    """Its facts first, then what was said, understood and answered."""
    await office.order()
    lines = (await run("updates", "show", FIRST)).stdout.splitlines()
    assert "state queued" in lines
    assert "next.who gateway" in lines
    assert "orders[0].handle t1" in lines
    assert [line.split("\t")[1:] for line in lines[-2:]] == [
        ["gateway", "queued, the gateway says so"],
        ["cloud/one", "ordered 2.0 (t1)"],
    ]
    assert "timeline: 2" in (await run("updates", "show", FIRST, env=TERMINAL)).stdout
    assert len((await answered(run, "updates", "show", FIRST))["timeline"]) == 2


async def test_an_update_is_shown_in_the_operator_s_language(office: Office, run: Command) -> None:
    """As asked for, or as the terminal's locale says; a pipe follows no locale."""
    await office.order()
    office.engine.accept(told(State.FAILED, reason=Reason.LOW_BATTERY), lambda _: None, said=b'{"oops":1}')
    await office.ledger.drain()
    lines = (await run("updates", "show", FIRST, "--language", "zh")).stdout.splitlines()
    assert "状态 失败" in lines
    assert "原因 电量低" in lines
    assert "下一步 网关，结果尚未送达 cloud/one, cloud/two" in lines
    assert [line.split("\t")[1:] for line in lines[-4:]] == [
        ["网关", "排队中，由网关认定"],
        ["cloud/one", "下达 2.0 (t1)"],
        ["设备", '{"oops":1}'],
        ["网关", "失败，电量低"],
    ]
    chinese = {"LC_ALL": "zh_CN.UTF-8"}
    assert "电量低" in (await run("updates", "show", FIRST, env={**TERMINAL, **chinese})).stdout
    assert "电量低" not in (await run("updates", "show", FIRST, env=chinese)).stdout
    assert "失败" in (await run("updates", "list", env={**TERMINAL, **chinese})).stdout
    assert (await answered(run, "updates", "show", FIRST, "--language", "zh"))["state"] == "failed"


async def test_a_timeline_harms_no_terminal(office: Office, run: Command) -> None:
    """What a device or a cloud says may hold what terminals obey; it is written out."""
    await office.order(handle="\x1b]0;gone\x07\x9b2J\u202e")
    for options in ([], ["--json"]):
        for env in (TERMINAL, {}):
            shown = (await run("updates", "show", FIRST, *options, env=env)).stdout
            assert not re.search("\x1b\\]|[\x07\x9b\u202e]", shown)
            assert "gone" in shown


async def test_a_person_acts(office: Office, run: Command) -> None:
    """Each command answers with the update as it is now."""
    await office.order(confirm=True)
    assert (await answered(run, "pause", FIRST))["paused"] is True
    assert (await answered(run, "resume", FIRST))["paused"] is False
    assert (await answered(run, "confirm", FIRST))["confirmed"] is True
    assert (await answered(run, "cancel", FIRST))["state"] == "canceled"
    assert (await answered(run, "retry", FIRST))["id"] == "P/d1/default/2"
    assert (await answered(run, "confirm", "P/d1/default/2", "--refuse"))["state"] == "rejected"


async def test_what_cannot_be_done_is_one_sentence(office: Office, run: Command) -> None:
    """The gateway's own, with exit code 1."""
    await office.say(told(State.FAILED))
    result = await run("cancel", FIRST)
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        f"ota-gateway: {FIRST} is failed: it is over, and nothing is left to call off\n",
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["confirm", "P/d1/1"], "'P/d1/1' names no update; it must be PRODUCT/DEVICE/MODULE/NUMBER"),
        (["updates", "show", "x"], "'x' names no update; it must be PRODUCT/DEVICE/MODULE/NUMBER"),
        (["ask", "d1"], "'d1' names no device; it must be PRODUCT/NAME"),
        (["dead-letters", "drop"], "say which dead letters to drop: their numbers, or --all"),
        (
            ["dead-letters", "replay", "1", "--all"],
            "say which dead letters to replay: their numbers, or --all",
        ),
    ],
)
async def test_a_name_that_is_none_is_a_mistake_on_the_command_line(
    run: Command, arguments: list[str], sentence: str
) -> None:
    """Nobody is asked."""
    result = await run(*arguments)
    assert (result.exit_code, result.stderr) == (2, f"ota-gateway: {sentence}\n")


async def test_devices_are_listed(office: Office, run: Command) -> None:
    """Who is there, what runs, and what is under way."""
    await office.say(runs(V1), told(State.NOTIFIED))
    assert await said(run, "devices") == [
        ["P/d1", "true", "default=1.0", f"{FIRST} notified"],
        ["P/d2", "false", "-", "-"],
    ]
    assert [line[0] for line in await said(run, "devices", "--away")] == ["P/d2"]
    assert [device["id"] for device in (await answered(run, "devices", "--present"))["devices"]] == ["P/d1"]


async def test_the_clouds_are_asked(office: Office, run: Command) -> None:
    """About one device."""
    assert (await answered(run, "ask", "P/d1"))["id"] == "P/d1"
    assert office.asked == [D1]


async def test_orders_come_with_conflicts_and_drift(office: Office, run: Command) -> None:
    """What every cloud wants, and what it believes that is not so."""
    await office.say(runs(V1))
    await office.order(V2)
    await office.order(V3, lane=TWO, handle="t2")
    office.drift.append(
        Drift(
            lane=ONE,
            update=UpdateId(FIRST),
            kind="ended_there",
            believed=State.FAILED,
            true=State.QUEUED,
            detail="5",
        )
    )
    assert await said(run, "orders") == [
        ["cloud/one", "P/d1", "default", "2.0", "open", FIRST, "t1"],
        ["cloud/two", "P/d1", "default", "3.0", "conflict", "-", "t2"],
        ["cloud/one", FIRST, "ended_there", "failed", "queued", "5"],
    ]
    found = await answered(run, "orders", "--conflicts")
    assert [order["lane"] for order in found["orders"]] == ["cloud/two"]
    assert len(found["drift"]) == 1


async def test_images_are_listed(office: Office, run: Command) -> None:
    """Those that are here, and those that cannot be had."""
    await office.order()
    row = next(office.orders.all())
    office.images.known["x"] = Wanted(row, trouble=NotNowError(Trouble.SOURCE_DENIED, "who are you"))
    lines = await said(run, "firmware")
    assert lines[0][:4] == ["a" * 64, "4096", "2.0", "default"]
    assert lines[1] == ["2.0", "default", "cloud/one", "-", "who are you"]
    assert (await answered(run, "firmware"))["taken"] == 4096


async def test_fetches_are_watched_until_none_goes_on(office: Office, run: Command) -> None:
    """What is coming is waited for; what cannot be had is not."""
    await office.order()
    row = next(office.orders.all())
    office.images.known["x"] = Wanted(row)
    watching = asyncio.ensure_future(run("firmware", "--watch", "--json"))
    done, _ = await asyncio.wait([watching], timeout=1.5)
    assert not done
    trouble = UnfitError(Trouble.SOURCE_DENIED, "gone for good")
    office.images.known["x"] = Wanted(row, trouble=trouble, unfit=trouble)
    async with asyncio.timeout(20):
        result = await watching
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["fetches"][0]["trouble"]["final"] is True


async def test_dead_letters_are_replayed_and_dropped(office: Office, run: Command) -> None:
    """One by its number, or all of a lane, the oldest first."""
    await office.say(told(State.INSTALLING), told(State.FAILED))
    for _ in range(2):
        await office.bury()
        await office.bury(TWO)
    listed = await said(run, "dead-letters", "list", "--lane", "cloud/one")
    assert [line[2:6] for line in listed] == [
        ["cloud/one", FIRST, "failed", "E17"],
        ["cloud/one", FIRST, "installing", "E17"],
    ]
    shown = await run("dead-letters", "show", listed[0][0])
    assert "said failed" in shown.stdout.splitlines()
    assert [
        line[4] for line in await said(run, "dead-letters", "replay", "--all", "--lane", "cloud/one")
    ] == [
        "installing",
        "failed",
    ]
    assert await office.waiting() == [State.INSTALLING]
    numbers = [line[0] for line in await said(run, "dead-letters", "list")]
    assert len((await answered(run, "dead-letters", "drop", *numbers))["dead_letters"]) == 2
    assert await said(run, "dead-letters", "list") == []


async def test_the_quarantine_is_looked_at(office: Office, run: Command) -> None:
    """Listed, and shown with its payload."""
    office.engine.set_aside(
        D1, "ota/P/d1/report", b"oops", reason="malformed", detail="not JSON", settle=lambda _: None
    )
    await office.ledger.drain()
    (line,) = await said(run, "quarantine", "list", "--device", "P/d1")
    assert line[2:] == ["P/d1", "ota/P/d1/report", "malformed", "not JSON"]
    assert "payload.text oops" in (await run("quarantine", "show", line[0])).stdout.splitlines()
    assert (await answered(run, "quarantine", "list", "--product", "Q"))["quarantine"] == []


async def test_what_a_device_says_does_not_break_a_line(office: Office, run: Command) -> None:
    """Its words may have tabs and newlines; a line stays a line."""
    office.engine.set_aside(
        D1, "ota/P/d1/report", b"", reason="malformed", detail="a\tb\nc", settle=lambda _: None
    )
    await office.ledger.drain()
    ((*_, detail),) = await said(run, "quarantine", "list")
    assert detail == "a b c"
