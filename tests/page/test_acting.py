"""The page at work: it shows at once what happens, and what a person does on it is done."""

import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.devices import plain
from tests.page.box import box
from tests.page.browser import TOKEN, Tab, tab
from tests.page.stock import Stock

pytestmark = pytest.mark.asyncio(loop_scope="session")
#: Seconds until what a device said is seen.
SOON = 1.0


async def test_what_a_device_says_is_seen_at_once(browser: Browser, tmp_path: Path) -> None:
    """On the overview, in the lists and on its own page, while all are open."""
    async with (
        box(tmp_path, Stock(devices=2)) as running,
        tab(browser, running.url) as overview,
        tab(browser, running.url) as updates,
        plain(running.site.mqtt_port, "live") as device,
    ):
        for opened, place in ((overview, "#/"), (updates, "#/updates")):
            await opened.go(place)
            await opened.ready()
        await device.runs("1.0")
        await device.stands("2.2.0", "downloading", percent=20)
        started = time.monotonic()
        await overview.sees("PLAIN default to 2.2.0", within_ms=1000 * SOON)
        await updates.sees("downloading 20 %", within_ms=1000 * SOON + 2000)
        await device.stands("2.2.0", "downloading", percent=57)
        said = time.monotonic()
        await updates.sees("downloading 57 %", within_ms=1000 * SOON)
        assert time.monotonic() - said < SOON
        await device.stands("2.2.0", "failed", phase="install", reason="LOW_BATTERY", detail="3.1 V")
        await overview.sees("ended otherwise")
        await updates.sees("There is no such update.")
        await updates.go("#/updates/PLAIN/live/default/1")
        await updates.sees("while installing, the battery is low (3.1 V)")
        await updates.sees("downloading, 20 %")
        assert time.monotonic() - started < 10


async def test_a_person_acts_and_sees_what_came_of_it(browser: Browser, tmp_path: Path) -> None:
    """Consent and sending again at once; what cannot be undone only when it is meant."""
    async with (
        box(tmp_path, Stock(devices=40, letters=3)) as running,
        tab(browser, running.url) as opened,
    ):
        page = opened.page
        await opened.go()
        await opened.ready()
        await page.get_by_role("button", name="Confirm: PLAIN/d0017/default/1").click()
        await expect(page.locator("#told")).to_have_text("Confirmed: PLAIN/d0017/default/1")
        await expect(page.get_by_role("button", name="Confirm: PLAIN/d0017")).to_have_count(0)

        refuse = page.get_by_role("button", name="Refuse: PLAIN/d0037/default/1")
        await refuse.click()
        await expect(page.get_by_role("dialog")).to_contain_text("Refuse this update?")
        await page.get_by_role("button", name="Leave it").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await refuse.click()
        await page.get_by_role("dialog").get_by_role("button", name="Refuse").click()
        await expect(page.locator("#told")).to_have_text("Refused: PLAIN/d0037/default/1")
        await expect(refuse).to_have_count(0)

        await page.get_by_role("button", name="Send again").first.click()
        await expect(page.get_by_role("button", name="Send again")).to_have_count(2)
        forget = page.get_by_role("button", name="Forget").first
        await forget.click()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Forget")).to_have_count(2)
        await forget.click()
        await page.get_by_role("dialog").get_by_role("button", name="Forget").click()
        await expect(page.get_by_role("button", name="Forget")).to_have_count(1)
        assert (await letters(opened)) == 1


async def letters(opened: Tab) -> int:
    """Ask the gateway itself how many dead letters there are."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    reply = await opened.page.request.get(f"{opened.url}/api/v1/dead-letters", headers=headers)
    return len((await reply.json())["dead_letters"])


async def test_the_token_is_asked_for_and_forgotten_when_it_is_wrong(
    browser: Browser, tmp_path: Path
) -> None:
    """Once for the tab; the page itself holds no facts, and is open."""
    async with (
        box(tmp_path, Stock(devices=2)) as running,
        tab(browser, running.url, has_token=False, expected=("401",)) as opened,
    ):
        page = opened.page
        await opened.go()
        await expect(page.get_by_role("dialog")).to_contain_text("The gateway's token")
        assert "PLAIN" not in await page.content()
        await page.get_by_role("textbox", name="Token").fill("not it")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("That is not the gateway's token.")
        assert await opened.measure("sessionStorage.length") == 0
        await page.get_by_role("textbox", name="Token").fill(TOKEN)
        await page.get_by_role("button", name="Open").click()
        await opened.ready()
        await page.reload()
        await opened.ready()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert TOKEN not in await opened.measure(
            "JSON.stringify(localStorage) + document.cookie + location.href"
        )


async def test_it_says_that_the_gateway_is_gone_and_comes_back_by_itself(
    browser: Browser, tmp_path: Path
) -> None:
    """What it shows meanwhile is said to be old; nobody has to load it anew."""
    async with (
        box(tmp_path, Stock(devices=5)) as running,
        tab(browser, running.url, expected=("net::ERR", "Failed to load", "ERR_INCOMPLETE")) as opened,
    ):
        page = opened.page
        await opened.go()
        await opened.ready()
        assert await opened.title() == "Everything is delivered."
        assert await running.site.stop() == 0
        await expect(page.locator("h1")).to_have_text("Connection lost")
        await opened.sees("This page shows how things stood then")
        await expect(page.locator("#foot")).to_contain_text("as of")
        await running.site.start()
        await expect(page.locator("h1")).to_have_text("Everything is delivered.", timeout=10_000)
