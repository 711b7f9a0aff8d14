"""A gateway process under watch: what it holds, what it counts, what it logs."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from gateway.devices.broker import TlsFiles
from tests.e2e.site import log_lines
from tests.leaks import leaks, secrets_of
from tests.simulators.ports import free_port

GOOD, HOSTILE = 4, 1000
"""Devices of each kind that the gateway knows: good0…, bad0…"""

START_S, STOP_S, SETTLE_S = 30.0, 15.0, 15.0
SAMPLES_S = 0.02
TIMES_CALM = 3

CONFIG = """\
[gateway]
name = "fort"
data_dir = "{directory}/data"

[mqtt]
listen = "127.0.0.1:{port}"
{tls}
[mqtt.limits]
{limits}

[http]
listen = "127.0.0.1:{http_port}"

[clouds.tencent]
adapter = "tencent"
url = "http://127.0.0.1:{closed_port}/tokenapi"
access_token = "nobody-listens"

[products.P]
dialect = "plain"
authentication = "password"
clouds = ["tencent"]
tasks = "off"
devices_file = "{directory}/devices.csv"
{certified}"""

TLS = """\
tls_listen = "127.0.0.1:{port}"
tls_certificate = "{files.certificate}"
tls_key = "{files.key}"
tls_client_ca = "{files.client_ca}"
"""
CERTIFIED = """
[products.C]
dialect = "plain"
authentication = "certificate"
clouds = []
tasks = "off"
devices.dev1 = {}
"""


class Held(NamedTuple):
    """What the process holds."""

    resident_mb: float
    descriptors: int


class Watched(NamedTuple):
    """What good devices saw, and the most that the gateway held meanwhile."""

    latencies: list[float]
    peak_mb: float

    def is_bearable(self, calm: "Watched", *, middle_ms: float = 100) -> bool:
        """Whether half of the reports took no longer than thrice what nearly all take in peace, or than `middle_ms`.

        How many times as long the slowest take is measured by `tests.bench.fire`: here machines are too noisy for it.
        """
        return self.quantile_ms(0.5) < max(TIMES_CALM * calm.quantile_ms(0.99), middle_ms)

    def quantile_ms(self, part: float) -> float:
        """Return a quantile of the time to PUBACK."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000


@dataclass
class Fort:
    """One running gateway."""

    directory: Path
    port: int
    http_port: int
    process: psutil.Process
    #: 0: no such listener.
    tls_port: int = 0
    calm: Watched = field(init=False)

    def held(self) -> Held:
        """Ask the kernel."""
        return Held(self.process.memory_info().rss / 2**20, self.process.num_fds())

    def counted(self, metric: str, reason: str | None = None) -> float:
        """Return `ota_gateway_mqtt_…` from /metrics."""
        sample = f"ota_gateway_mqtt_{metric}" + (f'{{reason="{reason}"}}' if reason else "")
        for line in self._get("/metrics").splitlines():
            name, _, value = line.rpartition(" ")
            if name == sample:
                return float(value)
        raise AssertionError(f"{sample} is not in /metrics")

    def is_settled(self, before: Held) -> bool:
        """Whether nobody is connected and no more descriptors are open than before."""
        # The store, and whoever asks for the metrics, may have opened one or two of their own.
        return self.counted("clients") == 0 and self.held().descriptors <= before.descriptors + 3

    def settles(self, before: Held) -> None:
        """Wait until what an attack left is gone."""
        end = time.monotonic() + SETTLE_S
        while not self.is_settled(before):
            assert time.monotonic() < end, f"{self.held()} after {before}; {self.counted('clients')} clients"
            time.sleep(0.05)

    def complaints(self) -> list[str]:
        """Return what the log has of errors, and what it has that is no log."""
        lines = (self.directory / "gateway.log").read_text().splitlines()
        errors = [str(each) for each in log_lines(self.directory / "gateway.log") if each["level"] == "error"]
        return errors + [each for each in lines if "Traceback" in each or not each.startswith("{")]

    @contextlib.contextmanager
    def guarded(self) -> Iterator[Callable[[], Watched]]:
        """Let good devices report meanwhile; the function returns what they saw, afterwards."""
        command = [sys.executable, "-m", "tests.fire.mqtt.guard", str(self.port), str(GOOD)]
        peak, over = [self.held().resident_mb], threading.Event()
        watching = threading.Thread(target=self._sample, args=(peak, over), name="fort-samples")
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as guard:
            assert guard.stdout is not None
            assert guard.stdout.readline() == "ready\n"
            watching.start()
            seen: list[Watched] = []
            try:
                yield lambda: seen[0]
            finally:
                over.set()
                watching.join()
                said = json.loads(guard.communicate()[0])
        assert said["troubles"] == []
        seen.append(Watched(said["latencies"], peak[0]))

    def _sample(self, peak: list[float], over: threading.Event) -> None:
        while not over.wait(SAMPLES_S):
            peak[0] = max(peak[0], self.held().resident_mb)

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=START_S) as answer:
            return str(answer.read().decode())

    def status(self) -> Any:
        """Ask how things stand."""
        return json.loads(self._get("/api/v1/status"))

    def is_ready(self) -> bool:
        """Whether it takes reports."""
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            return bool(self._get("/readyz"))
        return False


@contextlib.contextmanager
def fort(
    directory: Path,
    *,
    tls: TlsFiles | None = None,
    environ: Mapping[str, str] | None = None,
    **limits: str | float,
) -> Iterator[Fort]:
    """Run a gateway with these limits, see how fast it is in peace, and end it."""
    ports = {"port": free_port(), "http_port": free_port(), "closed_port": free_port()}
    names = [f"good{number}" for number in range(GOOD)] + [f"bad{number}" for number in range(HOSTILE)]
    rows = "".join(f"{name},secret-{name}\n" for name in names)
    (directory / "devices.csv").write_text("name,secret\n" + rows)
    said = "\n".join(f"{key} = {json.dumps(value)}" for key, value in limits.items())
    config = directory / "gateway.toml"
    tls_port = free_port() if tls else 0
    more = {"tls": TLS.format(port=tls_port, files=tls), "certified": CERTIFIED} if tls else {}
    given = {"tls": "", "certified": "", **more, **ports}
    config.write_text(CONFIG.format(directory=directory, limits=said, **given))
    with (directory / "gateway.log").open("ab") as log:
        command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(environ or {})})
    try:
        made = Fort(directory, ports["port"], ports["http_port"], psutil.Process(process.pid), tls_port)
        _await(made, process)
        with made.guarded() as seen:
            time.sleep(1.5)
        made.calm = seen()
        yield made
        shown = {"/metrics": made._get("/metrics"), "the log": (directory / "gateway.log").read_text()}
        assert leaks(secrets_of(config), shown) == []
        process.terminate()
        assert process.wait(STOP_S) == 0
        assert made.complaints() == []
    finally:
        process.kill()
        process.wait()


def _await(made: Fort, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while not made.is_ready():
        assert process.poll() is None, (made.directory / "gateway.log").read_text()
        assert time.monotonic() < end, "the gateway does not become ready"
        time.sleep(0.02)
