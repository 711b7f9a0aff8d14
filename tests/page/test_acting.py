"""The page at work: it shows at once what happens, and what a person does on it is done."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from gateway.model.states import State
from gateway.ops.api import events
from tests.e2e.devices import plain
from tests.integration.ops.office import open_office, told
from tests.integration.ops.reading import reading
from tests.page.box import Box, box
from tests.page.browser import TOKEN, Tab, tab
from tests.page.stock import Stock

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_a_device_says_is_seen_while_it_happens(browser: Browser, tmp_path: Path) -> None:
    """On the overview, in the lists and on its own page, while all are open; and who has yet to hear of it."""
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
        await overview.sees("PLAIN default to 2.2.0")
        await updates.sees("downloading 20 %")
        for percent in (57, 63, 71):
            await device.stands("2.2.0", "downloading", percent=percent)
            await updates.sees(f"downloading {percent} %")
        await device.stands("2.2.0", "failed", phase="install", reason="LOW_BATTERY", detail="3.1 V")
        await overview.sees("ended otherwise")
        await updates.sees("There are none here.")
        await updates.go("#/updates/PLAIN/live/default/1")
        await updates.sees(
            "while installing, the battery is low (3.1 V), gateway: its end has yet to reach onenet"
        )
        await updates.sees("downloading, 20 %")


async def test_a_person_acts_and_sees_what_came_of_it(browser: Browser, acted: Box) -> None:
    """Consent and sending again at once; what cannot be undone only when it is meant."""
    async with tab(browser, acted.url) as opened:
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


async def test_the_token_is_asked_for_and_forgotten_when_it_is_wrong(browser: Browser, busy: Box) -> None:
    """Once for the tab; the page itself holds no facts, and is open."""
    async with tab(browser, busy.url, has_token=False, expected=("401",)) as opened:
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


async def test_an_end_that_is_meant_is_no_loss(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that ends so that the token is shown again is taken up where it ended, and nobody sees it."""
    async with open_office(tmp_path) as office:
        url = f"http://{office.server.address}"
        async with reading(f"{url}/api/v1/events") as other, tab(browser, url) as opened:
            await other.expect("start")
            monkeypatch.setattr(events, "LIFE", 1.2)
            await opened.go()
            await opened.ready()
            await opened.measure(_WATCHED)
            async with asyncio.timeout(10):
                while sum(each.endswith("/events") for each in opened.asked) < 3:
                    await asyncio.sleep(0.05)
            await office.say(told(State.DOWNLOADING, percent=7))
            await opened.sees("P default to 2.0")
            assert set(await opened.measure("window.seen")) <= {"live"}
            assert await opened.title() == "2 reports are on their way."


_WATCHED = """() => {
  window.seen = [];
  const look = () => window.seen.push(document.documentElement.dataset.connection);
  new MutationObserver(look).observe(document.documentElement, { attributeFilter: ['data-connection'] });
}"""
