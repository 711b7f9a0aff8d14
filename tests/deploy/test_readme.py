"""What the installation guide tells people to type is there."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.deploy.shipped import DEPLOY, ROOT, text, tool
from tests.e2e.site import site

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


async def test_a_backup_of_a_running_gateway_is_whole(tmp_path: Path) -> None:
    """Both ways of the guide work beside the one writer, and the copy is good to start on."""
    sqlite = tool("sqlite3", "sqlite3")
    async with site(tmp_path, "", "") as gateway:
        await gateway.start()
        for number, command in enumerate((".backup '{}'", "VACUUM INTO '{}'")):
            assert command.split("'")[0].strip() in GUIDE
            copy = tmp_path / f"copy{number}.db"
            await _run(sqlite, f"{tmp_path}/data/gateway.db", command.format(copy))
            with closing(sqlite3.connect(copy)) as connection:
                assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        assert await gateway.stop() == 0
        for stale in (tmp_path / "data").glob("gateway.db*"):
            stale.unlink()
        copy.rename(tmp_path / "data" / "gateway.db")
        await gateway.start()
        assert await gateway.stop() == 0
    assert "store_damaged" not in gateway.log()


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0
