"""What the installation guide tells people to type is there."""

import re

import pytest

from gateway.cli import app
from tests.deploy.shipped import DEPLOY, ROOT, text

GUIDE = text("README.md")
LINKS = re.findall(r"\]\(([^)]+)\)", GUIDE) + re.findall(r"\]\(([^)]+)\)", text("runbook.md"))


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_a_link_leads_somewhere(link: str) -> None:
    """To a file, and to a heading of it where one is named."""
    path, _, anchor = link.partition("#")
    target = DEPLOY / path if path else DEPLOY / "README.md"
    assert target.exists()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", target.read_text(), flags=re.MULTILINE)
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\bdeploy/[\w./-]*\w", GUIDE)) - {"deploy/config"}))
def test_a_file_of_deploy_is_shipped(path: str) -> None:
    """What is copied must be there; the site's own configuration is the site's."""
    assert path.startswith("deploy/config/") or (ROOT / path).exists()


@pytest.mark.parametrize("guide", ["deploy/README.md", "deploy/runbook.md", "README.md"])
def test_a_command_that_is_named_is_one(guide: str) -> None:
    """Whatever stands behind the program's name in a guide."""
    named = set(re.findall(r"ota-gateway (?!-)([a-z][a-z-]+)(?= |`|$)", _shell(guide), flags=re.MULTILINE))
    known = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    known |= {str(group.name) for group in app.registered_groups}
    assert named
    assert named <= {name.replace("_", "-") for name in known}


def _shell(guide: str) -> str:
    """Return what a guide tells to type."""
    content = (ROOT / guide).read_text()
    typed = re.findall(r"```sh\n(.*?)```|`(ota-gateway [^`]*)`", content, flags=re.DOTALL)
    return "\n".join("\n".join(found) for found in typed)
