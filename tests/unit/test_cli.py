"""The command line: what it prints and what it tells the shell."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner, Result

from gateway import cli, examination, logs
from gateway.cli import serving
from gateway.config import Address, Config, Secret
from gateway.errors import ConfigError, StoreError, Unavailable
from gateway.logs import Redactor
from gateway.ops.http import OpsServer
from gateway.ops.readiness import Check

REPORT = {
    "name": "site-01",
    "ready": True,
    "lanes": {"cloud/tencent": {"state": "closed", "waiting": 1234}, "cloud/onenet": {"state": "open"}},
    "clouds": ["tencent", "onenet"],
}
QUIET = '[gateway]\ndata_dir = "."\n[mqtt]\nlisten = "127.0.0.1:0"\n[http]\nlisten = "127.0.0.1:0"\n'

Site = Callable[[str], Path]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return a function that writes a configuration file and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(autouse=True)
def _own_umask() -> Iterator[None]:
    """Keep `run` from changing what other tests' files are made with."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def _own_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep `run` from changing the logging of the test process."""
    monkeypatch.setattr(logs, "_redactor", Redactor())
    monkeypatch.setattr(logs, "_route_logging", lambda *_: None)
    yield
    structlog.reset_defaults()


def invoke(*arguments: object, **options: Any) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], **options)


def _app_that(monkeypatch: pytest.MonkeyPatch, outcome: BaseException | None) -> list[Config]:
    """Let `run` meet an application that ends at once; return the configurations that it was given."""
    seen: list[Config] = []

    async def run_app(config: Config, *, config_path: Path) -> None:
        seen.append(config)
        await asyncio.sleep(0)
        if outcome is not None:
            raise outcome

    monkeypatch.setattr(serving, "run_app", run_app)
    return seen


def test_the_version_is_printed() -> None:
    """`python -m gateway --version` works as the installed command does."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("ota-gateway ")


def test_the_exit_codes_are_documented() -> None:
    """Each exit code and its meaning are in the help."""
    shown = " ".join(invoke("--help").output.split())
    for code, meaning in cli.EXIT_CODES.items():
        assert f"{code.value} {meaning}" in shown
    assert list(cli.EXIT_CODES) == list(cli.Exit)


@pytest.mark.parametrize("command", ["run", "check", "status"])
def test_a_bad_configuration_is_told_with_all_its_mistakes(site: Site, command: str) -> None:
    """Every command that reads the configuration exits with 2 and lists the mistakes on standard error."""
    path = site("surprise = 1\n" + QUIET.replace("data_dir", "nam = 2\ndata_dir"))
    result = invoke(command, "--config", path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{path} has 2 mistakes:",
        f"  surprise is not a known key; known here: {', '.join(sorted(Config.model_fields))}",
        '  gateway.nam is not a known key; did you mean "name"?',
    ]


def test_the_path_may_come_from_the_environment(tmp_path: Path) -> None:
    """A container sets OTA_GATEWAY_CONFIG once for all commands."""
    result = invoke("check", env={"OTA_GATEWAY_CONFIG": str(tmp_path / "gone.toml")})
    assert f"{tmp_path / 'gone.toml'} has 1 mistake:" in result.stderr


def test_very_many_mistakes_do_not_fill_the_screen(site: Site) -> None:
    """The first fifty are shown; JSON has them all."""
    path = site("\n".join(f"key{n} = 1" for n in range(60)))
    assert invoke("check", "-c", path).stderr.splitlines()[-1] == "  and 10 more; check --json lists all"
    assert len(json.loads(invoke("check", "-c", path, "--json").stdout)["problems"]) == 60


def test_check_says_that_all_is_good(site: Site) -> None:
    """A good configuration on a fit machine exits with 0."""
    path = site(QUIET)
    result = invoke("check", "-c", path)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{path} is good\n", "")


def test_check_finds_what_only_this_machine_can_tell(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets, adapters and addresses are tried, all problems come at once."""
    monkeypatch.setattr(examination, "check", lambda _: ["clouds.c.adapter is unknown"])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = site(
            QUIET.replace('listen = "127.0.0.1:0"', f'listen = "127.0.0.1:{port}"', 1)
            + 'token = { env = "OTA_GONE" }'
        )
        result = invoke("check", "--json", "-c", path)
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "ok": False,
        "warnings": [],
        "problems": [
            "http.token: the environment variable OTA_GONE is not set; put the secret there",
            (
                f'mqtt.listen is "127.0.0.1:{port}", which cannot be listened on (Address already in use); '
                "free it, or choose another"
            ),
            "clouds.c.adapter is unknown",
        ],
    }


MANY = """
surprise = 1
[gateway]
log_level = "loud"
data_dir = "file"
[mqtt]
listen = "127.0.0.1:0"
tls_listen = "127.0.0.1:0"
tls_certificate = "gone.crt"
tls_key = "gone.key"
lissten = 1
[http]
listen = "127.0.0.1:0"
token = { env = "OTA_GONE" }
[store]
lane_quota = "much"
password = "hunter2"
[clouds.a]
adapter = "tencet"
concurrency = 0
[clouds.b]
adapter = "tencent"
acess_token = { file = "gone" }
timeout = "1h"
[clouds.c]
timeout = "soon"
[products.P]
dialect = "klingon"
authentication = "tencent"
clouds = ["bb"]
deadlines = { downloadin = "1h" }
[products.P.devices]
d1 = { secret = { env = "OTA_GONE" }, b = { device_name = "x" } }
d2 = { secret = "not base64!", b = { device_name = "x" } }
d3 = { b = { device_name = "y" } }
d4 = { sekret = "hunter3" }
"""


@pytest.mark.parametrize("command", ["check", "run"])
def test_every_mistake_is_told_in_one_round(site: Site, command: str) -> None:
    """Mistakes in keys, between them, in adapters, secrets and files: none hides another, none comes twice."""
    path = site(MANY)
    (path.parent / "file").write_text("")
    result = invoke(command, "-c", path)
    told = [line.strip() for line in result.stderr.splitlines()]
    starts = [
        "surprise is not a known key",
        "mqtt.lissten is not a known key",
        "store.lane_quota is",
        "store.password is set, and store.url is SQLite",
        "gateway.log_level is",
        "clouds.a.concurrency is 0",
        "clouds.b.timeout is 3600 s",
        "clouds.c.adapter is missing",
        "clouds.c.timeout is",
        "products.P.dialect is",
        'products.P.deadlines.downloadin is not a known key; did you mean "downloading"?',
        'products.P.clouds names "bb"',
        "products.P.devices.d4.sekret is not a known key",
        'products.P.devices.d2 has the b device_name "x"',
        "products.P.devices.d3 has no secret",
        "gateway.data_dir is",
        "mqtt.tls_certificate is",
        "http.token: the environment variable OTA_GONE is not set",
        "clouds.b.acess_token: the file",
        "products.P.devices.d1.secret: the environment variable OTA_GONE is not set",
        'clouds.a.adapter is "tencet"; it must be an installed adapter',
        'clouds.b.acess_token is not a known key; did you mean "access_token"?',
        "products.P.devices.d2 cannot log in",
    ]
    assert result.exit_code == 2
    assert told[0] == f"{path} has {len(starts)} mistakes:"
    assert [start for start in starts if sum(line.startswith(start) for line in told) != 1] == []
    assert "hunter" not in result.output
    assert "secret_missing" not in result.output


def test_check_asks_the_adapter_about_its_secrets(site: Site) -> None:
    """A key that can sign nothing is found before the first request."""
    cloud = '[clouds.x]\nadapter = "onenet"\nresource = "products/1"\naccess_key = "hunter2!"\n'
    result = invoke("check", "-c", site(QUIET + cloud))
    assert result.exit_code == 2
    assert "  clouds.x.access_key is not base64;" in result.stderr
    assert "hunter" not in result.output


def test_check_asks_the_adapter_about_devices_to_poll_for(site: Site) -> None:
    """What a device lacks is told, also where it cannot log in either."""
    text = (
        '[firmware]\nlisten = "127.0.0.1:0"\npublic_url = "http://192.0.2.1"\n'
        '[clouds.x]\nadapter = "onenet"\nresource = "products/1"\naccess_key = "VE9Q"\n'
        '[products.P]\ndialect = "plain"\nauthentication = "password"\nclouds = ["x"]\ntasks = "poll"\n'
        'devices.d.x = { dev_id = "1", manuf = "101" }\n'
    )
    told = invoke("check", "-c", site(QUIET + text)).stderr.splitlines()[1:]
    assert [line.split(" ")[2] for line in told] == ["products.P.devices.d", "products.P.devices.d.x.model"]


def test_a_secret_of_an_adapter_from_nowhere_is_named(site: Site) -> None:
    """A source without a name is a mistake of that key, and the rest of the table is still read."""
    cloud = '[clouds.x]\nadapter = "onenet"\naccess_key = { file = "" }\n'
    told = invoke("check", "-c", site(QUIET + cloud)).stderr.splitlines()[1:]
    assert [line.split(" ")[2] for line in told] == ["clouds.x.resource", "clouds.x.access_key:"]


def test_run_tells_all_that_is_wrong_when_one_thing_ends_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the application meets first is not all that must be corrected."""
    _app_that(monkeypatch, ConfigError(["products.P.devices.d cannot log in: secret_missing: …"]))
    path = site(
        QUIET
        + 'token = { env = "OTA_GONE" }\n[products.P]\ndialect = "plain"\nauthentication = "password"\n'
        + 'clouds = []\ndevices.d.secret = { env = "OTA_GONE" }\n'
    )
    result = invoke("run", "-c", path)
    assert (result.exit_code, result.stderr.splitlines()) == (
        2,
        [
            f"{path} has 2 mistakes:",
            "  http.token: the environment variable OTA_GONE is not set; put the secret there",
            "  products.P.devices.d.secret: the environment variable OTA_GONE is not set; put the secret there",
        ],
    )


def test_check_takes_mistakes_that_the_application_raises(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter's own mistakes are listed like ours."""
    monkeypatch.setattr(examination, "check", lambda _: ["clouds.c.url is missing"])
    result = invoke("check", "-c", site(QUIET))
    assert result.exit_code == 2
    assert "  clouds.c.url is missing\n" in result.stderr


def test_run_hands_over_and_ends_well(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application gets the configuration; secrets are kept out of the log from the start."""
    seen = _app_that(monkeypatch, None)
    path = site(QUIET + 'token = "hunter2"\n[store]\nurl = "sqlite:///x.db"\n')
    result = invoke("run", "-c", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [config.http.token for config in seen] == [Secret("hunter2")]
    assert logs._redactor.clean("say hunter2") == "say ***"


def test_run_starts_without_a_secret_that_may_come_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing secret is the business of whoever needs it."""
    seen = _app_that(monkeypatch, None)
    assert invoke("run", "-c", site(QUIET + 'token = { env = "OTA_GONE" }')).exit_code == 0
    assert len(seen) == 1


FAILURES = {
    "store": (StoreError("the store is damaged; restore it"), 4, "the store is damaged; restore it"),
    "configuration": (ConfigError(["clouds.c.adapter is unknown"]), 2, "clouds.c.adapter is unknown"),
    "cloud": (Unavailable("no cloud"), 1, "unavailable: no cloud"),
    "address": (
        OSError(98, "Address already in use"),
        1,
        "Address already in use; ota-gateway check names the key",
    ),
    "file": (
        FileNotFoundError(2, "No such file or directory", "server.key"),
        1,
        "server.key: No such file or directory; ota-gateway check names the key",
    ),
    "group": (
        ExceptionGroup(
            "tasks", [ExceptionGroup("inner", [StoreError("disk full")]), StoreError("disk full")]
        ),
        4,
        "disk full",
    ),
}


@pytest.mark.parametrize(("outcome", "code", "sentence"), FAILURES.values(), ids=FAILURES)
def test_run_says_expected_trouble_in_one_line(
    site: Site, monkeypatch: pytest.MonkeyPatch, outcome: BaseException, code: int, sentence: str
) -> None:
    """Expected trouble has its exit code and one line, even out of a task group, and no traceback."""
    _app_that(monkeypatch, outcome)
    result = invoke("run", "-c", site(QUIET))
    assert (result.exit_code, result.stderr) == (code, f"ota-gateway: {sentence}\n")


def test_run_does_not_hide_a_bug(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expected keeps its traceback."""
    _app_that(monkeypatch, ExceptionGroup("tasks", [StoreError("disk full"), KeyError("bug")]))
    assert isinstance(invoke("run", "-c", site(QUIET)).exception, ExceptionGroup)


async def _status(site: Site, *options: str, token: str = "hunter2", **more: Any) -> Result:
    """Ask a real server on a free port."""

    async def report() -> dict[str, Any]:
        await asyncio.sleep(0)
        return REPORT

    async def no_checks() -> list[Check]:
        await asyncio.sleep(0)
        return []

    server = OpsServer(
        listen=Address("127.0.0.1", 0),
        token=Secret("hunter2"),
        registry=CollectorRegistry(),
        checks=no_checks,
        status=report,
    )
    async with server:
        path = site(f'[http]\nlisten = "{server.address}"\ntoken = "{token}"')
        return await asyncio.to_thread(invoke, "status", "-c", path, *options, **more)


async def test_status_is_one_fact_a_line_in_a_pipe(site: Site) -> None:
    """Off a terminal each fact has its path, for grep."""
    result = await _status(site)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "name site-01",
        "ready true",
        "lanes.cloud/tencent.state closed",
        "lanes.cloud/tencent.waiting 1234",
        "lanes.cloud/onenet.state open",
        "clouds[0] tencent",
        "clouds[1] onenet",
    ]


async def test_status_is_the_report_itself_as_json(site: Site) -> None:
    """Scripts get what the gateway said."""
    result = await _status(site, "--json")
    assert json.loads(result.stdout) == REPORT


async def test_status_is_tables_on_a_terminal(site: Site) -> None:
    """People get a table of facts and one for each section."""
    result = await _status(site, env={"FORCE_COLOR": "1", "COLUMNS": "100"})
    assert "\x1b[" in result.stdout
    for word in ("site-01", "cloud/tencent", "1234", "tencent, onenet"):
        assert word in result.stdout


async def test_a_lane_that_fails_is_not_called_well(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few failures open no circuit; who reads "takes reports" beside a reason would look elsewhere."""
    lanes = {
        name: {"circuit": "closed", "reason": reason}
        for name, reason in (("a", "connect: refused"), ("b", ""))
    }
    monkeypatch.setitem(REPORT, "lanes", lanes)
    shown = (await _status(site, "--language", "en")).stdout.splitlines()
    assert shown[-6:-2] == [
        "lane.a.circuit its last request failed",
        "lane.a.reason connect: refused",
        "lane.b.circuit takes reports",
        "lane.b.reason -",
    ]


async def test_status_with_another_token_fails(site: Site) -> None:
    """The answer tells what to correct."""
    result = await _status(site, token="hunter3")
    assert result.exit_code == 1
    assert "refuses http.token" in result.stderr
    assert "hunter" not in result.output


def test_status_of_a_gateway_that_does_not_run(site: Site, unused_tcp_port: int) -> None:
    """Nobody there has an exit code of its own."""
    result = invoke("status", "-c", site(f'[http]\nlisten = "127.0.0.1:{unused_tcp_port}"'))
    assert result.exit_code == 3
    assert result.stderr.startswith(
        f"ota-gateway: no gateway answers at http://127.0.0.1:{unused_tcp_port} ("
    )


def test_status_without_its_token_is_a_configuration_mistake(site: Site) -> None:
    """A token file that is not there is named before anybody is asked."""
    result = invoke("status", "-c", site('[http]\ntoken = { env = "OTA_GONE" }'))
    assert (result.exit_code, result.stderr) == (
        2,
        "ota-gateway: http.token: the environment variable OTA_GONE is not set; put the secret there\n",
    )


@pytest.mark.parametrize(("options", "head"), [([], "scrypt$"), (["--scheme", "sha256"], "sha256$")])
def test_a_secret_from_standard_input_is_hashed(site: Site, options: list[str], head: str) -> None:
    """The hash is one line, of the form that the configuration takes, and the secret is not printed."""
    result = invoke("hash-secret", *options, input="hunter2\n")
    assert result.exit_code == 0
    assert result.stdout.startswith(head)
    assert "hunter2" not in result.output
    path = site(
        QUIET + '[products.P]\ndialect = "plain"\nauthentication = "password"\nclouds = []\n'
        f'devices.d.secret_hash = "{result.stdout.strip()}"'
    )
    assert invoke("check", "-c", path).exit_code == 0


def test_an_empty_secret_is_not_hashed() -> None:
    """Nothing is no secret."""
    result = invoke("hash-secret", input="\n")
    assert (result.exit_code, result.stderr) == (
        1,
        "ota-gateway: the secret is empty; give it on standard input or at the prompt\n",
    )
