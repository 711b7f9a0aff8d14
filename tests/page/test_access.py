"""The page for everybody: by keyboard alone, read aloud, and with colours that are told apart."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.page.box import Box, box
from tests.page.browser import Tab, tab
from tests.page.stock import Stock

pytestmark = pytest.mark.asyncio(loop_scope="session")
PLACES = (
    "#/",
    "#/updates",
    "#/devices",
    "#/refused",
    "#/updates/PLAIN/d0017/default/1",
    "#/devices/PLAIN/d0017",
)

#: Texts whose colour is too near to what is behind it (WCAG 2.2, 1.4.3), with the ratio.
FAINT = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((parts(colour)[3] ?? 1) === 1) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement, box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (!text.data.trim() || box.width < 2 || box.right < 0 || element.closest('title')) continue;
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const [high, low] = [light(colour), light(behind(element))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (isLarge ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${element.className} ${text.data.slice(0, 40)}`);
  }
  return found;
}"""

#: What has no name, or is not what it should be, for whoever listens.
UNNAMED = """() => {
  const found = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const say = (what, each) => found.push(`${what}: ${each.outerHTML.slice(0, 80)}`);
  const named = (each) => {
    const by = each.getAttribute('aria-labelledby');
    return by ? document.getElementById(by)?.textContent : each.getAttribute('aria-label') ?? each.textContent;
  };
  for (const each of all('a, button, [role=img], table, nav, dialog')) if (!named(each)?.trim()) say('no name', each);
  for (const each of all('section')) if (!each.hasAttribute('aria-labelledby')) say('no name', each);
  for (const each of all('input:not([hidden])')) if (!each.labels.length) say('no label', each);
  for (const each of all('svg:not([role])')) if (each.getAttribute('aria-hidden') !== 'true') say('no role', each);
  for (const each of all('table')) {
    for (const scope of ['col', 'row']) if (!each.querySelector(`th[scope=${scope}]`)) say(`no ${scope} header`, each);
  }
  const ids = all('[id]').map((each) => each.id);
  found.push(...ids.filter((id, at) => ids.indexOf(id) !== at));
  found.push(...['h1', 'main', 'header', 'footer'].filter((one) => all(one).length !== 1));
  const levels = all('h1, h2, h3').map((each) => Number(each.tagName[1]));
  if (levels.some((level, at) => level - (levels[at - 1] ?? 0) > 1)) found.push(`headings ${levels}`);
  return found;
}"""

#: What can be focused, in the order of the page.
REACHABLE = """() => [...document.querySelectorAll('a[href], button, input, select, textarea')]
  .filter((each) => !each.hidden && each.getClientRects().length > 0).map((each) => each.outerHTML)"""
#: What is focused, and whether that is seen.
FOCUSED = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  const isSeen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.top >= 0 && box.left >= 0;
  return [at.outerHTML, isSeen];
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_every_text_stands_out(browser: Browser, busy: Box, *, dark: bool) -> None:
    """In every place, by the ratio that the standard asks for."""
    async with tab(browser, busy.url, dark=dark) as opened:
        for place in PLACES:
            await opened.go(place)
            await opened.ready()
            assert await opened.measure(FAINT) == [], place


async def test_every_verdict_stands_out(browser: Browser, busy: Box) -> None:
    """Good, warning, trouble and unknown, light and dark."""
    for dark in (False, True):
        async with tab(browser, busy.url, dark=dark) as opened:
            await opened.go()
            await opened.ready()
            for level in ("good", "warn", "bad", "unknown"):
                await opened.measure(f"document.querySelector('.headline').dataset.level = '{level}'")
                assert await opened.measure(FAINT) == [], level


async def test_everything_has_its_name_and_its_place(browser: Browser, busy: Box) -> None:
    """Landmarks, headings in order, tables with headers, plots in words."""
    async with tab(browser, busy.url) as opened:
        for place in PLACES:
            await opened.go(place)
            await opened.ready()
            assert await opened.measure(UNNAMED) == [], place
        await opened.go("#/")
        plot = opened.page.get_by_role("img", name="Progress to 2.1.0")
        label = str(await plot.get_attribute("aria-label"))
        assert "Progress to 2.1.0, succeeded: now " in label
        await opened.page.get_by_role("button", name="PLAIN default to 3.0.0-rc1").click()
        await expect(opened.page.get_by_role("img", name="Progress to 3.0.0-rc1")).to_be_visible()


async def test_everything_is_reached_by_keyboard(browser: Browser, busy: Box) -> None:
    """In the order of the page, and where one is can be seen."""
    async with tab(browser, busy.url) as opened:
        for place in ("#/", "#/devices"):
            await opened.go(place)
            await opened.page.reload()
            await opened.ready()
            wanted = await opened.measure(REACHABLE)
            assert len(wanted) > 20
            for each in wanted:
                await opened.page.keyboard.press("Tab")
                at, is_seen = await opened.measure(FOCUSED)
                assert at == each
                assert is_seen, at


async def test_a_person_acts_without_a_pointer(browser: Browser, acted: Box) -> None:
    """Focus comes back to where it was, and is not lost when what is below it changes."""
    async with tab(browser, acted.url) as opened:
        page = opened.page
        await opened.go("#/stuck")
        await opened.ready()
        refuse = page.get_by_role("button", name="Refuse: PLAIN/d0077/default/1")
        await refuse.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Leave it")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(refuse).to_be_focused()
        await page.get_by_role("button", name="Confirm: PLAIN/d0057/default/1").focus()
        await page.keyboard.press("Space")
        await expect(page.locator("#told")).to_have_text("Confirmed: PLAIN/d0057/default/1")
        await refuse.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#told")).to_have_text("Refused: PLAIN/d0077/default/1")


async def test_the_verdict_is_said_aloud_once(browser: Browser, tmp_path: Path) -> None:
    """When it becomes another one; not each second that something is older."""
    async with (
        box(tmp_path, Stock(devices=40, messages=40), is_silent=True) as running,
        tab(browser, running.url) as opened,
    ):
        await opened.go()
        spoken = opened.page.locator("#spoken[aria-live=polite]")
        await expect(spoken).to_contain_text("tencent has not answered since")
        await opened.measure(_COUNT)
        await seconds_pass(opened, 3)
        said: list[str] = await opened.measure("window.said")
        # On a busy machine the verdict may change meanwhile, or the connection be lost; each is said, and once.
        assert all(before != after for before, after in pairwise(said))
        assert len(said) <= len(set(said)) + said.count("Connection lost")


async def seconds_pass(opened: Tab, count: int) -> None:
    """Wait until the page has been drawn so many times, once a second."""
    oldest = opened.page.locator(".figure.oldest dd")
    for _ in range(count):
        before: Any = await oldest.inner_text()
        await expect(oldest).not_to_have_text(before)


_COUNT = """() => {
  window.said = [];
  const spoken = document.getElementById('spoken');
  new MutationObserver(() => window.said.push(spoken.textContent)).observe(spoken, { childList: true });
}"""
