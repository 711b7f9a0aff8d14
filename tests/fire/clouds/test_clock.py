"""The box's clock is wrong: clouds deny us, which is said with its reason; nothing dies of it, and all heals."""

import asyncio
from pathlib import Path

import pytest

from gateway.model.identity import Lane
from gateway.ports.store import Circuit
from tests.fire.clouds.house import DEVICES, WALL, House, house, until
from tests.fire.clouds.injuries import CLOUDS
from tests.simulators.tencent import APP_KEY, APP_SECRET, EMAIL, LOGIN_PATH, PASSWORD

YEAR = 365 * 86400.0
LOGIN = f"""
[clouds.tencent.login]
url = "{{url}}{LOGIN_PATH}"
app_key = "{APP_KEY}"
app_secret = "{APP_SECRET}"
email = "{EMAIL}"
password = "{PASSWORD}"
"""


def circuit(made: House, cloud: str) -> Circuit:
    """Return how the circuit of a lane stands."""
    return made.gateway.lanes.gates[Lane(f"cloud/{cloud}")].state.circuit


@pytest.mark.parametrize(
    ("skew", "denied"),
    [(-WALL, CLOUDS), (-YEAR, CLOUDS), (-2 * 3600, CLOUDS), (YEAR, ("tencent",)), (-60.0, ())],
    ids=["1970", "a year ago", "two hours ago", "in a year", "a minute ago"],
)
async def test_a_wrong_clock_parks_and_heals(place: Path, skew: float, denied: tuple[str, ...]) -> None:
    """What a cloud denies waits, under the alert of a denied lane and with the clock as its reason; no dead letters."""
    async with house(place, skew=skew, tencent_login=LOGIN) as made:
        await made.connect()
        made.order("new")
        assert await made.update("new") < 1.0
        await until(lambda: all(made.words(cloud) for cloud in CLOUDS))
        await asyncio.sleep(30)

        for cloud in CLOUDS:
            waits = (await made.figures(cloud)).messages
            assert (waits > 0) == (cloud in denied), cloud
            assert (made.counted("cloud_up", lane=f"cloud/{cloud}") == 0) == (cloud in denied)
            assert made.counted("cloud_clock_skew_seconds", lane=f"cloud/{cloud}") == pytest.approx(
                -skew, abs=3
            )
            if cloud in denied and cloud != "tencent":
                assert "our clock is" in made.gateway.lanes.gates[Lane(f"cloud/{cloud}")].state.reason
        made.skew[0] = 0.0
        await made.drained(CLOUDS, within_s=400)

        for cloud in CLOUDS:
            assert sorted(made.ends(cloud, "new")) == sorted(DEVICES)
            assert (await made.figures(cloud)).dead_letters == 0
            assert circuit(made, cloud) is Circuit.CLOSED
        assert made.illegal() == []


async def test_a_token_lives_by_the_clouds_clock(place: Path) -> None:
    """A box that is ahead of its token's end uses it all the same, and does not log in for each report."""
    async with house(place, skew=YEAR, tencent_login=LOGIN) as made:
        made.tencent.login_tolerance = 2 * YEAR
        await made.connect()
        made.order("new")
        await made.update("new")

        await made.drained(CLOUDS, within_s=30)

        logins = [call for call in made.tencent.record.calls if call.action == "AppGetToken"]
        assert len(logins) == 1
        assert sorted(made.ends("tencent", "new")) == sorted(DEVICES)


async def test_a_token_is_renewed_by_the_clouds_clock(place: Path) -> None:
    """A box that is behind renews its token before the cloud ends it, and no report is refused for it."""
    async with house(place, skew=-YEAR, tencent_login=LOGIN) as made:
        made.tencent.login_tolerance = 2 * YEAR
        made.tencent.token_lifetime = 600.0
        await made.connect(["d0"])
        for number in range(4):
            await made.update(f"v{number}", ["d0"])
            await made.drained(["tencent"], within_s=30)
            await asyncio.sleep(250)

        refused = [call for call in made.tencent.record.calls if call.verdict == "refused"]
        assert refused == []
        assert [made.ends("tencent", f"v{number}") for number in range(4)] == [["d0"]] * 4
