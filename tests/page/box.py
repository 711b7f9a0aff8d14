"""A running gateway with a stock of devices, and both simulated clouds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.devices import product
from tests.e2e.site import Site, both_clouds, site
from tests.page.browser import TOKEN
from tests.page.stock import Stock
from tests.simulators.tencent import TencentCloud

EXTRA = f'token = "{TOKEN}"\n[store]\nlane_quota = "4GiB"\njournal_max = 2000000\n'


@dataclass(frozen=True)
class Box:
    """The gateway, and the cloud to which most is told."""

    site: Site
    tencent: TencentCloud

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.site.http_port}"


@asynccontextmanager
async def box(directory: Path, stock: Stock, *, is_silent: bool = False) -> AsyncIterator[Box]:
    """Fill a store and start a gateway on it; `is_silent`: Tencent's cloud does not answer."""
    (directory / "data").mkdir()
    await stock.write(directory / "data")
    products = product("PLAIN", "plain", [*stock.names(), "live"])
    async with both_clouds() as (tencent, _, clouds), site(directory, products, clouds, extra=EXTRA) as made:
        tencent.faults.down = is_silent
        await made.start()
        yield Box(made, tencent)
        await made.stop()
