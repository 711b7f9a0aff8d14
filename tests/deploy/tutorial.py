"""Follows a tutorial literally: writes the files that it shows, types its commands, and compares what it promises.

A file is a fence below its name in backquotes and a colon; `sh` is typed into one shell, as a reader does; the lines of
a `text` below it must appear in what the shell printed. The last command may be repeated until they do, because a
reader waits a moment, too. Only ports are changed, so that nothing of the machine is in the way.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import pytest

from tests.simulators.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # seconds, for what a page promises

_FENCE = re.compile(
    r"(?:^`(?P<file>[\w./-]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
_END = re.compile(r"=== (\d+) ===\n")
_PORTS = re.compile(r"\b(?:1883|8070|8090|8900|9464)\b")


@dataclass(frozen=True, slots=True)
class Step:
    """A fence of a page."""

    kind: str
    body: str
    #: What it is the content of.
    file: str | None


def read(page: str) -> Iterator[Step]:
    """Yield what the reader of a page has to do and to see."""
    for fence in _FENCE.finditer(page):
        yield Step(fence["kind"], fence["body"], fence["file"])


class Reader:
    """Somebody with an empty directory, a shell, and `ota-gateway` in a virtual environment of their own."""

    def __init__(self, directory: Path) -> None:
        self._home = directory / "home"
        self._home.mkdir()
        self._venv = directory / "venv"
        _make_environment(self._venv)
        self._ports: dict[str, str] = {}
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=self._home,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._type("set -m")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._type("kill $(jobs -p) 2>/dev/null; wait")
        self._shell.kill()
        for pipe in (self._shell.stdin, self._shell.stdout):
            assert pipe is not None
            pipe.close()
        self._shell.wait()

    def write(self, name: str, content: str) -> None:
        """Have a file in the directory."""
        path = self._home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def install(self, program: str, script: str) -> None:
        """Have a program on the path: a few words of shell."""
        _program(self._venv / "bin" / program, script)

    def follow(self, page: Path) -> None:
        """Do all that a page says."""
        steps = list(read(_PORTS.sub(lambda found: self._port(found[0]), page.read_text())))
        for step, following in pairwise([*steps, Step("end", "", None)]):
            if step.file is not None:
                self.write(step.file, step.body)
            elif step.kind == "sh":
                self._do(step.body, following.body.splitlines() if following.kind == "text" else [])

    def _do(self, commands: str, promised: list[str]) -> None:
        """Type commands, and the last of them again until it succeeds and prints what is promised."""
        until = time.monotonic() + PATIENCE
        last = commands.strip().splitlines()[-1]
        said, code = self._type(commands)
        while code or not all(line in said for line in promised):
            if time.monotonic() > until:
                pytest.fail(
                    f"{commands}\nended with {code} and\n{said}\ninstead of 0 and\n" + "\n".join(promised)
                )
            time.sleep(0.2)
            said, code = self._type(last)

    def _type(self, commands: str) -> tuple[str, int]:
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{commands}\nprintf '\\n=== %s ===\\n' $?\n")
        self._shell.stdin.flush()
        said = ""
        for line in self._shell.stdout:
            if end := _END.fullmatch(line):
                return said, int(end[1])
            said += line
        pytest.fail(f"the shell ended after\n{commands}\nwith\n{said}")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TMPDIR")}
        listen = f"127.0.0.1:{self._port('9464')}"
        return {
            **kept,
            "PATH": f"{self._venv / 'bin'}:{os.environ['PATH']}",
            "OTA_GATEWAY_HTTP__LISTEN": listen,
        }

    def _port(self, named: str) -> str:
        return self._ports.setdefault(named, str(free_port()))


def _make_environment(made: Path) -> None:
    """Make a virtual environment like that of `make`, which borrows its packages from ours."""
    venv.create(made, symlinks=True)
    site = next((made / "lib").glob("python*/site-packages"))
    ours = [path for path in sys.path if path.endswith("-packages")]
    (site / "borrowed.pth").write_text("\n".join([str(ROOT), *ours]) + "\n")
    for program, module in (("ota-gateway", "gateway"), ("pip", "pip")):
        _program(made / "bin" / program, f'exec "{made}/bin/python" -m {module} "$@"')


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def needs(program: str, package: str) -> None:
    """Skip, and say what to install, where a program that the page names is missing."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (Debian: {package})")
