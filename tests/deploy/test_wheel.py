"""The gateway as a wheel in an environment of its own, as the installation guide and the image have it."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.deploy.shipped import ROOT

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


def run(*command: object, cwd: Path) -> str:
    """Run a command that succeeds, and return what it says; it finds no packages by the way of this environment."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=kept, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it as the guide does, from what git would ship, and ask no registry."""
    directory = tmp_path_factory.mktemp("wheel")
    sources = directory / "sources"
    sources.mkdir()
    for name in ("LICENSE", "README.md", "pyproject.toml", "adapters", "gateway"):
        (sources / name).symlink_to(ROOT / name)
    run("cp", "-rL", sources, directory / "copy", cwd=directory)
    run(
        *(*PIP, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", directory),
        directory / "copy",
        cwd=directory,
    )
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path) -> Path:
    """Install it apart from its sources; its dependencies are those of this environment, which the lock has proven."""
    made = wheel.parent / "venv"
    venv.create(made, symlinks=True)
    python = made / "bin" / "python"
    run(
        *(*PIP, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)),
        cwd=wheel.parent,
    )
    packages = next((made / "lib").glob("python*/site-packages"))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


def test_all_that_the_gateway_reads_is_in_the_wheel(wheel: Path) -> None:
    """Migrations, words, the page and every other file that is no program; and no test."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    files = {
        str(path.relative_to(ROOT))
        for package in ("gateway", "adapters")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
    }
    assert files <= packed
    assert not [name for name in packed if name.startswith("tests")]


def test_the_program_runs_from_its_own_environment(environment: Path, tmp_path: Path) -> None:
    """`check` proves a configuration, `--version` and the words of Chinese are there, far from the sources."""
    program = environment / "bin" / "ota-gateway"
    config = tmp_path / "gateway.toml"
    config.write_text(
        '[gateway]\ndata_dir = "data"\n[mqtt]\nlisten = "127.0.0.1:0"\n[http]\nlisten = "127.0.0.1:0"\n'
    )
    assert json.loads(run(program, "check", "--json", "--config", config, cwd=tmp_path))["ok"] is True
    assert run(program, "--version", cwd=tmp_path).startswith("ota-gateway ")
    found = run(
        *(environment / "bin" / "python", "-c"),
        "import gateway; from gateway.ops.words import say; print(gateway.__file__, say('state', 'failed', 'zh'))",
        cwd=tmp_path,
    )
    assert found.startswith(str(environment))
    assert found.strip().endswith("失败")
