"""What people install has all that the page and the words consist of."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.deploy.shipped import ROOT

NEEDED = ("pyproject.toml", "README.md", "LICENSE")


def test_a_built_wheel_has_the_page_and_the_words(tmp_path: Path) -> None:
    """Every file of the dashboard and every language, as they lie in the repository."""
    for name in NEEDED:
        shutil.copy(ROOT / name, tmp_path)
    for name in ("gateway", "adapters"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"
    built = subprocess.run(
        [sys.executable, "-c", build], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    with ZipFile(tmp_path / built.stdout.splitlines()[-1]) as wheel:
        for pattern in ("gateway/ops/dashboard/static/*", "gateway/ops/words/*.json"):
            files = list(ROOT.glob(pattern))
            assert files
            for file in files:
                assert wheel.read(file.relative_to(ROOT).as_posix()) == file.read_bytes()
