"""The guard over the whole test run finds what it is there to find."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.leaks import leaks, secrets_of

ROOT = Path(__file__).parents[2]
SECRET = 's3cret/with+odd="chars"&ü'
SPELLINGS = {
    "plain": SECRET,
    "url": quote(SECRET, safe=""),
    "json": json.dumps(SECRET),
    "hexadecimal": SECRET.encode().hex(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 behind a name": base64.b64encode(f"name:{SECRET}".encode()).decode(),
    "base64 url-safe": base64.urlsafe_b64encode(f"xy{SECRET}!".encode()).decode(),
}
PRINTING = """
import base64
from gateway.config import Secret

def test_prints():
    print(base64.b64encode(b"user:" + Secret("a-secret-of-the-site").reveal().encode()).decode())

def test_hides():
    Secret("another-secret-of-the-site").reveal()
    print("***")
"""


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_found_in_every_spelling(spelling: str) -> None:
    """Wherever in the text it is."""
    [leak] = leaks({SECRET}, {"a page": f"before {SPELLINGS[spelling]} behind"})[:1]

    assert SECRET in leak
    assert "a page" in leak


def test_nothing_else_is() -> None:
    """Neither a part of it, nor a text that is like it, nor what is too short to be told from others."""
    assert leaks({SECRET, "short"}, {"a page": f"short {SECRET[:-2]} {SECRET[1:]}"}) == []


def test_a_test_that_prints_a_secret_fails(tmp_path: Path) -> None:
    """Even in base64, and behind a name; one that does not passes."""
    file = tmp_path / "test_printing.py"
    file.write_text(PRINTING)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        str(file),
    ]

    run = subprocess.run(
        [*command, "-c", "/dev/null", "--rootdir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "1 failed, 1 passed" in run.stdout, run.stdout + run.stderr
    assert "secrets were printed" in run.stdout


def test_the_secrets_of_a_configuration_are_known(tmp_path: Path) -> None:
    """Those that stand in it, in files beside it, and in the list of devices."""
    (tmp_path / "file").write_text("in-a-file\n")
    (tmp_path / "devices.csv").write_text("name,secret\nd1,of-a-device\nd2,\n")
    (tmp_path / "gateway.toml").write_text(
        'name = "site"\n[http]\ntoken = "literal"\n[clouds.c]\naccess_key = { file = "file" }\n'
        'access_token = { file = "gone" }\n[products.P]\ndevices_file = "devices.csv"\n'
    )

    assert secrets_of(tmp_path / "gateway.toml") == {"literal", "in-a-file", "of-a-device"}
