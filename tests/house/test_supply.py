"""Nothing is installed at a site but what was locked, proven by its hash, and may be used there."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from gateway.devices.broker.seams import TESTED_VERSION
from tests.house import audit
from tests.house.audit import Verdict, judge
from tests.house.supply import LOCK, ROOT, TOOLS, Locked, installed, licence, locked, runtime

#: Families of licences under which a gateway may be given to anybody.
FREE = re.compile(
    r"MIT(-0)?|MIT License|BSD(-[23]-Clause| License)?|Apache(-2\.0| Software License)|ISC( License \(ISCL\))?"
    r"|PSF-2\.0|Python Software Foundation License|MPL-2\.0|Mozilla Public License 2\.0 \(MPL 2\.0\)"
)
#: Of an extra, unmodified and exchangeable, as its licence wants it.
LESSER = {"psycopg": "LGPL-3.0-only", "psycopg-binary": "LGPL-3.0-only"}
FORBIDDEN = re.compile(r"\bA?GPL|GNU (Affero )?General|SSPL|BUSL|Commons Clause|proprietary", re.IGNORECASE)


@pytest.mark.parametrize("path", [LOCK, TOOLS], ids=lambda path: path.name)
def test_everything_is_pinned_and_hashed(path: Path) -> None:
    """Each requirement has one version and the SHA-256 of each file; nothing else stands in the lock."""
    lines = locked(path)
    assert len(lines) > 20
    assert [each.name for each in lines if not each.version] == []
    assert [each.name for each in lines if not each.hashes] == []
    assert [each.name for each in lines if each.requirement.url or each.text.startswith("-")] == []
    assert re.search(r"https?://|git\+|file:|@ ", path.read_text()) is None


def test_no_name_is_locked_twice() -> None:
    """One version of each, whatever the platform."""
    names = [each.name for each in locked()]
    assert len(names) == len(set(names))


def test_what_is_installed_is_what_was_locked() -> None:
    """The tests run with the versions that a site gets."""
    strangers = {
        each.name: found.version for each, found in installed() if found and found.version != each.version
    }
    assert strangers == {}


def test_all_that_runs_at_a_site_is_locked() -> None:
    """Whatever the gateway's own requirements bring along is in the lock."""
    assert runtime() - {each.name for each in locked()} == set()


def test_the_broker_is_the_one_that_was_read() -> None:
    """The seams of amqtt were reviewed in one version: the pin, the lock and the check at start name that one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pin,) = [each for each in project["dependencies"] if each.startswith("amqtt")]
    (lock,) = [each for each in locked() if each.name == "amqtt"]
    assert (pin, lock.version) == (f"amqtt=={TESTED_VERSION}", TESTED_VERSION)


@pytest.mark.parametrize("name", sorted(runtime()))
def test_every_licence_lets_a_site_use_it(name: str) -> None:
    """No GPL, no AGPL, nothing without a licence; a new family is a decision that stands here."""
    said = licence(name)
    assert not FORBIDDEN.search(said), said
    if name in LESSER:
        assert said == LESSER[name]
        return
    choices = [re.split(r" AND |, ", choice) for choice in said.split(" OR ")]
    assert any(all(FREE.fullmatch(part) for part in choice) for choice in choices), said


def test_the_lesser_licences_are_of_extras_only() -> None:
    """Who installs no extra has none of them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not any(each.startswith(tuple(LESSER)) for each in project["dependencies"])


def test_a_lock_is_read_with_its_continuations() -> None:
    """Pins, markers and hashes, over many lines."""
    line = Locked("x", f"x==1.0 ; python_version < '3' --hash=sha256:{'a' * 64} --hash=sha256:{'b' * 64}")
    assert (line.version, len(line.hashes)) == ("1.0", 2)
    assert [Locked("x", each).version for each in ("x", "x>=1", "x==1.*", "x==1,<2")] == [""] * 4


FOUND = {"name": "b", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
GOOD = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (1)"}


@pytest.mark.parametrize(
    ("dependencies", "expected", "verdict"),
    [
        ([GOOD], 1, Verdict.GOOD),
        ([GOOD, FOUND], 2, Verdict.VULNERABLE),
        ([GOOD, SKIPPED], 2, Verdict.UNKNOWN),
        ([SKIPPED], 1, Verdict.UNKNOWN),
        ([FOUND, SKIPPED], 2, Verdict.VULNERABLE),
        ([GOOD], 2, Verdict.UNKNOWN),
        ([], 1, Verdict.UNKNOWN),
        (None, 1, Verdict.UNKNOWN),
    ],
)
def test_what_was_not_looked_up_is_not_called_good(
    dependencies: list[dict[str, object]] | None, expected: int, verdict: Verdict
) -> None:
    """pip-audit ends with "no known vulnerabilities" also where its service knew nothing at all."""
    report = "Connection refused" if dependencies is None else json.dumps({"dependencies": dependencies})
    found, words = judge(report, expected)
    assert found is verdict
    assert bool(words)
    if verdict is not Verdict.GOOD:
        assert any("PYSEC-1" in word or "not looked up" in word for word in words)


def test_the_licences_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each of the runtime's packages."""
    audit.list_licences()
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("  ")]) == len(runtime())
