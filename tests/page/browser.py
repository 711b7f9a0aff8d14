"""One browser for all tests of the page, and tabs that notice whatever a person would have to find in the console."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Error, Page, Request, async_playwright, expect

TOKEN = "hunter2"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_KEEP = f"sessionStorage.setItem('ota-gateway.token', '{TOKEN}')"


@dataclass
class Tab:
    """A page, what it complained of, and whom it asked."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    #: What it may complain of: an answer of 401, say.
    expected: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", self._broke)
        self.page.on("request", self._request)
        self.page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)

    async def go(self, place: str = "") -> None:
        """Open the dashboard at one of its places."""
        await self.page.goto(f"{self.url}/{place}")

    async def ready(self) -> None:
        """Wait until it shows how things stand."""
        await self.page.wait_for_selector("html[data-connection=live]")
        await self.page.wait_for_selector("main h2, .figures")
        await expect(self.page.locator("main .empty", has_text="…")).to_have_count(0)

    async def sees(self, text: str, within: str = "main") -> None:
        """Wait for a text."""
        await self.page.locator(within).get_by_text(text).first.wait_for()

    async def title(self) -> str:
        """Return the sentence at the top."""
        return await self.page.locator("h1").inner_text()

    async def measure(self, script: str) -> Any:
        """Ask the page itself."""
        return await self.page.evaluate(script)

    def foreign(self) -> list[str]:
        """Return the addresses elsewhere that it asked for."""
        return [url for url in self.asked if not url.startswith((f"{self.url}/", "data:"))]

    def faults(self) -> Iterator[str]:
        """Yield what it complained of although it should not."""
        for complaint in self.complaints:
            if not any(known in complaint for known in self.expected):
                yield complaint

    def _said(self, message: ConsoleMessage) -> None:
        self.complaints.append(f"{message.type}: {message.text}")

    def _broke(self, error: Error) -> None:
        self.complaints.append(f"error: {error.message}")

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def tab(
    browser: Browser,
    url: str,
    *,
    has_token: bool = True,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    locale: str = "en-GB",
    expected: tuple[str, ...] = (),
) -> AsyncIterator[Tab]:
    """Open a tab that shares nothing with others; its console must be empty at the end."""
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", locale=locale
    )
    if has_token:
        await context.add_init_script(_KEEP)
    opened = Tab(await context.new_page(), url, expected=expected)
    try:
        yield opened
    finally:
        await context.close()
    faults = list(opened.faults())
    assert faults == [], faults
    assert opened.foreign() == []
