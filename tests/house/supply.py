"""What the gateway is made of beside its own code: the lock, what of it runs at a site, and under which licences."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
TOOLS = ROOT / "requirements-audit.lock"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")


@dataclass(frozen=True, slots=True)
class Locked:
    """One line of a lock, with those that continue it."""

    name: str
    text: str

    @property
    def requirement(self) -> Requirement:
        """The name, the pin, and where it counts."""
        return Requirement(self.text.partition("--hash")[0].strip().removesuffix("\\").strip())

    @property
    def version(self) -> str:
        """The one version that it allows; "" when it allows others."""
        specifiers = list(self.requirement.specifier)
        is_pinned = (
            len(specifiers) == 1 and specifiers[0].operator == "==" and "*" not in specifiers[0].version
        )
        return specifiers[0].version if is_pinned else ""

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of the files that may be installed."""
        return _HASH.findall(self.text)


def locked(path: Path = LOCK) -> list[Locked]:
    """Read a lock."""
    text = path.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [Locked(canonicalize_name(re.split(r"[^\w.-]", line, maxsplit=1)[0]), line) for line in lines]


def runtime() -> set[str]:
    """Return the names of all that may be installed at a site, extras included, on this platform."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    own = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [Requirement(line) for line in own]
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        found.add(canonicalize_name(requirement.name))
        needed = map(Requirement, distribution(requirement.name).requires or [])
        waiting += [each for each in needed if _counts(each, requirement.extras)]
    return found


def _counts(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def licence(name: str) -> str:
    """Return what a package says of its licence: the expression, the field or the classifiers; "" if nothing."""
    said = distribution(name).metadata.json
    classifiers = [
        each.rpartition(" :: ")[2] for each in said.get("classifier", []) if each.startswith("License ::")
    ]
    field = str(said.get("license", "")).strip().splitlines()
    return str(said.get("license_expression", "")) or ", ".join(classifiers) or (field[0] if field else "")


def installed() -> Iterator[tuple[Locked, Distribution | None]]:
    """Yield what is locked, with what is installed of it; None where another platform needs it."""
    for each in locked():
        try:
            yield each, distribution(each.name)
        except PackageNotFoundError:
            yield each, None
