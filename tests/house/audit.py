"""`make audit`: known vulnerabilities of all that is locked, the licences of what runs, and a bill of materials.

Its law: what was not looked up is said, and is no success. pip-audit by itself skips what its service does not answer
for, and then knows of no vulnerability.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any

from tests.house.supply import LOCK, ROOT, licence, locked, runtime

BUILD = ROOT / "build"
BILL = BUILD / "sbom.json"
_PATIENCE_S = 300


class Verdict(IntEnum):
    """What make is told."""

    GOOD = 0
    VULNERABLE = 1
    UNKNOWN = 3


def judge(report: str, expected: int) -> tuple[Verdict, list[str]]:
    """Say what pip-audit's JSON means for so many packages."""
    try:
        dependencies: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Verdict.UNKNOWN, [f"{expected} packages were not looked up: the service cannot be reached"]
    words = list(_vulnerabilities(dependencies))
    answered = sum("vulns" in each for each in dependencies)
    verdict = Verdict.VULNERABLE if words else Verdict.GOOD
    if answered < expected:
        verdict = verdict or Verdict.UNKNOWN
        why = "the service cannot be reached" if not answered else "the service does not know them"
        words.append(f"{expected - answered} of {expected} packages were not looked up: {why}")
    return verdict, words or [f"{answered} packages looked up, no known vulnerability"]


def _vulnerabilities(dependencies: list[dict[str, Any]]) -> Iterator[str]:
    for each in dependencies:
        for found in each.get("vulns", []):
            fixed = ", ".join(found.get("fix_versions", [])) or "no version yet"
            yield f"{each['name']} {each.get('version', '')}: {found['id']}, mended in {fixed}"


def list_licences() -> None:
    """Print under which licences all is that runs at a site."""
    print("licences of what runs at a site, extras included:")
    for name in sorted(runtime()):
        print(f"  {name}: {licence(name)}")


def look_up(tools: Path) -> Verdict:
    """Ask for known vulnerabilities of each locked version, and print what is known."""
    expected = len(locked())
    command = [f"{tools}/pip-audit", "--disable-pip", "--require-hashes", "-r", str(LOCK), "--format", "json"]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_PATIENCE_S, cwd=BUILD
        )
        verdict, words = judge(done.stdout, expected)
    except subprocess.TimeoutExpired:
        verdict, words = judge("", expected)
    print("known vulnerabilities of what is locked, test tools included:")
    for word in words:
        print(f"  {word}")
    return verdict


def write_bill(tools: Path) -> None:
    """Write a CycloneDX bill of what runs at a site, with the hashes that are installed."""
    at_site = BUILD / "runtime.txt"
    at_site.write_text("\n".join(each.text for each in locked() if each.name in runtime()) + "\n")
    command = [
        f"{tools}/cyclonedx-py",
        "requirements",
        str(at_site),
        "--pyproject",
        str(ROOT / "pyproject.toml"),
    ]
    # It warns that a lock says nothing of who needs whom.
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run(
        [*command, "--output-reproducible", "-o", str(BILL)], check=True, timeout=_PATIENCE_S, env=quiet
    )
    found = len(json.loads(BILL.read_text())["components"])
    print(f"bill of materials: {BILL.relative_to(ROOT)}, {found} components")


def main() -> int:
    """Do all three; the first argument is where the tools are."""
    tools = Path(sys.argv[1]).absolute()
    BUILD.mkdir(exist_ok=True)
    list_licences()
    write_bill(tools)
    return look_up(tools)


if __name__ == "__main__":
    sys.exit(main())
