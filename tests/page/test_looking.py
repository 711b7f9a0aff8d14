"""The page as people look at it: at once, in their language, on their screen, in the dark."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Error

from tests.page.box import Box
from tests.page.browser import tab

pytestmark = pytest.mark.asyncio(loop_scope="session")
PLACES = (
    "#/",
    "#/updates",
    "#/devices",
    "#/refused",
    "#/stuck",
    "#/updates/PLAIN/d0017/default/1",
    "#/devices/PLAIN/d0017",
)
#: Elements that reach beyond the right edge of the screen, or of their section, with what they say.
BEYOND = """() => [...document.querySelectorAll('body *')].filter((each) => {
  const box = each.getBoundingClientRect();
  const isHidden = getComputedStyle(each.closest('thead') ?? each).position === 'absolute';
  const edge = Math.min(innerWidth, each.closest('section')?.getBoundingClientRect().right ?? innerWidth);
  return box.width > 1 && box.right > edge + 1 && !isHidden;
}).map((each) => each.tagName + ' ' + each.textContent.slice(0, 60))"""


async def test_it_shows_how_things_stand(browser: Browser, busy: Box) -> None:
    """Without a complaint, and without asking anybody else; how fast, `tests.page.measure` measures."""
    async with tab(browser, busy.url) as opened:
        await opened.go()
        await opened.ready()
        assert await opened.title() == "3 reports were refused for good."
        for title in ("Clouds", "Updating", "Does not move", "Dead letters", "Quarantine", "The last hours"):
            await opened.sees(title)
        assert any(url.endswith("/api/v1/events") for url in opened.asked)


async def test_its_policy_lets_nothing_else_in(browser: Browser, busy: Box) -> None:
    """What is not the gateway's own is neither run nor asked, whatever gets into the page."""
    async with tab(browser, busy.url, expected=("Content Security Policy", "net::ERR", "'Trusted")) as opened:
        await opened.go()
        await opened.ready()
        reply = await opened.page.request.get(busy.url)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        for markup in (
            "body.innerHTML = ''",
            "createElement('script').text = 'window.ran = true'",
            "body.setAttribute('onclick', 'window.ran = true')",
        ):
            with pytest.raises(Error, match="requires 'Trusted"):
                await opened.measure(f"document.{markup}")
        await opened.measure("document.body.setAttribute('style', 'opacity: 0')")
        assert await opened.measure("getComputedStyle(document.body).opacity") == "1"
        asking = "fetch('http://127.0.0.1:9/').then(() => 'asked', () => 'not asked')"
        assert await opened.measure(asking) == "not asked"


@pytest.mark.parametrize(
    ("locale", "lang", "words"),
    [
        ("en-GB", "en", ("Overview", "Does not move")),
        ("zh-CN", "zh-Hans", ("总览", "停滞")),
        ("fr-FR", "en", ("Overview",)),
    ],
)
async def test_it_speaks_the_readers_language(
    browser: Browser, busy: Box, *, locale: str, lang: str, words: tuple[str, ...]
) -> None:
    """As far as it knows it, and states and reasons as well."""
    async with tab(browser, busy.url, locale=locale) as opened:
        await opened.go()
        await opened.ready()
        for word in words:
            await opened.sees(word, "body")
        assert await opened.measure("document.documentElement.lang") == lang


async def test_the_language_is_switched_and_stays(browser: Browser, busy: Box) -> None:
    """In every place; nothing of the other language is left, but for what devices and clouds said."""
    async with tab(browser, busy.url) as opened:
        await opened.go()
        await opened.ready()
        await opened.page.get_by_role("button", name="Chinese: switch the language").click()
        await opened.sees("死信")
        for place in ("#/updates", "#/devices", "#/stuck", "#/updates/PLAIN/d0002/default/1"):
            await opened.go(place)
            await opened.ready()
            words = await opened.page.locator("main").inner_text()
            own = re.sub(r"PLAIN\S*|default\S*|downloading|rc1|V|tencent|onenet", "", words)
            assert re.findall(r"[A-Za-z]{4,}", own) == [], place


@pytest.mark.parametrize(
    ("width", "locale"), [(360, "en-GB"), (360, "zh-CN"), (800, "en-GB"), (1200, "en-GB"), (1920, "zh-CN")]
)
async def test_nothing_reaches_beyond_the_screen(
    browser: Browser, busy: Box, *, width: int, locale: str
) -> None:
    """On a phone as on a wall."""
    async with tab(browser, busy.url, width=width, locale=locale) as opened:
        for place in PLACES:
            await opened.go(place)
            await opened.ready()
            assert await opened.measure(BEYOND) == [], place
            assert await opened.measure("document.documentElement.scrollWidth <= innerWidth"), place


async def test_light_and_dark_are_the_systems_until_switched(browser: Browser, busy: Box) -> None:
    """And then stay as they were switched."""

    async def paper(opened: Any) -> int:
        colour = await opened.measure("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3])

    async with tab(browser, busy.url, dark=True) as opened:
        await opened.go()
        await opened.ready()
        assert await paper(opened) < 150
        await opened.page.get_by_role("button", name="Switch between light and dark").click()
        assert await paper(opened) > 600
        await opened.page.reload()
        await opened.ready()
        assert await paper(opened) > 600


async def test_long_lists_come_a_page_at_a_time(browser: Browser, busy: Box) -> None:
    """And the reader turns the pages."""
    async with tab(browser, busy.url) as opened:
        await opened.go("#/updates?show=all")
        await opened.page.wait_for_selector("tbody tr")
        assert await opened.page.locator("tbody tr").count() == 40
        await opened.go("#/updates?state=waiting_confirmation")
        await opened.page.wait_for_selector("tbody:not(:has(tr:nth-child(3)))")
        await opened.go("#/devices")
        await opened.page.get_by_label("Find a device").fill("PLAIN/d0017")
        await opened.page.keyboard.press("Enter")
        await opened.sees("waiting for consent")
        await opened.go("#/devices/PLAIN/nobody")
        await opened.sees("there is no device PLAIN/nobody")
        opened.expected = ("404",)
