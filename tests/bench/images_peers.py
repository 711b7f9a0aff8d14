"""The two image servers of the comparison: ours, and nginx on the very files of our cache."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil

from tests.bench.server import SERVER_CORE, MissingError, Server, pinned_to
from tests.simulators.ports import free_port

START_S = 30.0
STOP_S = 10.0
NGINX_CONF = """\
daemon off;
worker_processes 1;
{user}
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/client;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root {root}; }}
    }}
}}
"""


class Gateway:
    """Our image server, which has nothing to serve before `fill`."""

    def __init__(self, process: subprocess.Popen[bytes], address: tuple[str, int]) -> None:
        self.server = Server(address, psutil.Process(process.pid))
        self._process = process
        self._hear()

    def fill(self) -> list[ServedImage]:
        """Let it take its images, and say what each device may fetch."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return [ServedImage(Path(each["file"]), each["links"]) for each in json.loads(self._hear())]

    def _hear(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise MissingError(f"the gateway's image server ended with {self._process.wait()}")
        return line


@dataclass(frozen=True, slots=True)
class ServedImage:
    """Where an image lies, and the URL for each device."""

    file: Path
    links: list[str]

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.file.stat().st_size


@contextmanager
def gateway(directory: Path, devices: int, sources: list[str]) -> Iterator[Gateway]:
    """Run ours for images from these sources: paths or URLs."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.images_server", str(directory), str(port), str(devices)]
    with pinned_to(SERVER_CORE):
        process = subprocess.Popen([*command, *sources], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with ending(process):
        yield Gateway(process, ("127.0.0.1", port))


@contextmanager
def nginx(directory: Path, files: list[Path]) -> Iterator[tuple[Server, list[str]]]:
    """Run nginx as one would for static files, one worker, sendfile, no log; gives a URL for each file."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise MissingError("nginx is not installed")
    port, root = free_port(), Path(os.path.commonpath(files))
    user = "user root;" if os.geteuid() == 0 else ""
    config = directory / "nginx.conf"
    config.write_text(NGINX_CONF.format(directory=directory, port=port, root=root, user=user))
    with pinned_to(SERVER_CORE):
        process = subprocess.Popen([program, "-c", str(config), "-e", str(directory / "nginx.log")])
    with ending(process):
        urls = [f"http://127.0.0.1:{port}/{file.relative_to(root)}" for file in files]
        _await_answer(process, urls[0])
        yield Server(("127.0.0.1", port), psutil.Process(process.pid)), urls


def _await_answer(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise MissingError(f"nginx ended with {process.returncode}")
        with contextlib.suppress(OSError), urlopen(url, timeout=5):
            return
        time.sleep(0.05)
    raise MissingError("nginx does not answer")


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process when it is no longer needed."""
    with process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
