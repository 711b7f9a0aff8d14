"""What devices call themselves and say reaches the page as text, and nothing else."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.devices import plain
from tests.page.box import box
from tests.page.browser import tab
from tests.page.stock import Stock

pytestmark = pytest.mark.asyncio(loop_scope="session")
IMAGE = "<img src=x onerror=ran(1)>"
SCRIPT = "</td><script>ran(2)</script>{count}${ran(3)}"
LINK = "javascript:ran(4)//%2e%2e/../?#"
#: As JSON of an event, of a word's places, of a table's end.
DETAIL = 'data: {"x":1}\n\nevent: end\n\n\'"><svg onload=ran(5)>'


async def test_hostile_words_are_shown_as_they_are(browser: Browser, tmp_path: Path) -> None:
    """Versions, modules, reasons and babble, in every place that shows them."""
    async with (
        box(tmp_path, Stock(devices=2)) as running,
        tab(browser, running.url) as opened,
        plain(running.site.mqtt_port, "live") as device,
    ):
        await opened.page.add_init_script("window.ran = (by) => { window.harm = by; }")
        await opened.go()
        await opened.ready()
        await device.runs("1.0")
        await device.stands(IMAGE, "downloading", percent=5, module="<b>m</b>")
        await device.stands(SCRIPT, "failed", phase="install", reason=IMAGE, detail=DETAIL, module=LINK)
        await device.says(type=IMAGE, version=SCRIPT)
        await opened.sees(IMAGE)
        await opened.sees(SCRIPT)
        for place, texts in {
            "#/updates?show=all": (IMAGE, SCRIPT, "<b>m</b>"),
            "#/devices": (IMAGE,),
            "#/devices/PLAIN/live": (IMAGE, SCRIPT),
            "#/refused": ("PLAIN/live",),
        }.items():
            await opened.go(place)
            await opened.ready()
            for text in texts:
                await opened.sees(text)
            assert await opened.measure("window.harm === undefined"), place
            assert await opened.page.locator("main :is(img, script, b, iframe)").count() == 0
            targets = await opened.measure("[...document.querySelectorAll('a')].map((each) => each.protocol)")
            assert set(targets) == {"http:"}
        await opened.go("#/updates?show=all")
        await opened.page.get_by_role("link", name="PLAIN/live").first.click()
        await opened.sees("Timeline")
        await opened.sees("onload=ran(5)")
        assert await opened.measure("window.harm === undefined")
