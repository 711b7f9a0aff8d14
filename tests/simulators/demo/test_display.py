"""What the demo shows, on a terminal and elsewhere."""

import io

from rich.console import Console

from tests.simulators.demo.campaign import Deed, Standing
from tests.simulators.demo.display import display
from tests.simulators.demo.roles import roles
from tests.simulators.demo.table import orders, table, verdict
from tests.simulators.demo.test_verdict import COUNT, ONENET, TENCENT, call, of_onenet, of_tencent
from tests.simulators.demo.verdict import Fetched, hearing_of_onenet, hearing_of_tencent
from tests.simulators.demo.watch import CloudView, View, device_news, image_news, news
from tests.simulators.fleet import DONE


def a_cloud(*, circuit: str = "closed", is_down: bool = False) -> CloudView:
    """Return a cloud as it may look."""
    return CloudView(
        name="tencent",
        is_down=is_down,
        heard=1234,
        ended=5,
        illegal=0,
        circuit=circuit,
        waiting=17,
        oldest_seconds=6.4,
    )


IMAGE = Fetched(version="2.1", size=2**21, begun={"tencent": 0, "onenet": 1}, bytes_sent=2**21, given=3)
VIEW = View(
    seconds=12.3,
    stages={"downloading": 7, "done": 3},
    sent=2000,
    acknowledged=1999,
    standings=(
        Standing(name="pump01", does="done", detail="runs 2.1"),
        Standing(name="pump02", does="fetching", detail="40 %"),
    ),
    images=(IMAGE,),
    clouds=(a_cloud(circuit="open", is_down=True),),
)


DEED = Deed(role=roles(1.0)[0], flashes={"2.1": 1}, runs="2.1", boots=2, misunderstood=0, ending=DONE)


def shown(console: Console) -> str:
    """Return what was printed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_lines() -> None:
    """Without a terminal: events at once, the state of things every two seconds."""
    console = Console(file=io.StringIO(), width=200)
    with display(console, 10) as lines:
        lines.say(1.0, "it begins")
        lines.show(VIEW)
        lines.show(VIEW)
    assert shown(console).splitlines() == [
        "  1.0 s  it begins",
        (
            " 12.3 s  by themselves: 7 downloading, 3 done | on orders: 1 fetching, 1 done"
            " | Tencent DOWN heard 1234, 17 waiting"
        ),
    ]


def test_panels() -> None:
    """On a terminal: the fleet, the clouds, the events."""
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    with display(console, 10) as panels:
        panels.say(1.0, "it begins")
        panels.show(VIEW)
    text = shown(console)
    for part in ("7 downloading · 3 done", "1,999 acknowledged", "DOWN", "1,234", "open", "6 s", "it begins"):
        assert part in text
    for part in ("pump02 fetching 40 %", "pump01 done runs 2.1", "image 2.1 fetched 1×, given 3×"):
        assert part in text


def test_table() -> None:
    """The issue's rows, with a zero in each of the last two."""
    console = Console(file=io.StringIO(), width=120)
    console.print(table(COUNT, [of_tencent(*TENCENT), of_onenet(*ONENET)], [IMAGE], [DEED]), verdict([]))
    rows = {row[1].strip(): [cell.strip() for cell in row[2:5]] for row in _rows(shown(console))}
    assert rows["reports sent by devices"] == ["10", "", ""]
    assert rows["reports heard by the cloud ¹"] == ["", "4", "4"]
    assert rows["updates that must end there ²"] == ["", "3", "2"]
    assert rows["image 2.1, fetched from the cloud"] == ["", "0", "1"]
    assert rows["image 2.1, given to devices"] == ["3", "", ""]
    assert rows["flashes of a device that took orders"] == ["1", "", ""]
    assert rows["illegal sequences"] == rows["lost terminals"] == ["", "0", "0"]
    assert "agree" in shown(console)


def test_orders() -> None:
    """What became of each device, as it says and as the clouds heard."""
    console = Console(file=io.StringIO(), width=80)
    address, dev_id = DEED.role.device.address, DEED.role.member.dev_id
    tencent = hearing_of_tencent({address: DONE}, [call(address, "done 100")])
    onenet = hearing_of_onenet([DEED.role.member], {address: DONE}, [call(dev_id, "result 201")])
    console.print(orders([DEED], [tencent, onenet]))
    assert [cell.strip() for cell in _rows(shown(console))[0][1:-1]] == [
        "pump01", "obeys", "HTTP", "both", "1×", "2.1", "done", "201",
    ]  # fmt: skip


def test_differences() -> None:
    """Each on its own line."""
    console = Console(file=io.StringIO(), width=120)
    console.print(verdict(["one thing", "another"]))
    assert shown(console).splitlines() == ["The records do not agree:", "  one thing", "  another"]


def test_news() -> None:
    """A circuit that opens or closes is an event; a probe is not."""
    closed = View(clouds=(a_cloud(),))
    is_open = View(clouds=(a_cloud(circuit="open"),))
    assert "opens" in news(a_cloud(circuit="open"), closed)
    assert "again" in news(a_cloud(), is_open)
    assert (
        news(a_cloud(circuit="half_open"), is_open)
        == news(a_cloud(), closed)
        == news(a_cloud(), View())
        == ""
    )


def test_news_of_images_and_devices() -> None:
    """An image that begins to come is an event, and so is what happens to a device; its steps are not."""
    assert image_news(VIEW, View()) == ["the gateway fetches image 2.1, 2 MiB, from OneNET"]
    assert image_news(VIEW, VIEW) == []
    away = View(standings=(Standing(name="pump02", does="away"),))
    assert device_news(VIEW, away) == ["pump02 is back and fetches what is missing"]
    assert device_news(VIEW, VIEW) == []


def _rows(text: str) -> list[list[str]]:
    return [line.split("│") for line in text.splitlines() if line.startswith("│")]
