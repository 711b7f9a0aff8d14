"""The command line as a process: on a real terminal, in a pipe, in bash, and what it tells the shell."""

import asyncio
import errno
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.text import Text

from gateway.cli.shell import EXIT_CODES, Exit
from gateway.model.states import Reason, State
from tests.integration.ops.office import D1, Office, told

FIRST = "P/d1/default/1"
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38;)[0-9;]*m")
COLUMNS = 80

Run = Callable[..., Awaitable[tuple[int, str]]]


def environment(**more: str) -> dict[str, str]:
    """Return what a login shell would have, and no more."""
    kept = ("PATH", "PYTHONPATH", "HOME")
    plain = {name: os.environ[name] for name in kept if name in os.environ}
    return {**plain, "TERM": "xterm-256color", "LANG": "C.UTF-8", **more}


def on_a_terminal(*arguments: str, columns: int = COLUMNS, **more: str) -> tuple[int, str]:
    """Run a command with a terminal for all three, and return its code and what the terminal got."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, columns))
    tty.setraw(its)
    command = [sys.executable, "-m", "gateway", *arguments]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment(**more))
    os.close(its)
    shown = bytearray()
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError as error:
        # Linux says so where the other end is closed.
        if error.errno != errno.EIO:
            raise
    finally:
        os.close(ours)
        code = process.wait(60)
    return code, shown.decode()


def in_a_pipe(*arguments: str, **more: str) -> tuple[int, str, str]:
    """Run a command in a pipe."""
    command = [sys.executable, "-m", "gateway", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(**more), check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def config(office: Office, tmp_path: Path) -> Path:
    """The configuration of a gateway that runs."""
    path = tmp_path / "gateway.toml"
    path.write_text(f'[gateway]\ndata_dir = "."\n[http]\nlisten = "{office.server.address}"\n')
    return path


@pytest.fixture
def run(config: Path) -> Run:
    """Return what runs a command on a terminal while the gateway answers."""

    async def invoke(*arguments: str, columns: int = COLUMNS, **more: str) -> tuple[int, str]:
        named = () if "-c" in arguments else ("-c", str(config))
        return await asyncio.to_thread(on_a_terminal, *arguments, *named, columns=columns, **more)

    return invoke


async def test_a_terminal_gets_tables_in_its_width(office: Office, run: Run) -> None:
    """With colours, in English and in Chinese, whose characters are twice as wide."""
    await office.say(told(State.FAILED, reason=Reason.LOW_BATTERY, detail="3.1 V"))
    for locale, words in (("C.UTF-8", "the battery is low"), ("zh_CN.UTF-8", "电量低")):
        code, shown = await run("updates", "show", FIRST, LC_ALL=locale)
        plain = Text.from_ansi(shown).plain
        assert (code, words in plain) == (0, True)
        assert max(map(cell_len, plain.splitlines())) <= COLUMNS


async def test_a_list_can_be_read_on_a_telephone(office: Office, run: Run) -> None:
    """Where a table does not fit, or a name leaves it no room, one thing stands below the other, and nothing is cut."""
    await office.say(told(State.FAILED, reason=Reason.LOW_BATTERY))
    for command in (("updates", "list"), ("updates", "show", FIRST), ("devices",)):
        code, shown = await run(*command, columns=30)
        lines = Text.from_ansi(shown).plain.splitlines()
        assert code == 0
        assert max(map(cell_len, lines)) <= 30
        assert "failed" in " ".join(lines) or command == ("devices",)
        assert not [line for line in lines if len(line.strip()) == 1], lines


async def test_lists_are_told_in_the_terminal_s_language(office: Office, run: Run) -> None:
    """Headings, codes and all; the words of devices and clouds stay as they are."""
    await office.say(told(State.DOWNLOADING))
    office.engine.set_aside(D1, "t", b"oops", reason="bad_json", detail="char 1", settle=lambda _: None)
    await office.bury()
    await office.order()
    await office.ledger.drain()
    for command, chinese, english in (
        (("status",), ("云通道", "进行中的升级", "下载中", "是"), ("uptime", "downloading", "true")),
        (("updates", "list"), ("目标版本", "下载中"), ("target", "downloading")),
        (("devices",), ("设备", "否", "下载中"), ("present", "false", "downloading")),
        (("orders",), ("云通道", "进行中"), ("lane", "open")),
        (("firmware",), ("升级包",), ("images",)),
        (("quarantine", "list"), ("隔离区", "不是 JSON", "char 1"), ("reason", "bad_json")),
        (("dead-letters", "list"), ("死信", "代码"), ("code", "dead letters")),
    ):
        code, shown = await run(*command, LC_ALL="zh_CN.UTF-8")
        assert code == 0
        assert [word for word in chinese if word not in shown] == [], shown
        assert [word for word in english if word in shown] == [], shown


async def test_colours_are_off_where_nobody_wants_them(office: Office, run: Run, tmp_path: Path) -> None:
    """NO_COLOR for all that is said, tables and sentences."""
    await office.say(told(State.FAILED))
    good = tmp_path / "good.toml"
    good.write_text(
        '[gateway]\ndata_dir = "."\n[mqtt]\nlisten = "127.0.0.1:0"\n[http]\nlisten = "127.0.0.1:0"\n'
    )
    for command in (("updates", "list"), ("check", "-c", str(good))):
        _, shown = await run(*command)
        assert COLOUR.search(shown), command
        _, plain = await run(*command, NO_COLOR="1")
        assert not COLOUR.search(plain), command


async def test_long_work_shows_its_progress_on_a_terminal_alone(
    office: Office, config: Path, run: Run
) -> None:
    """On standard error, gone in the end; a pipe gets the result and nothing else."""
    await office.say(told(State.FAILED))
    target = config.parent / "terminal.db"
    code, shown = await run("backup", str(target))
    assert (code, "copying" in shown, "terminal.db" in shown) == (0, True, True)
    piped = config.parent / "piped.db"
    code, out, complained = await asyncio.to_thread(in_a_pipe, "backup", str(piped), "-c", str(config))
    assert (code, complained) == (0, "")
    assert "\x1b" not in out
    await office.bury()
    code, shown = await run("dead-letters", "replay", "--all")
    assert (code, "replay" in shown) == (0, True)


async def test_what_the_shell_is_told(office: Office, config: Path, unused_tcp_port: int) -> None:
    """Each exit code of the documentation, by a process, with its trouble on one line of standard error."""
    await office.say(told(State.FAILED))
    broken, alone = config.parent / "broken.toml", config.parent / "alone" / "gateway.toml"
    broken.write_text("[gateway]\nname = 3\n")
    alone.parent.mkdir()
    alone.write_text(f'[gateway]\ndata_dir = "."\n[http]\nlisten = "127.0.0.1:{unused_tcp_port}"\n')
    foreign = config.parent / "foreign.toml"
    foreign.write_text(
        f'[gateway]\ndata_dir = "."\n[store]\nurl = "sqlite:///foreign.db"\n'
        f'[http]\nlisten = "127.0.0.1:{unused_tcp_port}"\n'
    )
    (config.parent / "foreign.db").write_bytes(b"no store at all" * 100)
    told_of = {}
    for code, arguments in {
        Exit.OK: ("status", "-c", str(config)),
        Exit.FAILED: ("cancel", FIRST, "-c", str(config)),
        Exit.CONFIGURATION: ("status", "-c", str(broken)),
        Exit.NOT_RUNNING: ("status", "-c", str(alone)),
        Exit.STORE: ("devices", "-c", str(foreign)),
    }.items():
        told_of[code], _, complained = await asyncio.to_thread(in_a_pipe, *arguments)
        assert complained.count("\n") == {Exit.OK: 0, Exit.CONFIGURATION: 2}.get(code, 1), complained
        assert "Traceback" not in complained
    assert told_of == {code: code.value for code in EXIT_CODES}


def test_a_mistake_on_the_command_line_is_told(config: Path) -> None:
    """In one line with the way out, and with the code for it."""
    code, _, complained = in_a_pipe("updates", "list", "--limit", "0", "-c", str(config))
    [line] = complained.splitlines()
    assert code == Exit.CONFIGURATION
    assert line.startswith("ota-gateway: invalid value for '--limit'")
    assert line.endswith("updates list --help")


def test_bash_completes_commands_options_and_states(tmp_path: Path) -> None:
    """With the script that the guide installs, in a real bash."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    program = tmp_path / "ota-gateway"
    program.write_text(f"#!{sys.executable}\nfrom gateway.__main__ import main\n\nmain()\n")
    program.chmod(0o755)
    script = """
        eval "$(_OTA_GATEWAY_COMPLETE=source_bash ota-gateway)"
        complete_line() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ota_gateway_completion ota-gateway; echo "${COMPREPLY[@]}"
        }
        complete_line ota-gateway sup
        complete_line ota-gateway updates s
        complete_line ota-gateway updates list --state wait
        complete_line ota-gateway updates show --lang
    """
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [bash, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environment(PATH=path),
    )
    assert done.stdout.splitlines() == ["support-bundle", "show", "waiting_confirmation", "--language"]


def test_ctrl_c_is_no_traceback_even_while_it_is_loaded(config: Path) -> None:
    """The shell is told that it was interrupted, and the terminal nothing."""
    command = [sys.executable, "-X", "importtime", "-m", "gateway", "status", "-c", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "rich" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in complained) == (-signal.SIGINT, False)


async def test_fetches_are_watched_until_they_are_over(office: Office, run: Run) -> None:
    """Without any there is nothing to wait for."""
    code, shown = await run("firmware", "--watch")
    assert (code, "images" in shown) == (0, True)
