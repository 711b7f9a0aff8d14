"""The page that shows the API's description: open to everybody, closed to everything from elsewhere, and usable."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page, async_playwright

from gateway.config import Secret
from gateway.ops import api, reference
from tests.integration.ops.office import Office, open_office

TOKEN = "hunter2"
STATIC = Path(reference.__file__).with_name("static")
FILES = ["", "/reference.css", "/reference.js", "/schema.js", "/trial.js"]


@pytest.mark.parametrize("path", FILES)
async def test_the_files_are_open_and_their_policy_is_strict(tmp_path: Path, path: str) -> None:
    """A browser can send no token for them; nothing inline, nothing from elsewhere, nothing sniffed."""
    async with open_office(tmp_path, Secret(TOKEN)) as office, aiohttp.ClientSession() as session:
        url = f"http://{office.server.address}/api/v1/docs{path}"
        async with session.get(url) as reply:
            assert reply.status == 200
            policy = reply.headers["Content-Security-Policy"]
            tag = reply.headers["ETag"]
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
        async with session.get(url, headers={"If-None-Match": tag}) as reply:
            assert (reply.status, await reply.read()) == (304, b"")
    assert "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_files_ask_nobody_else_and_read_no_html() -> None:
    """No other origin, no inline script or style, and no text that becomes markup."""
    text = {file.name: file.read_text() for file in STATIC.iterdir()}
    assert {f"/{name}" for name in text} - {"/index.html"} == set(FILES) - {""}
    assert [
        name for name, held in text.items() if re.search(r"https?://|innerHTML|insertAdjacent|eval\(", held)
    ] == []
    assert re.findall(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", text["index.html"]) == []


@asynccontextmanager
async def opened(office: Office, path: str, *, width: int) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open the page in Chromium; what the browser has to complain about comes with it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian: chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": width, "height": 800})
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(f"http://{office.server.address}{path}")
        yield page, complaints
        await browser.close()


async def test_an_operation_is_tried_from_the_page(tmp_path: Path) -> None:
    """By keyboard alone, on a narrow screen: the token, the operation, its parameters, and the answer."""
    async with (
        open_office(tmp_path, Secret(TOKEN)) as office,
        opened(office, "/api/v1/docs#show_device", width=360) as (page, complaints),
    ):
        await page.wait_for_selector("#token:focus")
        await page.keyboard.type("wrong")
        await page.keyboard.press("Enter")
        await page.get_by_text("That is not the token.").wait_for()
        await page.keyboard.type(TOKEN)
        await page.keyboard.press("Enter")
        operation = page.locator("#show_device")
        await operation.locator("h3", has_text="Refusals").wait_for()
        await operation.locator("form input").first.focus()
        for word in ("P", "d1"):
            await page.keyboard.type(word)
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await operation.locator("pre").wait_for()
        said = await operation.locator("output").inner_text()
        assert said.startswith("200 OK")
        assert '"id": "P/d1"' in said
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        assert [each for each in complaints if "401" not in each] == []


async def test_the_page_shows_all_that_is_described(tmp_path: Path) -> None:
    """Every operation, with its parameters, its answer and its refusals; without a token where none is asked for."""
    async with (
        open_office(tmp_path) as office,
        opened(office, "/api/v1/docs", width=1200) as (page, complaints),
    ):
        await page.wait_for_selector("details")
        for each in await page.locator("summary").all():
            await each.click()
        described = {
            operation["operationId"]
            for methods in api.description()["paths"].values()
            for operation in methods.values()
        }
        assert {await each.get_attribute("id") for each in await page.locator("details").all()} == described
        assert await page.locator("h3", has_text="Refusals").count() == len(described)
        assert await page.locator("form.trial").count() == len(described)
        assert complaints == []
